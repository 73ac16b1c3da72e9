"""The promises, how each was attacked, how many times, and what happened: of the last ``make faults``."""

import json
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]
MEASURED = TREE / "docs" / "results" / "faults.json"


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
        happened = ", ".join(f"{count:,} {what}" for what, count in result["happened"].items())
        broken = f"; **{len(result['broken'])} broken**" if result["broken"] else ""
        lines.append(f"| {attack.promise} | {attack.how} | {result['times']:,} | {happened}{broken} |")
    return "\n".join(lines)
