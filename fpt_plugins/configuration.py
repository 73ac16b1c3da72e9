"""Everything that a run is made from, as one immutable record: flags, a TOML file and recipes meet here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import attrs
import cattrs
from attrs.validators import deep_iterable, deep_mapping, ge, gt, in_, instance_of, le, lt, optional

from fpt_plugins import options
from fpt_plugins.accepted_values import accepted
from fpt_plugins.backbone import GROUPS
from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.task import Recipe

BATCHINGS = ("length", "shuffle")
PRECISIONS = ("auto", "bf16", "fp32")
COMPILATIONS = ("auto", "on", "off")
QUANTIZATIONS = ("none", "int8")
FAST_PARTS = ("dropout", "gelu", "last-block", "packed")
"""What :mod:`fpt_plugins.fast_path` applies."""


def _parameter_group(_: Any, __: Any, name: str) -> None:
    if name not in GROUPS:
        raise UnknownName("parameter group", name, GROUPS)


def _plain(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    try:
        json.dumps(options.converter().unstructure(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{field.name!r} must hold plain values, to be recorded: {error}") from error


@attrs.frozen(kw_only=True)
class Configuration:
    """The settings of one run.

    A setting that is ``None`` is the task's own recipe, or the backbone's own way, until
    :meth:`resolve` fills it in.

    Args:
        task: ``plugin/task``.
        options: The task's options by name.
        backbone: A backbone's name, ``hf:PATH-OR-NAME``, or ``plugin:name``.
        backbone_options: The backbone's options by name.
        init: ``pretrained``, ``random``, or another that the backbone knows; its first one where
            it is not given.
        train: A freeze policy, or parameter groups joined by commas.
        policy_options: The options of a policy that adds parameters, by name.
        steps: Optimizer steps.
        batch_size: Samples per step, over all processes.
        batching: ``length`` puts samples of similar length together, so that little is padded;
            ``shuffle`` any. One and the same where all are as long, or are drawn afresh.
        lr: Learning rate of every group that ``group_lr`` does not name.
        group_lr: Learning rates by parameter group.
        dropout: Inside the body, while training.
        data_fraction: The share of the training split that is trained on, drawn by the seed.
        cache_features: Compute what the frozen body gives once, where only the head trains; ``None``
            is wherever that can be, ``True`` refuses where it cannot.
        micro_batch_size: Samples that go through the model at a time; all of a step's where it is
            not given.
        gradient_checkpointing: Compute each block again in the backward pass, in place of keeping
            what it computed.
        clip: The largest norm of the gradient.
        evaluate_every: Steps between two looks at validation data, and between checkpoints.
        align: What a stage before the first step makes smaller between the embedded inputs and the
            pretrained token embeddings: ``moments`` or ``mmd``.
        align_steps: Its steps.
        seed: Of new parameters, data order and dropout, each by its own stream.
        init_seed: Of a random body; ``seed`` where it is not given.
        precision: ``auto`` is ``bf16`` where the device computes in it, else ``fp32``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
        workers: Processes that prepare batches while the model computes; ``None`` is two on a GPU
            and none on a CPU, whose cores compute. They change no result.
        compile: Whether ``torch.compile`` takes the model; ``auto`` is on a GPU alone.
        fast: Which parts of the fast path are taken; all of them unless some are named.
        quantize: ``int8`` keeps the frozen matrices of the body in 8 bits, through torchao.
        wrappers: Plugins whose hook wrappers apply (``--with``).
        data: Where data files are; no part of what the run is.

    Example:
        >>> Configuration(task="bits/xor", lr=3e-3).backbone
        'minilm'
    """

    task: str
    options: Mapping[str, Any] = attrs.field(factory=dict, validator=_plain)
    backbone: str = "minilm"
    backbone_options: Mapping[str, Any] = attrs.field(factory=dict, validator=_plain)
    init: str | None = None
    train: str = "fpt"
    policy_options: Mapping[str, Any] = attrs.field(factory=dict, validator=_plain)
    steps: int | None = attrs.field(default=None, validator=optional(ge(1)))
    batch_size: int | None = attrs.field(default=None, validator=optional(ge(1)))
    batching: str = attrs.field(default="length", validator=in_(BATCHINGS))
    lr: float | None = attrs.field(default=None, validator=optional(gt(0.0)))
    group_lr: Mapping[str, float] = attrs.field(
        factory=dict, validator=deep_mapping(_parameter_group, gt(0.0))
    )
    dropout: float | None = attrs.field(default=None, validator=optional([ge(0.0), lt(1.0)]))
    data_fraction: float = attrs.field(default=1.0, validator=[gt(0.0), le(1.0)])
    cache_features: bool | None = None
    micro_batch_size: int | None = attrs.field(default=None, validator=optional(ge(1)))
    gradient_checkpointing: bool = False
    clip: float | None = attrs.field(default=None, validator=optional(gt(0.0)))
    evaluate_every: int | None = attrs.field(default=None, validator=optional(ge(1)))
    align: str | None = attrs.field(default=None, validator=optional(in_(("moments", "mmd"))))
    align_steps: int = attrs.field(default=0, validator=ge(0))
    seed: int = attrs.field(default=0, validator=[instance_of(int), ge(0)])
    init_seed: int | None = attrs.field(default=None, validator=optional(ge(0)))
    precision: str = attrs.field(default="auto", validator=in_(PRECISIONS))
    device: str = "auto"
    workers: int | None = attrs.field(default=None, validator=optional(ge(0)))
    compile: str = attrs.field(default="auto", validator=in_(COMPILATIONS))
    fast: tuple[str, ...] = attrs.field(
        default=FAST_PARTS, converter=tuple, validator=deep_iterable(in_(FAST_PARTS))
    )
    quantize: str = attrs.field(default="none", validator=in_(QUANTIZATIONS))
    wrappers: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    data: Path | None = attrs.field(default=None, converter=attrs.converters.optional(Path), eq=False)

    @classmethod
    def of(cls, /, task: str, **settings: Any) -> Self:
        """A configuration from plain values; ``None`` stands for "not given".

        Raises:
            UnknownName: A setting that is none; the nearest ones are offered.
            ConfigurationError: A value that no run can have.
        """
        known = attrs.fields_dict(cls)
        for name in settings:
            if name not in known:
                raise UnknownName("setting", name, known)
        given = {name: value for name, value in settings.items() if value is not None}
        try:
            return options.converter().structure({"task": task, **given}, cls)
        except cattrs.BaseValidationError as error:
            refused = [name for name, value in given.items() if not cls._takes(name, value)]
            raise ConfigurationError(reasons(error), accepted(refused)) from error

    @classmethod
    def _takes(cls, name: str, value: Any) -> bool:
        try:
            options.converter().structure({"task": "", name: value}, cls)
        except cattrs.BaseValidationError:
            return False
        return True

    def resolve(self, recipe: Recipe, inits: tuple[str, ...] = ("pretrained",)) -> Configuration:
        """This configuration with the recipe in place of what was not given.

        Args:
            recipe: The task's.
            inits: The initializations that the backbone knows.
        """
        steps = self.steps if self.steps is not None else recipe.steps
        every = self.evaluate_every or recipe.evaluate_every or max(1, steps // 20)
        return attrs.evolve(
            self,
            init=self.init if self.init is not None else inits[0],
            steps=steps,
            batch_size=self.batch_size if self.batch_size is not None else recipe.batch_size,
            lr=self.lr if self.lr is not None else recipe.lr,
            group_lr={**recipe.group_lr, **self.group_lr} if self.lr is None else self.group_lr,
            dropout=self.dropout if self.dropout is not None else recipe.dropout,
            clip=self.clip if self.clip is not None else recipe.clip,
            evaluate_every=min(every, steps),
            init_seed=self.init_seed if self.init_seed is not None else self.seed,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values by name, as records hold them; without ``data``, a place being no setting."""
        plain: dict[str, Any] = options.converter().unstructure(self)
        del plain["data"]
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """The reverse of :meth:`to_json`.

        Raises:
            UnknownName: A setting that is none.
            ConfigurationError: A value that no run can have, or no task.
        """
        if not isinstance(plain, Mapping) or not isinstance(plain.get("task"), str):
            raise ConfigurationError("the settings name no task", "give one by its name: bits/xor")
        return cls.of(**plain)


def reasons(error: cattrs.BaseValidationError) -> str:
    """What is wrong with values that fit no class of settings, each with its place."""
    return "; ".join(map(_placed, cattrs.transform_error(error, format_exception=_reason)))


def _reason(error: BaseException, expected: type | None) -> str:
    """What a validator or a number's reader said, else that a value is not of the field's type."""
    if isinstance(error, UnknownName):
        return str(error)
    said = expected is None or isinstance(error, ValueError)
    return str(error.args[0]) if said and error.args else f"not {expected}"


def _placed(reason: str) -> str:
    """``"TEXT @ $.steps"``, as cattrs writes it, as ``"steps: TEXT"``."""
    text, _, place = reason.rpartition(" @ $")
    return f"{place.removeprefix('.')}: {text}" if place else text
