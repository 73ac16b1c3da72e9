"""Text divided into splits by what it says, so that nothing that is scored was trained on."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping

from fpt_plugins import SplitName

_PASSAGE = re.compile(rb".{1,4096}?(?:\n\s*\n|\Z)|.{4096}", re.DOTALL)


def passages(document: bytes) -> list[bytes]:
    r"""A document in pieces that end with a blank line, or after 4,096 bytes without one.

    Example:
        >>> passages(b"One.\nTwo.\n\n\nThree.")
        [b'One.\nTwo.\n\n\n', b'Three.']
    """
    return _PASSAGE.findall(document)


def divide(
    documents: Iterable[bytes], shares: Mapping[SplitName, float], data_seed: int
) -> dict[SplitName, bytes]:
    """The text of each split: its passages, one after the other.

    A SHA-256 of a passage says where it goes, and a passage that comes again is left out: however
    often documents repeat one another, a passage stands in one split.

    Args:
        documents: All text.
        shares: Of the passages, by split; the last split has what is left.
        data_seed: With another one, other passages go elsewhere.
    """
    found: dict[SplitName, list[bytes]] = {name: [] for name in shares}
    distinct = dict.fromkeys(passage for document in documents for passage in passages(document))
    for passage in distinct:
        found[_split_of(passage, shares, data_seed)].append(passage)
    return {name: b"".join(chosen) for name, chosen in found.items()}


def _split_of(passage: bytes, shares: Mapping[SplitName, float], data_seed: int) -> SplitName:
    digest = hashlib.sha256(b"%d\n%s" % (data_seed, passage)).digest()
    place = int.from_bytes(digest[:8]) / 2**64
    ends = list(itertools.accumulate(shares.values()))
    return list(shares)[bisect.bisect_right(ends, place)]
