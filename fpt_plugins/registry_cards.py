"""What the cards of the registry say: a class per kind, a field per fact, and the form of each fact.

Data, never code. A fact that no check holds to its source is not a field.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import attrs
from attrs.validators import deep_iterable, deep_mapping, ge, in_, le, optional
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from fpt_plugins.backbone import BODY_GROUPS
from fpt_plugins.task import Floor

_PLUGIN = r"[a-z][a-z0-9_-]*"
INSTALL = (
    rf"pip install \./plugins/{_PLUGIN}",
    r"pip install git\+https://[\w./-]+@[0-9a-f]{40}",
    r"pip install https://[\w./+-]+\.whl#sha256=[0-9a-f]{64}",
)
"""A folder of this tree, a commit, or a wheel with its digest: what nobody else can put in its place."""

Validator: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _form(pattern: str, what: str) -> Validator:
    def check(_: Any, __: attrs.Attribute[Any], value: str) -> None:
        if not re.fullmatch(pattern, value, flags=re.ASCII) or not value.isprintable():
            raise ValueError(f"{value!r} is no {what}")

    return check


def _license_expression(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    try:
        canonicalize_license_expression(value)
    except InvalidLicenseExpression as error:
        raise ValueError(f"{value!r} is no SPDX license expression, such as MIT or Apache-2.0") from error


def _command(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    """What is shown to be copied into a shell does one thing there."""
    try:
        words = shlex.split(value)
    except ValueError:
        words = []
    if words[:2] != ["fpt", "train"] or shlex.join(words) != value or not value.isprintable():
        raise ValueError(f"{value!r} is no command that begins with: fpt train, quoted as shlex.join does")


_LINE = _form(r"\S(.*\S)?", "line of text")
_SHA256 = _form(r"[0-9a-f]{64}", "SHA-256: 64 digits from 0 to f")
_PLUGIN_NAME = _form(_PLUGIN, "name of a plugin: lower-case letters, digits, - and _")
_TASK_NAME = _form(rf"{_PLUGIN}/[a-z0-9][a-z0-9._-]*", "name of a task: plugin/task")
_BACKBONE_NAME = _form(r"[a-z][\w.:@/-]*", "name of a backbone")
_RUN_NAME = _form(r"[a-z0-9][a-z0-9._-]*", "name of a run: lower-case letters, digits, '.', - and _")
_INSTALL = _form(
    "|".join(INSTALL),
    "install line that stays what it is: pip install ./plugins/NAME, git+https://PLACE@COMMIT (40 digits) "
    "or https://PLACE.whl#sha256=DIGEST; anyone may still register a bare name",
)
_FRACTION = [ge(0.0), le(1.0)]
_COUNTS = deep_mapping(in_(BODY_GROUPS), ge(1))


@attrs.frozen(kw_only=True)
class PluginCard:
    """Who provides which tasks, and how it is installed.

    Args:
        name: The entry point's name.
        distribution: The package.
        summary: What it is, in one line.
        license: As an SPDX expression.
        install: The command that installs it.
        tasks: Their names.
    """

    kind: ClassVar = "plugin"
    name: str = attrs.field(validator=_PLUGIN_NAME)
    distribution: str = attrs.field(validator=_form(r"[A-Za-z0-9][\w.-]*", "name of a distribution"))
    summary: str = attrs.field(validator=_LINE)
    license: str = attrs.field(validator=_license_expression)
    install: str = attrs.field(validator=_INSTALL)
    tasks: tuple[str, ...] = attrs.field(validator=deep_iterable(_TASK_NAME))


@attrs.frozen(kw_only=True)
class BackboneCard:
    """What a backbone is made of. Numbers are those without options.

    Args:
        name: What ``--backbone`` takes.
        summary: What it is, in one line.
        source: Where the weights come from; ``"-"`` where it has none.
        license: Of the weights, where it has any.
        revision: The pinned commit or version of the source.
        weights_sha256: Of the weights' file.
        embed_dim: Width.
        layers: Blocks.
        max_length: Positions of the pretrained table, where there is one.
        causal: Whether a position sees only those before it.
        parameters: Of each group.
    """

    kind: ClassVar = "backbone"
    name: str = attrs.field(validator=_BACKBONE_NAME)
    summary: str = attrs.field(validator=_LINE)
    source: str = attrs.field(validator=_LINE)
    license: str | None = attrs.field(default=None, validator=optional(_LINE))
    revision: str | None = attrs.field(default=None, validator=optional(_LINE))
    weights_sha256: str | None = attrs.field(default=None, validator=optional(_SHA256))
    embed_dim: int = attrs.field(validator=ge(1))
    layers: int = attrs.field(validator=ge(0))
    max_length: int | None = attrs.field(default=None, validator=optional(ge(1)))
    causal: bool
    parameters: dict[str, int] = attrs.field(factory=dict, validator=_COUNTS)

    def __attrs_post_init__(self) -> None:
        if self.source != "-" and not (self.license and self.revision):
            raise ValueError("weights from elsewhere need a license and a pinned revision")


@attrs.frozen(kw_only=True)
class KnownFloor:
    """A score that needs no learning, in closed form.

    Args:
        name: As the task names it.
        value: A fraction from 0 to 1.
    """

    name: str = attrs.field(validator=_LINE)
    value: float = attrs.field(validator=_FRACTION)


@attrs.frozen(kw_only=True)
class PublishedScore:
    """A score to compare with.

    Args:
        model: What reached it.
        value: A fraction from 0 to 1.
        table: Where it is printed.
    """

    model: str = attrs.field(validator=_LINE)
    value: float = attrs.field(validator=_FRACTION)
    table: str = attrs.field(validator=_LINE)


@attrs.frozen(kw_only=True)
class TaskCard:
    """What is known about a task from outside the package that provides it.

    Args:
        name: ``plugin/task``.
        summary: What is asked, in one line.
        data: Where the data come from: an address, ``generated``, ``bundled``, or ``yours``.
        data_sha256: Of each published or bundled file, by its name.
        metric: The score that selects, and that floors and published scores are of.
        paper_options: The task's options under which the published scores are comparable.
        floors: By closed form.
        published: From the paper.
    """

    kind: ClassVar = "task"
    name: str = attrs.field(validator=_TASK_NAME)
    summary: str = attrs.field(validator=_LINE)
    data: str = attrs.field(
        validator=_form(r"generated|bundled|yours|https://\S+", "generated, bundled, yours or https://...")
    )
    data_sha256: dict[str, str] = attrs.field(factory=dict, validator=deep_mapping(_LINE, _SHA256))
    metric: str = attrs.field(validator=_LINE)
    paper_options: dict[str, str] = attrs.field(factory=dict)
    floors: tuple[KnownFloor, ...] = ()
    published: tuple[PublishedScore, ...] = ()


@attrs.frozen(kw_only=True)
class RunCard:
    """A finished run as its record and its adapter tell it; ``fpt record`` writes it.

    Args:
        name: Of the card.
        command: Trains it again.
        task: ``plugin/task``.
        options: Every option of the task.
        backbone: The body.
        backbone_options: Those that were given.
        init: How the body began.
        policy: What trained.
        policy_options: Of a policy that adds parameters.
        recipe: Steps, rates, seeds and precision, resolved.
        best_step: The step whose parameters the adapter holds, by validation.
        source_digest: Of the body as loaded or drawn.
        held_digest: Of what was frozen, before and after.
        adapter_sha256: Of ``adapter.safetensors``.
        trained: Parameters that trained, by group.
        scores: Of the whole test split, each metric by its name.
        samples: In the test split.
        reads: How often the test split was read.
        floors: What needs no learning, on the same split.
        versions: Of the libraries and plugins.
    """

    kind: ClassVar = "run"
    name: str = attrs.field(validator=_RUN_NAME)
    command: str = attrs.field(validator=_command)
    task: str = attrs.field(validator=_TASK_NAME)
    options: dict[str, Any] = attrs.field(factory=dict)
    backbone: str = attrs.field(validator=_BACKBONE_NAME)
    backbone_options: dict[str, Any] = attrs.field(factory=dict)
    init: str = attrs.field(validator=_LINE)
    policy: str = attrs.field(validator=_LINE)
    policy_options: dict[str, Any] = attrs.field(factory=dict)
    recipe: dict[str, Any]
    best_step: int = attrs.field(validator=ge(0))
    source_digest: str = attrs.field(validator=_SHA256)
    held_digest: str = attrs.field(validator=_SHA256)
    adapter_sha256: str = attrs.field(validator=_SHA256)
    trained: dict[str, int] = attrs.field(validator=deep_mapping(_LINE, ge(1)))
    scores: dict[str, float]
    samples: int = attrs.field(validator=ge(1))
    reads: int = attrs.field(validator=ge(1))
    floors: tuple[Floor, ...]
    versions: dict[str, str]


Card: TypeAlias = PluginCard | BackboneCard | TaskCard | RunCard

KINDS: dict[str, type[Card]] = {
    "plugins": PluginCard,
    "backbones": BackboneCard,
    "tasks": TaskCard,
    "runs": RunCard,
}
"""The class of the cards in each folder of the registry."""
