"""Where features are kept: in memory, or, where they are more than that, in an HDF5 file of this process."""

from __future__ import annotations

import abc
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor


class FeatureStore(abc.ABC):
    """Rows of one shape and type, written once and read by index."""

    @abc.abstractmethod
    def put(self, indices: list[int], rows: Tensor) -> None:
        """Writes rows ``[b, ...]`` at their places."""

    @abc.abstractmethod
    def take(self, indices: Tensor) -> Tensor:
        """The rows at some places ``[b]``, in their order."""

    @abc.abstractmethod
    def close(self) -> None:
        """Gives back what is held."""


@attrs.define
class HeldFeatures(FeatureStore):
    """In memory, on the device that they are computed on.

    Args:
        rows: As many as there are samples.
    """

    rows: Tensor

    def put(self, indices: list[int], rows: Tensor) -> None:
        self.rows[indices] = rows

    def take(self, indices: Tensor) -> Tensor:
        return self.rows[indices]

    def close(self) -> None:
        self.rows = self.rows[:0]


class FiledFeatures(FeatureStore):
    """In an HDF5 file that no other process reads; it is removed when it is closed.

    Args:
        path: The file. A name that :func:`fpt_plugins.storage.sweep` knows goes with a process that died.
        count: Rows.
        like: One row ``[...]``: its shape, type and device are those of all.
    """

    def __init__(self, path: Path, count: int, like: Tensor) -> None:
        import h5py

        self._path, self._dtype, self._device = path, like.dtype, like.device
        shape = (count, *_bytes_of(like.unsqueeze(0)).shape[1:])
        self._file = h5py.File(path, "w")
        self._rows: Any = self._file.create_dataset("features", shape, "uint8")

    def put(self, indices: list[int], rows: Tensor) -> None:
        order = sorted(range(len(indices)), key=indices.__getitem__)  # HDF5 wants rising places
        self._rows[[indices[place] for place in order]] = _bytes_of(rows)[order].numpy()

    def take(self, indices: Tensor) -> Tensor:
        distinct, places = torch.unique(indices.cpu(), return_inverse=True)
        rows = torch.from_numpy(self._rows[distinct.numpy()])
        return rows.view(self._dtype)[places].to(self._device)

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


def _bytes_of(rows: Tensor) -> Tensor:
    """The same numbers as bytes: HDF5 has no bfloat16."""
    return rows.cpu().contiguous().view(torch.uint8)
