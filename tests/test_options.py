"""Options: the fields of an attrs class, from words and plain values."""

import json
import re
from pathlib import Path
from typing import Literal

import attrs
import pytest
from attrs.validators import ge, in_
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins import ConfigurationError, PluginError, UnknownName
from fpt_plugins.options import build, converter, describe, from_assignments, values


def even(_instance, _field, number):
    """A validator of a plugin's author, who wrote no message."""
    if number % 2:
        raise ValueError


@attrs.frozen(kw_only=True)
class Options:
    """One field of every kind."""

    length: int = attrs.field(default=5, validator=ge(1), metadata={"help": "bits per string"})
    share: float = 0.5
    augment: bool = False
    name: str = "a"
    place: Path = attrs.field(default=Path("here"))
    variant: Literal["lra", "paper"] = attrs.field(default="lra", validator=in_(("lra", "paper")))
    patch: Literal[2, 4] = 2
    depth: int | None = None
    sizes: tuple[int, ...] = (1,)
    window: tuple[int, str] = (1, "a")
    words: tuple[str, ...] | None = None
    twice: int = attrs.field(default=2, validator=even)
    root: Path = attrs.field(default=Path("/data"), metadata={"option": False})


def read(**given):
    return build(Options, given, owner="toy/task")


READ = [
    ("length", "20", 20),
    ("length", 20.0, 20),
    ("share", "1e-3", 0.001),
    ("share", 1, 1.0),
    ("name", "12", "12"),
    ("place", "~/data", Path.home() / "data"),
    ("variant", "paper", "paper"),
    ("patch", "4", 4),
    ("patch", 4, 4),
    ("depth", "3", 3),
    ("depth", "none", None),
    ("depth", None, None),
    ("sizes", "1,2, 3", (1, 2, 3)),
    ("sizes", "12", (12,)),
    ("sizes", "", ()),
    ("sizes", [4, "5"], (4, 5)),
    ("window", "7,left", (7, "left")),
    ("words", "ab", ("ab",)),
    ("words", "none", None),
    *[("augment", word, True) for word in ("true", "True", "yes", "on", "1", True, 1)],
    *[("augment", word, False) for word in ("false", "FALSE", "no", "off", "0", False, 0)],
]


@pytest.mark.parametrize(("name", "given", "expected"), READ)
def test_words_are_read_by_the_fields_type(name, given, expected):
    """A word or plain value becomes the value, and the type, that its field declares."""
    found = getattr(read(**{name: given}), name)
    assert (found, type(found)) == (expected, type(expected))


REFUSED = [
    ("length", "ten"),
    ("length", "1.5"),
    ("length", 1.5),
    ("length", True),
    ("length", None),
    ("length", float("inf")),
    ("share", "half"),
    ("share", "nan"),
    ("share", "-inf"),
    ("share", True),
    ("augment", "maybe"),
    ("augment", 2),
    ("augment", ""),
    ("name", 12),
    ("place", 12),
    ("variant", "Paper"),
    ("patch", "3"),
    ("patch", True),
    ("depth", "few"),
    ("sizes", "1,two"),
    ("sizes", 3),
    ("window", "7"),
    ("window", "7,left,8"),
]


@pytest.mark.parametrize(("name", "given"), REFUSED)
def test_a_value_that_does_not_fit_is_refused(name, given):
    """The message says whose option it is, which one, what was given, and what it should be."""
    with pytest.raises(ConfigurationError) as caught:
        read(**{name: given})
    assert str(caught.value).startswith(f"toy/task: {name}={given} is not ")


def test_what_it_should_be_is_said_in_words():
    """A type is named as one writes it, a choice by its members."""
    expected = {
        "length": "int",
        "variant": "one of lra, paper",
        "depth": "int or none",
        "sizes": "tuple[int, ...]",
    }
    for name, words in expected.items():
        with pytest.raises(ConfigurationError, match=re.escape(f"{name}=!!! is not {words}")):
            read(**{name: "!!!"})


