"""Shows attrs classes with their fields as parameters.

attrs writes ``__init__`` when it runs, and griffe, which reads docstrings for the site, runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import griffe

ATTRS = ("attrs.frozen", "attrs.define")


class AttrsSignatures(griffe.Extension):
    """Gives every attrs class of a package the ``__init__`` that attrs will give it."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Once all modules of the package are known, so that inherited fields are found."""
        for module in _modules(pkg):
            for found in module.classes.values():
                if not found.is_alias and _decoration(found):
                    _add_init(found)


def _modules(module: griffe.Module) -> Iterator[griffe.Module]:
    yield module
    for inner in module.modules.values():
        if not inner.is_alias:
            yield from _modules(inner)


def _decoration(found: griffe.Class) -> griffe.Decorator | None:
    return next((each for each in found.decorators if each.callable_path in ATTRS), None)


def _add_init(found: griffe.Class) -> None:
    decoration = _decoration(found)
    keyword = decoration is not None and "kw_only=True" in str(decoration.value)
    kind = griffe.ParameterKind.keyword_only if keyword else griffe.ParameterKind.positional_or_keyword
    init = griffe.Function(
        "__init__",
        lineno=found.lineno,
        endlineno=found.lineno,
        parameters=griffe.Parameters(
            griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword),
            *(_parameter(field, kind) for field in _fields(found)),
        ),
        returns="None",
    )
    found.set_member("__init__", init)


def _fields(found: griffe.Class) -> list[griffe.Attribute]:
    """Annotated names of the class and of the attrs classes that it inherits from, the oldest first."""
    fields: dict[str, griffe.Attribute] = {}
    for owner in (*reversed(found.mro()), found):
        if _decoration(owner):
            fields |= {
                name: each
                for name, each in owner.attributes.items()
                if each.annotation is not None
                and "instance-attribute" in each.labels  # and no ClassVar
                and "init=False" not in str(each.value)
            }
    return list(fields.values())


def _parameter(field: griffe.Attribute, kind: griffe.ParameterKind) -> griffe.Parameter:
    return griffe.Parameter(field.name, annotation=field.annotation, kind=kind, default=_default(field.value))


def _default(value: Any) -> Any:
    if not (isinstance(value, griffe.ExprCall) and value.canonical_path == "attrs.field"):
        return value
    given = {each.name: each.value for each in value.arguments if isinstance(each, griffe.ExprKeyword)}
    return given.get("default") or (f"{given['factory']}()" if "factory" in given else None)
