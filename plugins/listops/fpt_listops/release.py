"""Long Range Arena's own files, where the user has put them: nothing is downloaded.

The release is one archive of about 7 GB of which ListOps is three tables; public reports say
that its address, ``gs://long-range-arena``, no longer answers everyone.
"""

from __future__ import annotations

from pathlib import Path

from fpt_listops.tables import FILES, table_digest
from fpt_plugins import InputError, SplitName

FOLDER = Path("lra_release", "listops-1000")
"""Where the archive has the tables."""


def released_table(data_root: Path, split: SplitName) -> tuple[Path, str]:
    """The released table of a split and its SHA-256.

    Raises:
        InputError: It is not there.
    """
    path = data_root / FOLDER / FILES[split]
    if not path.is_file():
        raise InputError(
            f"there is no {path}",
            f"put {FOLDER / FILES[split]} of Long Range Arena's archive lra_release.gz there",
        )
    return path, table_digest(path)
