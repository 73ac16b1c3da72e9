"""Writes the entries of an LMDB file to standard output. Run as a process of its own.

LMDB maps the file into memory, so a damaged one can end the process that reads it (SIGBUS). That
process is this one, and what it has written until then is all that its reader loses.
"""

from __future__ import annotations

import struct
import sys

HEADER = struct.Struct("<QQ")
"""Before each entry: the lengths of its key and of its value."""


def main(folder: str) -> None:
    """Writes header, key and value of each entry.

    Args:
        folder: What holds ``data.mdb``.
    """
    import lmdb

    try:
        environment = lmdb.open(folder, readonly=True, lock=False, readahead=False, create=False)
        with environment.begin() as transaction:
            for key, value in transaction.cursor():
                sys.stdout.buffer.write(HEADER.pack(len(key), len(value)) + key + value)
    except lmdb.Error as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
