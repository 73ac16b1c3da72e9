"""Options: the fields of a frozen attrs class, from words on a command line or a TOML table."""

from __future__ import annotations

import functools
import math
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
import cattrs

from fpt_plugins.errors import ConfigurationError, PluginError, UnknownName

T = TypeVar("T")

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


@attrs.frozen
class Option:
    """One option of a task or a backbone, as ``fpt tasks`` shows it."""

    name: str
    type: str
    default: Any
    help: str


def option_fields(options: type) -> dict[str, attrs.Attribute[Any]]:
    """The fields of an attrs class that are options, by name (``metadata={"option": False}`` hides one)."""
    fields = attrs.fields_dict(options)
    return {name: field for name, field in fields.items() if field.metadata.get("option", True)}


def describe(options: type) -> list[Option]:
    """Each option with its type, default and help."""
    types = _types(options)
    return [
        Option(name, _type_name(types[name]), field.default, field.metadata.get("help", ""))
        for name, field in option_fields(options).items()
    ]


def values(instance: Any) -> dict[str, Any]:
    """The options of an instance as plain JSON values: what is recorded."""
    names = option_fields(type(instance))
    return {name: converter().unstructure(getattr(instance, name)) for name in names}


def build(options: type[T], given: Mapping[str, Any], *, owner: str, **hidden: Any) -> T:
    """An instance of ``options`` from words or plain values.

    Args:
        options: The attrs class.
        given: Values by name; words are read by the field's type (``"true"``, ``"1e-3"``,
            ``"1,2,3"``).
        owner: Whose options they are, for the messages: ``"bits/memory"``.
        hidden: Fields that are no options (``data_root``), passed as they are.

    Raises:
        UnknownName: A name that is no option; the nearest ones are offered.
        ConfigurationError: A value that does not fit the field's type or validator.
    """
    fields, types = option_fields(options), _types(options)
    for name in given:
        if name not in fields:
            raise UnknownName("option", name, fields, owner=owner)
    read = {name: _read(name, value, types[name], owner) for name, value in given.items()}
    try:
        return options(**read, **hidden)
    except (ValueError, TypeError) as error:
        reason = error.args[0] if error.args else repr(error)
        raise ConfigurationError(f"{owner}: {reason}") from error


def from_assignments(words: Iterable[str], flag: str) -> dict[str, str]:
    """``["length=20", "patch=4"]`` as a dictionary.

    Raises:
        ConfigurationError: A word without ``=``, or a name given twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigurationError(f"{flag} {word!r} has no value", f"write {flag} {word}=VALUE")
        if name in found:
            raise ConfigurationError(f"{flag} {name} is given twice: {found[name]} and {value}")
        found[name] = value
    return found


def _types(options: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(options)
    except NameError as error:
        raise PluginError(
            f"{options.__module__}.{options.__name__}: an option's type is unknown: {error}",
            f"import {error.name} outside of `if TYPE_CHECKING:`, because words are read by it",
        ) from error


def _read(name: str, value: Any, annotation: Any, owner: str) -> Any:
    try:
        return converter().structure(value, annotation)
    except Exception as error:
        kind = _type_name(annotation)
        raise ConfigurationError(f"{owner}: {name}={value} is not {kind}") from error


def _type_name(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(annotation)))
    if _is_optional(annotation):
        return f"{_type_name(typing.get_args(annotation)[0])} or none"
    return (
        str(getattr(annotation, "__name__", annotation)) if isinstance(annotation, type) else str(annotation)
    )


def _boolean(value: Any, _: Any) -> bool:
    word = str(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(value)
    return word in _TRUE


def _integer(value: Any, _: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(f"{value} is no whole number")
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is no whole number") from None


def _real(value: Any, _: Any) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{value!r} is no number") from None
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"{value} is no finite number")
    return number


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004 - a value that was given, not a mistake in code
    return value


def _choice(value: Any, annotation: Any) -> Any:
    return {str(choice): choice for choice in typing.get_args(annotation)}[str(value)]


def _is_choice(annotation: Any) -> bool:
    return typing.get_origin(annotation) is typing.Literal


def _items(value: Any, annotation: Any) -> tuple[Any, ...]:
    words = [word.strip() for word in value.split(",") if word] if isinstance(value, str) else list(value)
    kinds = typing.get_args(annotation)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(words)
    return tuple(converter().structure(word, kind) for word, kind in zip(words, kinds, strict=True))


def _is_tuple(annotation: Any) -> bool:
    return typing.get_origin(annotation) is tuple


def _optional(value: Any, annotation: Any) -> Any:
    inner = next(kind for kind in typing.get_args(annotation) if kind is not type(None))
    return None if value in (None, "none") else converter().structure(value, inner)


def _is_optional(annotation: Any) -> bool:
    inner = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
    return len(inner) == 1 and type(None) in typing.get_args(annotation)


@functools.cache
def converter(*, others: bool = False) -> cattrs.Converter:
    """The one converter between words, JSON and attrs classes: strict where cattrs would round.

    Args:
        others: Whether names that a class does not have are passed over, and not refused.
    """
    strict = cattrs.Converter(forbid_extra_keys=not others)
    strict.register_structure_hook(bool, _boolean)
    strict.register_structure_hook(int, _integer)
    strict.register_structure_hook(float, _real)
    strict.register_structure_hook(str, _text)
    strict.register_structure_hook(Path, lambda value, _: Path(value).expanduser())
    strict.register_unstructure_hook(Path, str)
    strict.register_structure_hook_func(_is_optional, _optional)
    strict.register_structure_hook_func(_is_choice, _choice)
    strict.register_structure_hook_func(_is_tuple, _items)
    return strict
