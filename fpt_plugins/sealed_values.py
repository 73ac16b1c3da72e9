"""Sealed JSON as an instance of a class: what another hand sealed has to fit it, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import cattrs

from fpt_plugins.errors import IntegrityError
from fpt_plugins.formats import STAMP, check_format
from fpt_plugins.options import converter
from fpt_plugins.storage import read_sealed

T = TypeVar("T")


def read_sealed_as(kind: type[T], path: Path, what: str, number: int | None = None) -> T:
    """What a file of sealed JSON says.

    Args:
        kind: An attrs class.
        path: The file.
        what: It holds, for the message: ``"run record"``.
        number: Of its format, where files of the kind have one.

    Raises:
        IntegrityError: It is missing or damaged, or its values do not fit the class; each is named.
    """
    content = read_sealed(path)
    if number is not None:
        check_format(path, content, number)
        content = {name: value for name, value in content.items() if name not in STAMP}
    return _structured(converter(), kind, content, path, what)


def check_has(kind: type[T], content: Any, path: Path, what: str) -> T:
    """What a class asks for, of values that may say more; arguments and errors as for ``read_sealed_as``."""
    return _structured(converter(others=True), kind, content, path, what)


def _structured(strict: cattrs.Converter, kind: type[T], content: Any, path: Path, what: str) -> T:
    try:
        return strict.structure(content, kind)
    except cattrs.BaseValidationError as error:
        reasons = "; ".join(cattrs.transform_error(error))
        raise IntegrityError(f"{path} is no {what} of this version: {reasons}") from error
