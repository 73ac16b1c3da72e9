"""The child process that answers one question, as :func:`fpt_plugins.testing.fresh_process.ask` asks it."""

from __future__ import annotations

import importlib
import json
import os
import sys

from fpt_plugins.testing.fresh_process import own_output


def main(probe: str, arguments: str) -> None:
    """Print what the probe answers, as JSON."""
    rows = own_output()
    module, _, function = probe.rpartition(".")
    asked = getattr(importlib.import_module(f"fpt_plugins.testing.{module or 'probes'}"), function)
    print(json.dumps(asked(*json.loads(arguments))), file=rows, flush=True)
    sys.stderr.flush()
    os._exit(0)  # waits for no thread and no exit handler of a plugin


if __name__ == "__main__":
    main(*sys.argv[1:])
