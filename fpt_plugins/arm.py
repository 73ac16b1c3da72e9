"""An arm: one task on one body under one policy, from names to a model that computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import attrs
import torch
from torch import Tensor

from fpt_plugins.additions.addition import Addition
from fpt_plugins.additions.extended_backbone import ExtendedBackbone
from fpt_plugins.backbone import Backbone, BackboneRequest, BackboneSpec
from fpt_plugins.configuration import Configuration
from fpt_plugins.data import Batch, collate, tokenize
from fpt_plugins.errors import CannotShare, ConfigurationError, FptError, PluginError
from fpt_plugins.fast_path import quicken
from fpt_plugins.freezing import Partition, freeze, hold_frozen
from fpt_plugins.model import FrozenPretrainedTransformer, evaluating
from fpt_plugins.plugins import Plugins
from fpt_plugins.precision import Precision
from fpt_plugins.quantization import quantize_frozen
from fpt_plugins.readout import Every, First, Flatten
from fpt_plugins.resolving import backbone_options, resolve
from fpt_plugins.shared_body import own_trained, share
from fpt_plugins.streams import seeded, stream_seed
from fpt_plugins.target import Classes
from fpt_plugins.task import Task


@attrs.frozen(kw_only=True, eq=False)
class Arm:
    """A model ready to train or to predict, with all that it was made from.

    Args:
        configuration: Every setting, resolved.
        plugins: The task's plugin, the core's defaults, and the wrappers that were named.
        task: The task with its options.
        spec: The backbone's spec.
        model: The model, on its device.
        partition: Which of its parameters train.
        precision: The device and the type that it computes in.
        versions: The distribution and version of every plugin that it is made with, by its name.
    """

    configuration: Configuration
    plugins: Plugins
    task: Task
    spec: BackboneSpec
    model: FrozenPretrainedTransformer
    partition: Partition
    precision: Precision
    versions: Mapping[str, Mapping[str, str]]

    @property
    def facts(self) -> dict[str, Any]:
        """What a run stands on and a resumed one must find again: plugins, and the body's digest."""
        plugins = {name: dict(version) for name, version in self.versions.items()}
        return {"plugins": plugins, "source_digest": self.model.backbone.source_digest}

    def outputs(self, batch: Batch) -> Tensor:
        """The model's outputs for a batch, in fp32, as the target lays them out."""
        batch = batch.to(self.precision.device)
        with self.precision.autocast():
            outputs: Tensor = self.model(batch.tokens, batch.attention_mask, batch.features)
        return outputs.float()

    def evaluating(self) -> AbstractContextManager[None]:
        """Dropout off and no gradients inside; the model's mode is as it was after."""
        return evaluating(self.model)

    def predict(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
        """The answer to each sample, as ``fpt predict`` prints it.

        Args:
            samples: What the task's splits yield, or what its ``parse`` and ``read`` return.

        Raises:
            InputError: A sample is no sequence of the task.
        """
        if not samples:
            return []
        batch = collate(self.task, tokenize(self.plugins, self.task, list(samples)))
        with self.evaluating():
            return self.answers(self.outputs(batch), batch)

    def answers(self, outputs: Tensor, batch: Batch) -> list[dict[str, Any]]:
        """A batch's outputs as the answer to each of its samples."""
        outputs = outputs.cpu()
        rows = zip(outputs, batch.attention_mask.sum(1).tolist(), strict=True)
        per_position = self.task.readout.positions is None
        return [self.task.target.describe(row[:length] if per_position else row) for row, length in rows]


def build(task: str, **settings: Any) -> Arm:
    """An untrained arm: the task's embedding and head around a body, frozen as the policy says.

    Args:
        task: ``plugin/task``.
        settings: Fields of :class:`fpt_plugins.Configuration`: ``backbone``, ``init``, ``train`` ...

    Raises:
        UnknownName: A name that nothing provides; the nearest ones are offered.
        ConfigurationError: Settings that do not go together.

    Example:
        >>> arm = build("bits/xor", backbone="gpt2-mini", init="random")
        >>> arm.partition.trained_count
        8194
    """
    return assemble(Configuration.of(task, **settings))


def assemble(configuration: Configuration, *, plugins: Plugins | None = None, body: Any = None) -> Arm:
    """The arm of a configuration. What is drawn depends on its seeds alone.

    Args:
        configuration: Every setting.
        plugins: The task's, where they are found already.
        body: An untrained one, built for sequences at least as long, whose frozen tensors this arm
            shares. It is taken for the one that the configuration describes, which is for the caller
            to see to.
    """
    found = resolve(configuration, plugins)
    configuration, task, spec, precision = found.configuration, found.task, found.spec, found.precision
    backbone = (
        _extended_backbone(configuration, task, spec, found.additions)
        if body is None
        else _shared_body(configuration, body, found.additions)
    )
    _check_readout(task, backbone.causal, spec.name)
    model = _surround(backbone, configuration, found.plugins, task)
    partition = freeze(model, configuration.train)
    if body is not None:
        own_trained(model, partition.trained_names)
    hold_frozen(model, partition, precision.dtype)
    if configuration.quantize == "int8":
        quantize_frozen(model, frozenset(partition.trained_names))
    return Arm(
        configuration=configuration,
        plugins=found.plugins,
        task=task,
        spec=spec,
        model=quicken(model.to(precision.device), configuration, precision),
        partition=partition,
        precision=precision,
        versions=found.versions,
    )


def _extended_backbone(
    configuration: Configuration, task: Task, spec: BackboneSpec, additions: tuple[Addition, ...]
) -> Any:
    """The body with room for the task's tokens and virtual ones, and with what the policy adds."""
    virtual = sum(addition.virtual_positions for addition in additions)
    body = build_backbone(configuration, spec, task.sequence.max_length + virtual)
    return ExtendedBackbone(body, additions, configuration.seed) if additions else body


def _shared_body(configuration: Configuration, body: Any, additions: tuple[Addition, ...]) -> Any:
    if additions:
        raise CannotShare(
            f"an arm of --train {configuration.train} cannot share a body in memory: it adds layers to it",
            "load it alone",
        )
    return share(body)


def build_backbone(configuration: Configuration, spec: BackboneSpec, length: int) -> Any:
    """The plain body that a resolved configuration names, with its numbers, for so many positions."""
    request = BackboneRequest(
        init=str(configuration.init),
        init_seed=configuration.init_seed or 0,
        length=length,
        dropout=configuration.dropout or 0.0,
        options=backbone_options(configuration, spec),
    )
    try:
        backbone = spec.build(spec, request)
    except FptError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(f"the backbone {spec.name} failed to build: {reason}") from error
    _check_backbone(backbone, spec.name, length)
    return backbone


def _check_backbone(backbone: Any, name: str, length: int) -> None:
    if not isinstance(backbone, torch.nn.Module) or not isinstance(backbone, Backbone):
        kind = type(backbone).__name__
        raise PluginError(f"the backbone {name} built a {kind}, which is no fpt_plugins.Backbone")
    if backbone.max_length < length:
        raise ConfigurationError(
            f"the task has {length} tokens, and {name} takes {backbone.max_length}",
            f"where it can be longer: --backbone-option max_length={length}",
        )


def _surround(
    backbone: Any, configuration: Configuration, plugins: Plugins, task: Task
) -> FrozenPretrainedTransformer:
    embed_dim: int = backbone.embed_dim
    width = embed_dim * task.readout.length if isinstance(task.readout, Flatten) else embed_dim
    with seeded(stream_seed(configuration.seed, "parameters", "input")):
        input_embedding = plugins.input_embedding(task, embed_dim)
    with seeded(stream_seed(configuration.seed, "parameters", "head")):
        output_head = plugins.output_head(task, width)
    return FrozenPretrainedTransformer(task, input_embedding, backbone, output_head)


def _check_readout(task: Task, causal: bool, name: str) -> None:
    if isinstance(task.readout, Every) and not isinstance(task.target, Classes):
        kind = type(task.target).__name__
        raise ConfigurationError(f"{task.name} reads every position, where a target is Classes, not {kind}")
    if task.causal_only and not causal:
        raise ConfigurationError(
            f"{task.name} predicts its own next token, and {name} sees it already",
            "take a causal body: --backbone gpt2",
        )
    if isinstance(task.readout, First) and causal:
        raise ConfigurationError(
            f"{task.name} reads the first position, which in the causal {name} sees one token",
            "take a body that looks both ways: --backbone minilm",
        )
