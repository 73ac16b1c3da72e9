"""The promises, how each was attacked, how many times, and what happened: of the last ``make faults``."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

TREE = Path(__file__).parents[2]
MEASURED = TREE / "docs" / "results" / "faults.json"
SEVERAL = 4


def table() -> str:
    """A row per attack, those of one promise together."""
    sys.path.insert(0, str(TREE))
    from tests.faults.catalog import ATTACKS

    found = json.loads(MEASURED.read_text()) if MEASURED.is_file() else {}
    lines = ["| promise | attacked by | times | what happened |", "|---|---|---|---|"]
    for attack in ATTACKS:
        if attack.name not in found:
            lines.append(f"| {attack.promise} | {attack.how} | not run | |")
            continue
        result = found[attack.name]
        happened = _counted(result["happened"])
        broken = f"; **{len(result['broken'])} broken**" if result["broken"] else ""
        lines.append(f"| {attack.promise} | {attack.how} | {result['times']:,} | {happened}{broken} |")
    return "\n".join(lines)


def _counted(happened: Mapping[str, int]) -> str:
    """What happened how often; many of one count as one list."""
    counts = set(happened.values())
    if len(happened) > SEVERAL and len(counts) == 1:
        return f"{counts.pop():,} each: {', '.join(happened)}"
    return ", ".join(f"{count:,} {what}" for what, count in happened.items())
