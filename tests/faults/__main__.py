"""Makes attacks many times and writes down what happened; the page of the documentation shows it.

Usage: python -m tests.faults [--times N] [NAME ...]

Attacks whose name holds one of the words, all by default; as often as each says, or at most N times.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from tests.faults.attack import Attack
from tests.faults.catalog import ATTACKS

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "faults.json"


def main(words: list[str], most: int) -> int:
    """Runs them one after the other; the exit code says whether a promise was broken."""
    chosen = [attack for attack in ATTACKS if not words or any(word in attack.name for word in words)]
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    broken = 0
    for attack in chosen:
        results[attack.name] = found = _measured(attack, min(attack.many, most))
        broken += len(found["broken"])
        print(
            f"{attack.name}: {found['happened']} in {found['seconds']:.0f} s",
            *found["broken"],
            sep="\n  ",
            flush=True,
        )
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    return int(broken > 0)


def _measured(attack: Attack, times: int) -> dict[str, Any]:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        os.environ["FPT_CACHE"] = cache
        outcome = attack.run(times, Path(folder))
    return {
        "times": times,
        "happened": dict(outcome.happened),
        "broken": list(outcome.broken),
        "seconds": round(time.perf_counter() - start, 1),
        "with": f"Python {platform.python_version()}, torch {torch.__version__}",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*", metavar="NAME")
    parser.add_argument("--times", type=int, default=sys.maxsize)
    given = parser.parse_args()
    sys.exit(main(given.words, given.times))
