"""How far a predictor gets that only counts the ones: the floor that both tasks have above chance."""

from __future__ import annotations

import math


def vote_accuracy(strings: int) -> float:
    """How often counting the ones among ``n = strings`` random bits finds what is asked.

    The value, ``1/2 + C(n-1, (n-1)//2) / 2**n``, answers two questions:

    - One of the bits, nobody knows which: guess what most of them are. With ``k`` ones that is
      right with probability ``max(k, n-k) / n``; the mean over all bits is the value.
    - Their XOR: guess one value below ``t`` ones and the other from ``t`` on, which is what a
      linear classifier can do. By Pascal's rule ``2**(n-1) + C(n-1, t-1)`` of the ``2**n`` inputs
      come out right, the most at ``t = (n-1)//2 + 1``. For two bits it is their OR.

    Example:
        >>> vote_accuracy(5), vote_accuracy(2)
        (0.6875, 0.75)
    """
    return 1 / 2 + math.comb(strings - 1, (strings - 1) // 2) / (1 << strings)
