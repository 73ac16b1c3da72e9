"""From a configuration and a request to a filled body."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from torch import Tensor, nn

from fpt_plugins.backbone import BackboneRequest, BackboneSpec
from fpt_plugins.backbones import attention
from fpt_plugins.backbones.architecture import Architecture
from fpt_plugins.backbones.checkpoint import (
    FileTensor,
    check_file,
    read_tensors,
    read_token_embeddings,
    weight_files,
)
from fpt_plugins.backbones.config_file import architecture_of
from fpt_plugins.backbones.hugging_face import HuggingFaceBackbone
from fpt_plugins.backbones.initialization import Blank, Numbers
from fpt_plugins.backbones.inits import knows
from fpt_plugins.backbones.positions import check_length, tile
from fpt_plugins.backbones.shape import Shape
from fpt_plugins.backbones.trained_run import find_initialization
from fpt_plugins.errors import ConfigurationError, UnknownName


@attrs.frozen(kw_only=True)
class Construction:
    """What is built: a backbone of some architecture and shape, as a run asks for it.

    Args:
        spec: Names the backbone, and knows the digest of its weights' file.
        request: Initialization, seed, length, dropout, options.
        configuration: In the words of ``config.json``.
        folder: Finds the folder of the weights; ``None`` where there are none.
    """

    spec: BackboneSpec
    request: BackboneRequest
    configuration: Mapping[str, Any]
    folder: Callable[[], Path] | None = None
    architecture: Architecture = attrs.field(init=False)
    shape: Shape = attrs.field(init=False)

    @architecture.default
    def _architecture(self) -> Architecture:
        return architecture_of(self.configuration, self.spec.name)

    @shape.default
    def _shape(self) -> Shape:
        return Shape.read(self.architecture, self.configuration, self.spec.name)

    @property
    def causal(self) -> bool:
        """Whether a position sees only those before it."""
        asked: bool | None = self.request.options.causal
        return self.architecture.causal if asked is None else asked

    @property
    def layers(self) -> int:
        """Blocks that are built."""
        asked: int | None = self.request.options.layers
        return self.shape.layers if asked is None else asked

    def check(self) -> None:
        """Refuse what cannot be built, before anything is read.

        Raises:
            UnknownName: An initialization that the backbone does not have.
            ConfigurationError: Too long, too deep, or a direction that the architecture does not have.
        """
        name, request, shape = self.spec.name, self.request, self.shape
        if not knows(self.spec.inits, request.init):
            raise UnknownName("initialization", request.init, self.spec.inits, owner=name)
        positions = shape.positions and shape.positions - self.architecture.first_position
        beyond = "repeat the table" if self._position_table else "were never trained"
        check_length(name, request.length, positions, request.options.max_length, beyond)
        if self.layers > shape.layers:
            raise ConfigurationError(f"layers={self.layers} asks for more than the {shape.layers} of {name}")
        if self.causal not in self.architecture.causality:
            raise ConfigurationError(f"{self.architecture.model_type} has no causal={self.causal}")

    def empty_model(self) -> Any:
        """The library's module with its parameters on the meta device and without token embeddings."""
        import transformers
        from accelerate import init_empty_weights
        from huggingface_hub.errors import StrictDataclassError

        architecture = self.architecture
        try:
            config = getattr(transformers, architecture.configuration_class)(**self._settings())
            with init_empty_weights(include_buffers=False):
                model = getattr(transformers, architecture.model_class)(
                    config, **architecture.model_arguments
                )
        except (KeyError, RuntimeError, TypeError, ValueError, StrictDataclassError) as error:
            raise ConfigurationError(
                f"{self.spec.name}: transformers refuses its configuration: {error}"
            ) from error
        model.set_input_embeddings(None)  # inputs arrive embedded: a vocabulary would be dead weight
        architecture.drop_unused(model)
        for module in architecture.attentions(model):
            module.is_causal = self.causal  # not every release hands the configuration's value on
        return model

    def blank(self, model: nn.Module) -> Blank:
        """What there is to fill: the tensors of ``model``, the table of positions at its full size."""
        shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
        if self._position_table:
            shapes[self._position_table] = (self.shape.positions or 0, self.shape.width)
        return Blank(
            names=self.architecture.tensor_names,
            layers=self.shape.layers,
            shapes=shapes,
            seed=self.request.init_seed,
            scheme=self.request.options.scheme,
            first_position=self.architecture.first_position,
            read=lambda: self._read(shapes),
        )

    def numbers(self, model: nn.Module) -> Numbers:
        """What ``model`` will be filled with."""
        return find_initialization(self.request.init)(self.blank(model))

    def token_embeddings(self) -> Tensor:
        """The pretrained token embeddings ``[V, D]``, whatever the body was filled with.

        Raises:
            ConfigurationError: There are no weights, or no such embeddings of the body's width among them.
        """
        found = read_token_embeddings(self._files(), self.architecture.tensor_names)
        if found is None or found.shape[1:] != (self.shape.width,):
            raise ConfigurationError(
                f"the weights of {self.spec.name} hold no token embeddings of width {self.shape.width}"
            )
        return found

    def file_configuration(self) -> dict[str, Any]:
        """The ``config.json`` of these numbers: the source's own, with the layers that are built."""
        keys = self.architecture.keys
        per_block = {key: self._setting(key) for key in keys if isinstance(self.configuration.get(key), list)}
        return {
            **{key: value for key, value in self.configuration.items() if key != "torch_dtype"},
            **per_block,
            self.architecture.layers: self.layers,
            "architectures": [self.architecture.model_class],
            "dtype": "float32",
        }

    def fill(self, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
        """Give ``model`` its numbers, and the rows of the table of positions that will be used."""
        for name, tensor in tensors.items():
            owner, _, leaf = name.rpartition(".")
            module: Any = model.get_submodule(owner)
            if name == self._position_table:
                rows = tile(tensor[self.architecture.first_position :], self.request.length)
                module.num_embeddings, module.padding_idx = len(rows), None  # every row is a position
                setattr(module, leaf, nn.Parameter(rows))
            else:
                setattr(module, leaf, nn.Parameter(tensor))

    @property
    def _position_table(self) -> str | None:
        return self.architecture.tensor_names.position_table

    def _read(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, FileTensor]:
        return read_tensors(self._files(), self.architecture.tensor_names, shapes, self.shape.layers)

    def _files(self) -> list[Path]:
        if self.folder is None:
            raise ConfigurationError(f"{self.spec.name} has no pretrained weights")
        files = weight_files(self.folder())
        if self.spec.weights_sha256 is not None:
            check_file(files[0], self.spec.weights_sha256)
        return files

    def _setting(self, key: str) -> Any:
        value = self.configuration[key]
        if isinstance(value, list):
            return value[: self.layers]  # a number per block
        return _FUSED.get(value, value) if isinstance(value, str) else copy.deepcopy(value)

    def _settings(self) -> dict[str, Any]:
        architecture = self.architecture
        return {
            **{key: self._setting(key) for key in architecture.keys if key in self.configuration},
            **dict.fromkeys(architecture.dropouts, self.request.dropout),
            "attn_implementation": attention.implementation(self.request.options.attention),
            **architecture.constants,
            **architecture.causality[self.causal],
            architecture.width: self.shape.width,
            architecture.heads: self.shape.heads,
            architecture.layers: self.layers,
            **self._positions(),
        }

    def _positions(self) -> dict[str, Any]:
        key, before = self.architecture.positions, self.architecture.first_position
        if key is None:
            return {}
        if self._position_table is None:
            return {key: self.shape.positions}  # rotations may be scaled by what was trained
        return {key: self.request.length + before - self.architecture.library_offset}


# transformers computes "gelu_new" in seven passes over memory; PyTorch's own tanh GELU is the same
# function in one.
_FUSED = {"gelu_new": "gelu_pytorch_tanh"}


def build(construction: Construction) -> HuggingFaceBackbone:
    """The filled body.

    Raises:
        UnknownName: An initialization that the backbone does not have.
        ConfigurationError: A shape or an option that no such body can have.
        IntegrityError: A weights file that is not what it should be.
    """
    construction.check()
    model = construction.empty_model()
    numbers = construction.numbers(model)
    construction.fill(model, numbers.tensors)
    return _backbone(construction, model, numbers.source_digest)


def outline(construction: Construction) -> HuggingFaceBackbone:
    """The body before it is filled: its parameters are on the meta device.

    Raises:
        UnknownName: As for :func:`build`.
        ConfigurationError: As for :func:`build`.
    """
    construction.check()
    return _backbone(construction, construction.empty_model(), source_digest="")


def _backbone(construction: Construction, model: nn.Module, source_digest: str) -> HuggingFaceBackbone:
    return HuggingFaceBackbone(
        model,
        construction.architecture,
        max_length=construction.request.length,
        causal=construction.causal,
        source_digest=source_digest,
        token_embeddings=construction.token_embeddings,
    )
