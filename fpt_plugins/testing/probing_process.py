"""The child process that answers one question about a plugin; see :mod:`fpt_plugins.testing.probes`."""

from __future__ import annotations

import json
import os
import sys

from fpt_plugins.testing import probes
from fpt_plugins.testing.fresh_process import own_output


def main(probe: str, arguments: str) -> None:
    """Print what the probe answers, as JSON."""
    rows = own_output()
    print(json.dumps(getattr(probes, probe)(*json.loads(arguments))), file=rows, flush=True)
    sys.stderr.flush()
    os._exit(0)  # waits for no thread and no exit handler of a plugin


if __name__ == "__main__":
    main(*sys.argv[1:])
