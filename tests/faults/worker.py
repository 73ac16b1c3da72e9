"""The process that makes attacks: announces each, and says what came of it.

Usage: python -m tests.faults.worker MODULE FOLDER PLAN
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import warnings
from pathlib import Path

SECONDS = 60.0
"""Of processor time for one attack, with all that it needs."""


def main(module: str, folder: str, plan: str) -> None:
    """Makes the attacks of a plan, one after the other."""
    told, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
    os.dup2(2, 1)  # what a library prints is none of our lines
    warnings.simplefilter("ignore")
    attack = importlib.import_module(module)
    begun = set()
    for name, number in json.loads(Path(plan).read_text()):
        print(f"trying {name} {number}", file=told, flush=True)
        start = time.process_time()
        what = attack.trial(name, number, Path(folder) / name).replace("\n", " / ")
        spent = time.process_time() - start
        if name in begun and spent > SECONDS:  # the first one imports libraries
            what = f"broken: it took {spent:.1f} s of processor time; {what}"
        begun.add(name)
        print(f"so {what}", file=told, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
