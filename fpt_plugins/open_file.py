"""A file that is opened by its name once: another process may put another one in its place at any moment.

HDF5 would open it by its name again for each look, and through ``/dev/fd`` refuses what has lost its
name since (2.0: "can't retrieve real path for file").
"""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any


class OpenFile(io.RawIOBase):
    """The bytes of a file, whatever has its name by now; closed with the last use of it.

    Processes that share it by a fork each read at a place of their own.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._place, self._descriptor = 0, os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def size(self) -> int:
        """In bytes."""
        return os.fstat(self._descriptor).st_size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Where the next byte is read."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fills the whole buffer.

        Raises:
            OSError: It cannot, though nobody asks for what is beyond the end: the file was cut off since.
        """
        content = os.pread(self._descriptor, len(buffer), self._place)
        if len(content) < len(buffer):
            raise OSError(errno.EIO, "the file was cut off while it was read")
        buffer[:] = content
        self._place += len(content)
        return len(content)

    def close(self) -> None:
        """Gives the descriptor back."""
        if not self.closed and hasattr(self, "_descriptor"):
            os.close(self._descriptor)
        super().close()
