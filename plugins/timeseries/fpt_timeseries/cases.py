"""What a ``.ts`` file holds: series of several channels, each with its class."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray


@attrs.frozen(eq=False)
class Case:
    """One series.

    Args:
        values: ``[T, C]``, NaN where missing.
        label: The place of its class; -1 where the file has none.
        line: Of the file.
    """

    values: NDArray[np.float64]
    label: int
    line: int

    @property
    def content(self) -> bytes:
        """What tells it from other series."""
        return str(self.values.shape).encode() + self.values.tobytes()


@attrs.frozen(eq=False)
class Cases:
    """All series of a file.

    Args:
        classes: Their names, in the order of the header.
        cases: The series.
    """

    classes: tuple[str, ...]
    cases: Sequence[Case]

    @property
    def channels(self) -> int:
        """Of each series."""
        return int(self.cases[0].values.shape[1])

    @property
    def longest(self) -> int:
        """Steps of the longest series."""
        return max(len(case.values) for case in self.cases)
