"""What a task is: options, sequence, readout, target, metrics, floors and three splits of data.

Nothing here imports torch: a plugin's tasks are listed without it.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import attrs
from attrs.validators import deep_mapping, ge, gt, in_, lt, optional

from fpt_plugins.backbone import GROUPS
from fpt_plugins.metric import Metric
from fpt_plugins.readout import Readout
from fpt_plugins.sequence import TokenIds, Vectors
from fpt_plugins.target import Target

if TYPE_CHECKING:
    from torch.utils.data import Dataset

SplitName: TypeAlias = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def default_data_root() -> Path:
    """Where data files are looked for: ``$FPT_DATA``, else ``~/.cache/fpt-plugins/data``."""
    return Path(os.environ.get("FPT_DATA") or Path.home() / ".cache" / "fpt-plugins" / "data")


@attrs.frozen(kw_only=True)
class Recipe:
    """How a task trains when no flag is given.

    Args:
        steps: Optimizer steps.
        batch_size: Samples per step.
        lr: Adam's learning rate for every parameter group that ``group_lr`` does not name.
        group_lr: Learning rates of single groups: ``{"head": 1e-2}``.
        dropout: Inside the body, while training, in each place where its architecture has one.
        clip: The largest norm of the gradient; larger ones are scaled down to it.
        evaluate_every: Steps between two looks at the validation split; a twentieth of the
            steps where it is not given.
    """

    steps: int = attrs.field(validator=ge(1))
    batch_size: int = attrs.field(validator=ge(1))
    lr: float = attrs.field(validator=gt(0.0))
    group_lr: Mapping[str, float] = attrs.field(factory=dict, validator=deep_mapping(in_(GROUPS), gt(0.0)))
    dropout: float = attrs.field(default=0.0, validator=[ge(0.0), lt(1.0)])
    clip: float = attrs.field(default=1.0, validator=gt(0.0))
    evaluate_every: int | None = attrs.field(default=None, validator=optional(ge(1)))


@attrs.frozen(kw_only=True)
class Floor:
    """A score that needs no learning: chance, or a trivial predictor.

    Args:
        name: ``"chance"``, ``"majority class"``, ``"copy the visible bits"``.
        metric: The name of the metric that it is a floor of.
        value: The score, in the metric's own unit.
        source: Where the number comes from: a closed form, or what was counted.
    """

    name: str
    metric: str
    value: float
    source: str


@attrs.frozen(kw_only=True)
class Task(abc.ABC):
    """A learning problem over sequences. A plugin's task is a frozen attrs subclass.

    Its fields are its options: they become ``--option NAME=VALUE`` and stand in the record.
    Give each one a default, a validator and ``metadata={"help": ...}``. What is declared below
    may be a plain class attribute where it depends on no option, a property where it does.

    Example:
        >>> @attrs.frozen(kw_only=True)
        ... class Parity(Task):
        ...     name = "parity/bits"
        ...     summary = "whether the number of ones is odd"
        ...     length: int = attrs.field(default=8, metadata={"help": "bits per sample"})
        ...     ...
    """

    name: ClassVar[str]
    """``plugin/task``; the first half is the entry point's name."""
    summary: ClassVar[str]
    """What is asked, in one line."""
    causal_only: ClassVar[bool] = False
    """Whether the target is part of the input (next-token prediction), so that a body which
    looks ahead would copy it: such a body is refused."""

    data_root: Path = attrs.field(
        factory=default_data_root, eq=False, metadata={"option": False}, converter=Path
    )
    """Where this task's files are; no part of its identity. Set by ``--data``."""

    @property
    def fresh(self) -> frozenset[str]:
        """Splits whose samples differ at every read (augmented pictures); none where not overridden.

        Their ``__getitem__`` may draw from the global random generators of torch, NumPy and Python:
        the core seeds these for each sample and epoch. Other splits are tokenized once.
        """
        return frozenset()

    def left_out(self, split: SplitName) -> Mapping[str, int]:  # noqa: ARG002 # nothing is, where not overridden
        """How many records of the data ``split`` would have had and has not, by reason.

        A record that is in no split is counted for one of them, so that the records of the source are
        the samples of the splits and these. Shown before a run and kept in its record.

        Example:
            >>> task.left_out("train")  # doctest: +SKIP
            {'in test too': 12}
        """
        return {}

    @property
    @abc.abstractmethod
    def recipe(self) -> Recipe:
        """What trains when no flag is given."""

    @property
    @abc.abstractmethod
    def sequence(self) -> TokenIds | Vectors:
        """What :func:`fpt_tokenize` makes of a sample."""

    @property
    @abc.abstractmethod
    def readout(self) -> Readout:
        """Which hidden states are read."""

    @property
    @abc.abstractmethod
    def target(self) -> Target:
        """What is predicted."""

    @property
    @abc.abstractmethod
    def metrics(self) -> tuple[Metric, ...]:
        """The scores; the first selects the best step on validation data."""

    @abc.abstractmethod
    def split(self, name: SplitName) -> Dataset[tuple[Any, Any]]:
        """One split as a map-style dataset of ``(sample, target)``, the splits disjoint by content.

        A sample is whatever ``fpt_tokenize`` understands; a target is an integer or an array as
        :attr:`target` says.

        Raises:
            InputError: A file is missing or wrong, with its name and the place.
        """

    def files(self, split: SplitName) -> Sequence[Path] | None:  # noqa: ARG002 - for those who override it
        """The files that a split is made from, whether or not they are there yet.

        Those of the plugin's own package need no naming. An empty sequence is a split that is made
        from options alone; ``None``, where this is not overridden, one of which that is not known:
        its tokens are then held in memory and tokenized by each run, and nothing is kept.
        """
        return None

    @abc.abstractmethod
    def floors(self, split: SplitName) -> tuple[Floor, ...]:
        """Chance and every trivial predictor known, for each metric they bear on.

        What has to be counted (a majority class) is chosen on training data and scored on
        ``split``; the test split is read only when it is named.
        """

    @abc.abstractmethod
    def parse(self, value: Any) -> Any:
        """A sample from its JSON form, for ``fpt predict``.

        Raises:
            InputError: The value is not a sample of this task.
        """

    @abc.abstractmethod
    def read(self, path: Path) -> Iterator[tuple[str, Any]]:
        """The samples of one of the user's files as ``(identifier, sample)``, for ``fpt predict``.

        Each record of the file is yielded: one that is no sample, in a file that can be read on, as
        ``(identifier, InputError(...))``. It is answered with the reason, and counted.

        Raises:
            InputError: The file is not of this modality, with record and line where it has them.
        """
