"""The body of a run as an ordinary Hugging Face folder, for ``hf:FOLDER`` and for transformers itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors.torch

from fpt_plugins import options
from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.builder import HuggingFaceBuilder
from fpt_plugins.backbones.construction import Construction
from fpt_plugins.backbones.trained_run import read_run
from fpt_plugins.errors import ConfigurationError, FptError
from fpt_plugins.plugins import find_backbone
from fpt_plugins.storage import json_bytes, write_folder


def export_backbone(run: str | Path, destination: str | Path) -> Path:
    """Writes ``config.json`` and ``model.safetensors`` with the body that a run left.

    Its table of positions is whole: rows that the run's sequences never reached are as they were.
    There are no token embeddings. Whether it is causal is no part of the folder: where the run was
    trained with ``causal``, say so again.

    Args:
        run: The folder of a run or of its adapter, trained with ``--train full``.
        destination: A folder that is not there yet.

    Returns:
        The folder. ``hf:FOLDER`` has the source digest that ``run:PATH`` has.

    Raises:
        FptError: There is no finished run, or the folder is there already.
        ConfigurationError: The body is not Hugging Face's, or nothing of it trained.
        IntegrityError: A file is damaged, or the run began with another body.

    Example:
        >>> export_backbone("runs/memory", "bodies/memory")  # doctest: +SKIP
        PosixPath('bodies/memory')
    """
    folder = Path(destination).expanduser()
    if folder.exists():
        raise FptError(f"the folder {folder} is there already", "give another one")
    construction = _construction(Path(run).expanduser())
    construction.check()
    tensors = construction.numbers(construction.empty_model()).tensors
    weights = safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, metadata={"format": "pt"}
    )
    write_folder(
        folder,
        {"config.json": json_bytes(construction.file_configuration()), "model.safetensors": weights},
    )
    return folder


def _construction(run: Path) -> Construction:
    """What builds the run's body: its own backbone and options, beginning with the run itself."""
    configuration: dict[str, Any] = read_run(run)["configuration"]
    spec = find_backbone(configuration["backbone"])
    if not isinstance(spec.build, HuggingFaceBuilder):
        raise ConfigurationError(f"the body {spec.name} of the run {run} is no Hugging Face body")
    given: Any = options.build(spec.options, configuration["backbone_options"], owner=f"backbone {spec.name}")
    return Construction(
        spec=spec,
        request=BackboneRequest(init=f"run:{run}", init_seed=0, length=1, dropout=0.0, options=given),
        configuration=spec.build.configuration,
        folder=spec.build.folder,
    )
