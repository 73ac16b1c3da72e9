"""The symbols of an expression, in the fixed order that gives them their ids.

Ids are fixed here, in code, so that a checkpoint's ids mean the same in every process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIGITS = tuple("0123456789")
OPERATORS = ("[MIN", "[MAX", "[MED", "[SM")
SYMBOLS = (*OPERATORS, "]", *DIGITS)
"""The full form: ids below ``CLOSING`` are operators, those above it digits."""
CLOSING = SYMBOLS.index("]")
ZERO = SYMBOLS.index("0")

PAPER_SYMBOLS = ("MIN", "MAX", "MED", "SM", *DIGITS)
"""What the reference code of arXiv 2103.05247 was left with: its tokenizer kept letters and digits only."""
PAPER_LENGTH = 512
"""Tokens after which that code cut an expression."""


def paper_form(ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ids of ``SYMBOLS`` to ids of ``PAPER_SYMBOLS``: no closing brackets, and cut.

    Example:
        >>> import numpy as np
        >>> paper_form(np.array([1, 7, 4], dtype=np.uint8)).tolist()  # [MAX 2 ]
        [1, 6]
    """
    kept: NDArray[np.uint8] = ids[ids != CLOSING][:PAPER_LENGTH]
    kept -= kept > CLOSING
    return kept
