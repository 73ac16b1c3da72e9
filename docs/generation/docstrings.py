"""Reads our docstrings as the site's reader of Google style expects them."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """``Example:`` is a section of code, and a Sphinx role is the code that it marks."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Each module, class, function and attribute once."""
        if obj.docstring:
            text = re.sub(r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(r":(?:func|class|meth|mod|attr|data):(?=`)", "", text)
