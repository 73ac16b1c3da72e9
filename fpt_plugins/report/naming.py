"""Names of the report's files."""

from __future__ import annotations

import re


def file_name(*words: str) -> str:
    """Words as one name that any file system takes and that may stand in HTML.

    Example:
        >>> file_name("learning-curves", "bits/xor")
        'learning-curves-bits-xor'
    """
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")
