"""Reading ``config.json``, which comes from anywhere: bounded, and never as a place to find code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpt_plugins.backbones.architecture import Architecture
from fpt_plugins.backbones.bert import BERT, ROBERTA
from fpt_plugins.backbones.distilbert import DISTILBERT
from fpt_plugins.backbones.gpt2 import GPT2
from fpt_plugins.backbones.gpt_neox import GPT_NEOX
from fpt_plugins.backbones.llama import LLAMA, QWEN2, QWEN3
from fpt_plugins.backbones.longformer import LONGFORMER
from fpt_plugins.backbones.opt import OPT
from fpt_plugins.backbones.t5 import T5
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.plain_files import parse_json, read_bounded

ARCHITECTURES = {
    found.model_type: found
    for found in (BERT, DISTILBERT, GPT2, GPT_NEOX, LLAMA, LONGFORMER, OPT, QWEN2, QWEN3, ROBERTA, T5)
}

MOST_BYTES, DEEPEST = 16 << 20, 16
_NAMES_CODE = ("auto_map", "auto_mapping", "custom_pipelines", "parent_library", "trust_remote_code")
_NAMES_KERNEL = ("_attn_implementation", "_attn_implementation_internal", "attn_implementation")
"""A word such as ``sdpa``; with a ``/`` in it, a repository whose kernel is fetched and run."""


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of bounded size and depth that names no code, anywhere in it.

    Raises:
        ConfigurationError: The file is absent, too large, too deep, no JSON object, or names code.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"{path.parent} holds no {path.name}", "give a folder that a transformers model was saved in"
        )
    try:
        found = parse_json(read_bounded(path, MOST_BYTES))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict) or _depth(found) > DEEPEST:
        raise ConfigurationError(f"{path} is not a JSON object of at most {DEEPEST} levels")
    _refuse_code(found, path)
    return found


def read_configuration(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a folder, if it describes a body that we know and names no code.

    Raises:
        ConfigurationError: It does not.
    """
    configuration = read_json(folder / "config.json")
    architecture_of(configuration, str(folder))
    return configuration


def architecture_of(configuration: Mapping[str, Any], owner: str) -> Architecture:
    """The architecture that a configuration names.

    Raises:
        ConfigurationError: None, one that is not known, or a variant of it that we do not build.
    """
    name = configuration.get("model_type")
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise ConfigurationError(
            f"the architecture of {owner} (model_type {name!r}) is not known",
            f"known: {', '.join(sorted(ARCHITECTURES))}",
        )
    architecture = ARCHITECTURES[name]
    for key, value in architecture.required.items():
        if configuration.get(key, value) != value:
            raise ConfigurationError(
                f"{owner}: only {key}={value} of {name} is known, not {configuration[key]}"
            )
    architecture.check(configuration, owner)
    return architecture


def _refuse_code(value: Any, path: Path) -> None:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for key, item in value.items() if isinstance(value, dict) else ():
        if (key in _NAMES_CODE and item) or (key in _NAMES_KERNEL and "/" in str(item)):
            raise ConfigurationError(
                f"{path} names code to run ({key}), which is never done",
                "use a checkpoint of an architecture that transformers itself has",
            )
    for item in inner:
        _refuse_code(item, path)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)