def test_a_validators_reason_is_passed_on():
    """What the field's validator says stands in the message, and one that says nothing is named."""
    with pytest.raises(ConfigurationError, match="toy/task: 'length' must be >= 1: 0"):
        read(length="0")
    with pytest.raises(ConfigurationError, match="toy/task: ValueError"):
        read(twice=3)


def test_a_missing_option_is_named():
    """An option without a default that was not given is named."""
    needed = attrs.make_class("Needed", {"sequence_file": attrs.field(type=str)}, frozen=True)
    with pytest.raises(ConfigurationError, match=r"toy/task: .*'sequence_file'"):
        build(needed, {}, owner="toy/task")


def test_an_unknown_option_offers_the_nearest():
    """A misspelt name is refused with the name that was meant; a strange one with all names."""
    with pytest.raises(
        UnknownName, match=r"toy/task has no option 'lenght'\n  did you mean length\? known: augment"
    ):
        read(lenght="3")
    with pytest.raises(UnknownName, match="known: augment, depth, length"):
        read(zzz="3")


def test_a_hidden_field_is_no_option():
    """It is neither described, recorded nor taken by name; ``build`` passes it on as it is."""
    assert "root" not in {option.name for option in describe(Options)} | values(Options()).keys()
    with pytest.raises(UnknownName, match="root"):
        read(root="/etc")
    assert build(Options, {}, owner="toy/task", root=Path("/etc")).root == Path("/etc")


def test_options_are_described_with_type_default_and_help():
    """What ``fpt tasks`` shows is what the class says."""
    first, *rest = describe(Options)
    assert (first.name, first.type, first.default, first.help) == ("length", "int", 5, "bits per string")
    assert {option.name: option.type for option in rest} == {
        "share": "float",
        "augment": "bool",
        "name": "str",
        "place": "Path",
        "variant": "one of lra, paper",
        "patch": "one of 2, 4",
        "depth": "int or none",
        "sizes": "tuple[int, ...]",
        "window": "tuple[int, str]",
        "words": "tuple[str, ...] or none",
        "twice": "int",
    }


@settings(deadline=None)
@given(
    length=st.integers(1, 10**9),
    share=st.floats(allow_nan=False, allow_infinity=False),
    name=st.text(),
    depth=st.none() | st.integers(),
    sizes=st.lists(st.integers()).map(tuple),
    augment=st.booleans(),
)
def test_recorded_options_build_the_same_instance(**given):
    """What is recorded, through JSON and back, builds an equal instance."""
    options = Options(**given, place=Path("/a b"), words=("x,y",))
    assert read(**json.loads(json.dumps(values(options)))) == options


def test_assignments_are_cut_at_the_first_equals_sign():
    """``NAME=VALUE`` words become a dictionary; a value may hold ``=`` or be empty."""
    assert from_assignments(["a=1", "b=x=y", "c="], "--option") == {"a": "1", "b": "x=y", "c": ""}


def test_a_word_without_a_value_is_refused_with_the_remedy():
    """The message repeats the flag and the word, and shows how to write it."""
    with pytest.raises(
        ConfigurationError, match="--option 'length' has no value\n  write --option length=VALUE"
    ):
        from_assignments(["length"], "--option")


def test_a_name_given_twice_is_refused():
    """Neither value wins silently: both are shown."""
    with pytest.raises(ConfigurationError, match="--option a is given twice: 1 and 2"):
        from_assignments(["a=1", "a=2"], "--option")


def test_unknown_keys_of_a_record_are_refused():
    """The converter that reads records and cards forbids keys that the class does not have."""
    with pytest.raises(Exception, match="Options"):
        converter().structure({"length": 3, "size": 4}, Options)


def test_a_type_that_is_not_imported_is_named_with_the_remedy():
    """An option's annotation under ``if TYPE_CHECKING`` is unknown when words are read; the cause is said."""

    @attrs.frozen
    class Forgetful:
        way: "Wey" = "up"  # noqa: F821 # that is the mistake

    for ask in (lambda: describe(Forgetful), lambda: build(Forgetful, {"way": "up"}, owner="a/b")):
        with pytest.raises(
            PluginError, match="'Wey' is not defined\n  import Wey outside of `if TYPE_CHECKING"
        ):
            ask()
