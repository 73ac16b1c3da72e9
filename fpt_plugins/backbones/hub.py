"""``hf:PLACE``: any folder or Hugging Face repository of an architecture that we know."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from fpt_plugins.backbone import BackboneSpec
from fpt_plugins.backbones.builder import hugging_face_spec
from fpt_plugins.backbones.config_file import read_configuration
from fpt_plugins.errors import ConfigurationError

WEIGHTS = ("config.json", "model.safetensors", "model.safetensors.index.json", "model-*.safetensors")

_REPOSITORY = r"(\w[\w.-]*/)?\w[\w.-]*"


def snapshot(repository: str, revision: str | None, files: tuple[str, ...] = WEIGHTS) -> Path:
    """The folder of a repository's files at one commit, from the cache or from the network.

    Args:
        repository: ``openai-community/gpt2``.
        revision: A commit, a tag or a branch; ``None`` for the main branch.
        files: Patterns of the files that are wanted.

    Raises:
        ConfigurationError: It can be had from neither.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(files)))
    except Exception as error:  # a network fails in many classes of two libraries; the remedy is one
        asked = repository if revision is None else f"{repository}@{revision}"
        raise ConfigurationError(
            f"the Hugging Face Hub does not give {asked}: {_said(error)}",
            "without a network: --backbone hf:FOLDER, with config.json and model.safetensors in it, "
            "or HF_HOME=DIRECTORY with a filled cache",
        ) from error


def _said(error: Exception) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError) and constants.HF_HUB_OFFLINE:
        return "it is not in the cache, and HF_HUB_OFFLINE forbids to ask"
    return str(error).partition("\n")[0]


def spec_of_place(place: str) -> BackboneSpec:
    """The backbone in a folder, or in a repository at a commit: ``NAME`` or ``NAME@REVISION``.

    An unpinned name is resolved to its commit now, and the spec's name holds it.

    Raises:
        ConfigurationError: Neither a folder nor a repository, or its configuration is refused.
    """
    if Path(place).expanduser().is_dir():
        return _spec_of_folder(place)
    repository, _, revision = place.partition("@")
    if not re.fullmatch(_REPOSITORY, repository):
        raise ConfigurationError(
            f"there is no folder {Path(place).expanduser()}, nor can a repository on the Hub be named so",
            "give a folder with config.json and model.safetensors in it, or NAME or NAME@REVISION of the Hub",
        )
    return _spec_of_repository(repository, revision or None)


def _spec_of_folder(place: str) -> BackboneSpec:
    folder = Path(place).expanduser()
    return hugging_face_spec(
        f"hf:{place}",
        read_configuration(folder),
        functools.partial(Path, folder),
        summary="a folder of weights",
        source=place,
    )


def _spec_of_repository(repository: str, revision: str | None) -> BackboneSpec:
    try:
        folder = snapshot(repository, revision, ("config.json",))
    except ConfigurationError as error:
        message = f"there is no folder {repository} here, and {error.message}"
        raise ConfigurationError(message, error.remedy) from error
    commit = folder.name  # the cache's layout: snapshots/COMMIT
    return hugging_face_spec(
        f"hf:{repository}@{commit}",
        read_configuration(folder),
        functools.partial(snapshot, repository, commit),
        summary="a repository on the Hugging Face Hub",
        source=repository,
        revision=commit,
    )
