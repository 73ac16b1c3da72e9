"""What the last bits of a run depend on beside its settings: libraries, the device, threads, processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fpt_plugins.record import library_versions, machine_facts

if TYPE_CHECKING:
    from fpt_plugins.configuration import Configuration
    from fpt_plugins.precision import Precision

_OF_NO_CONSEQUENCE = {"cores"}
"""How many there are changes nothing; how many threads compute does."""


def circumstances(precision: Precision, processes: int) -> dict[str, str]:
    """Those of this process.

    Args:
        precision: The device and the type that it computes in.
        processes: How many train together.
    """
    facts = machine_facts(str(precision.device), precision.name)
    kept = {name: value for name, value in facts.items() if name not in _OF_NO_CONSEQUENCE}
    return {**kept, **library_versions(), "processes": str(processes)}


def batch_sizes(configuration: Configuration) -> dict[str, str]:
    """Those that a run may be resumed with anew, where they are known.

    Example:
        >>> from fpt_plugins import Configuration
        >>> batch_sizes(Configuration(task="bits/xor", batch_size=16))
        {'batch size': '16'}
    """
    sizes = {"batch size": configuration.batch_size, "micro-batch size": configuration.micro_batch_size}
    return {name: str(size) for name, size in sizes.items() if size}


def not_bitwise(step: int, then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Why a run that goes on at a step may differ in its last bits from one that never stopped.

    Args:
        step: Where it goes on.
        then: The circumstances of what it was until there.
        now: Those of what it is from there on.

    Returns:
        A sentence with every reason; none where nothing differs.

    Example:
        >>> not_bitwise(20, {"threads": "1"}, {"threads": "2"})
        ['resumed at step 20 with threads 2, before it was 1']
    """
    changed = [
        f"{name} {now.get(name, 'none')}, before it was {then.get(name, 'none')}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    return [f"resumed at step {step} with {'; '.join(changed)}"] if changed else []
