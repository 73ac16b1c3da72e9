"""The child process that runs checks; :mod:`fpt_plugins.testing.running` watches it."""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn

from fpt_plugins.options import converter
from fpt_plugins.testing.fresh_process import own_output
from fpt_plugins.testing.subject import Subject
from fpt_plugins.testing.suite import CHECKS


def main(name: str, *checks: str) -> NoReturn:
    """Print the name of each check before it runs, and its result after it, as lines of JSON."""
    rows, plugin = own_output(), Subject(name)
    for check in checks:
        print(json.dumps(check), file=rows, flush=True)
        result = CHECKS[check].run(plugin)
        print(json.dumps(converter().unstructure(result)), file=rows, flush=True)
    plugin.close()
    os._exit(0)  # waits for no thread and no exit handler of a plugin


if __name__ == "__main__":
    main(*sys.argv[1:])
