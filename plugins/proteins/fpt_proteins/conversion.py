"""TAPE's files converted once to HDF5, which is read in a moment and holds no pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fpt_plugins import InputError, cached_arrays, track
from fpt_proteins.proteins import Protein

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

READER_VERSION = 2  # raised whenever a file would be read or checked otherwise


def converted(
    source: Path, place: Path, read: Callable[[Path], Iterable[Protein]], form: str
) -> list[Protein]:
    """The proteins of a file: from an earlier conversion of its content if there is one, else read.

    Args:
        source: The file whose bytes count.
        place: What ``read`` takes: the file or its folder.
        read: Its reader.
        form: What it reads: ``"tape-json"`` or ``"tape-lmdb"``.

    Raises:
        InputError: The file cannot be read, or what its reader refuses.
    """
    try:
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(source)) from error
    kept = cached_arrays(
        lambda: {"json": _bytes(track(read(place), f"converting {place.name}"))},
        plugin="proteins",
        reader=f"{form} {READER_VERSION}",
        sha256=digest,
    )
    return [Protein(*fields) for fields in json.loads(kept["json"].tobytes())]


def _bytes(proteins: Iterable[Protein]) -> NDArray[np.uint8]:
    """As JSON, for columns of one width would be as wide as the longest protein."""
    import numpy as np

    text = json.dumps([(protein.identifier, protein.sequence, protein.label) for protein in proteins])
    return np.frombuffer(text.encode(), np.uint8)
