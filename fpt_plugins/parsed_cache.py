"""What was parsed from a file once, kept as HDF5 in a folder of our own.

Never beside the file: an archive that holds a table may hold anything else too, and what lies there
could speak for itself alone. What is kept here was parsed by us, from a file of the same SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

from fpt_plugins.array_file import open_arrays, open_sealed, seal
from fpt_plugins.cache_folder import cache_folder
from fpt_plugins.errors import IntegrityError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays: TypeAlias = Mapping[str, NDArray[Any]]


def cached_arrays(parse: Callable[[], Arrays], *, plugin: str, reader: str, sha256: str) -> Arrays:
    """The arrays that a reader makes of a file, from an earlier reading if there was one.

    They are kept in ``$FPT_CACHE``, else ``~/.cache/fpt-plugins``, under ``parsed``. Whatever is wrong
    with that folder or what is in it costs another reading and no more; it may be removed at any time.

    Args:
        parse: Reads and checks the file, and returns its arrays by name. What it raises is not caught.
        plugin: Whose reader it is: a word, which names a folder.
        reader: The reader with its version and all that its result depends on besides the file.
        sha256: The file's.

    Example:
        >>> import numpy as np
        >>> parse = lambda: {"labels": np.array([3, 1])}
        >>> cached_arrays(parse, plugin="mine", reader="table 1", sha256="0" * 64)["labels"].tolist()
        [3, 1]
    """
    key = hashlib.sha256(f"{reader}\n{sha256}".encode()).hexdigest()
    with suppress(OSError, RuntimeError, IntegrityError):  # no home, no file, a damaged one
        return _read(_folder(plugin) / f"{key}.h5", key)
    arrays = parse()
    with suppress(OSError, RuntimeError):  # no home, a full disk
        _write(_folder(plugin) / f"{key}.h5", key, arrays)
    return arrays


def _folder(plugin: str) -> Path:
    return cache_folder() / "parsed" / plugin


def _read(path: Path, key: str) -> Arrays:
    with open_arrays(open_sealed(path, key)) as file:
        return {name: file[name][:] for name in file}


def _write(path: Path, key: str, arrays: Arrays) -> None:
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".writing-", dir=path.parent) as temporary:
        whole = Path(temporary) / path.name
        with h5py.File(whole, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array)
        seal(whole, key)
        whole.replace(path)
