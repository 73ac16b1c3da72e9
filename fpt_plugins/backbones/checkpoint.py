"""Weights files: safetensors alone, and every tensor in them accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import attrs
from torch import Tensor

from fpt_plugins.backbones.config_file import read_json
from fpt_plugins.backbones.tensor_names import TensorNames
from fpt_plugins.backbones.weights_file import StoredTensor, open_weights
from fpt_plugins.digest import file_digest
from fpt_plugins.errors import ConfigurationError, IntegrityError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_REAL_NUMBERS = ("F64", "F32", "F16", "BF16")


@attrs.frozen(eq=False)
class FileTensor:
    """A tensor and what its file calls it."""

    name: str
    tensor: Tensor


def weight_files(folder: Path) -> list[Path]:
    """The files of a folder that hold the weights.

    Raises:
        ConfigurationError: There are none that may be read.
        IntegrityError: An index names a file that is not there.
    """
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    if (folder / INDEX).is_file():
        return _shards(folder / INDEX)
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    found = f"only {', '.join(pickles)}, which can run code and is never read" if pickles else "no weights"
    raise ConfigurationError(
        f"{folder} holds no {SINGLE}, {found}",
        "save it again with transformers: model.save_pretrained(FOLDER) writes safetensors",
    )


def check_file(path: Path, sha256: str) -> None:
    """Refuse a file whose SHA-256 is another one.

    Raises:
        IntegrityError: With both digests.
    """
    found = file_digest(path)
    if found != sha256:
        raise IntegrityError(
            f"{path} has SHA-256 {found}, not the published {sha256}",
            "it is damaged or was changed: delete it and fetch it again",
        )


def read_tensors(
    files: Iterable[Path], names: TensorNames, shapes: Mapping[str, tuple[int, ...]], layers: int
) -> dict[str, FileTensor]:
    """The body's tensors, by the module's names.

    Args:
        files: All the files of one checkpoint.
        names: Which of them the body uses, and what it calls them.
        shapes: What the body needs.
        layers: Blocks that the checkpoint has; those that the body lacks are left out.

    Raises:
        IntegrityError: A tensor is missing, left over, twice there, or of another shape or type.
    """
    with ExitStack() as opened:
        found: dict[str, StoredTensor] = {}
        where = ""
        left_out = set(range(layers)) - {names.block(name) for name in shapes}
        for path in files:
            where = str(path.parent)
            for tensor in opened.enter_context(open_weights(path)).values():
                name = names.of_body(tensor.name)
                if names.is_unused(name) or names.block(name) in left_out:
                    continue
                if name in found:
                    raise IntegrityError(f"{path}: {tensor.name} and {found[name].name} are the same tensor")
                found[name] = tensor
        _check_complete(found, shapes, where)
        return {name: FileTensor(tensor.name, tensor.read()) for name, tensor in found.items()}


def read_token_embeddings(files: Iterable[Path], names: TensorNames) -> Tensor | None:
    """The table of token embeddings ``[V, D]``, the one tensor that is read; ``None`` where there is none.

    Args:
        files: All the files of one checkpoint.
        names: What they call it.

    Raises:
        IntegrityError: A file is damaged.
    """
    for path in files:
        with open_weights(path) as tensors:
            for tensor in tensors.values():
                if names.of_body(tensor.name) in names.token_tables:
                    return tensor.read().float()
    return None


def _check_complete(
    found: Mapping[str, StoredTensor], shapes: Mapping[str, tuple[int, ...]], where: str
) -> None:
    if missing := sorted(shapes.keys() - found.keys()):
        raise IntegrityError(f"{where} lacks {_some(missing)}")
    if left_over := sorted(found[name].name for name in found.keys() - shapes.keys()):
        raise IntegrityError(f"{where} holds {_some(left_over)}, which its architecture does not have")
    for name, shape in shapes.items():
        _check_tensor(found[name], shape, where)


def _check_tensor(found: StoredTensor, shape: tuple[int, ...], where: str) -> None:
    if found.shape != shape:
        raise IntegrityError(
            f"{where}: {found.name} has the shape {list(found.shape)}, config.json says {list(shape)}"
        )
    if found.type not in _REAL_NUMBERS:
        raise IntegrityError(f"{where}: {found.name} is of type {found.type}, which is not read")


def _shards(index: Path) -> list[Path]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise IntegrityError(f"{index} has no weight_map from tensors to files")
    names = sorted(set(weight_map.values()))
    for name in names:
        if Path(name).name != name or not (index.parent / name).is_file():
            raise IntegrityError(f"{index} names {name!r}, which is no file beside it")
    return [index.parent / name for name in names]


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more tensors"
