"""Many adapters over one body in memory, answering in one pass whatever the mix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fpt_plugins.banked_transformer import BankedTransformer
from fpt_plugins.data import Batch, collate, tokenize
from fpt_plugins.errors import CannotShare, ConfigurationError, UnknownName
from fpt_plugins.model import evaluating
from fpt_plugins.row_wise import row_wise_form
from fpt_plugins.sequence import Sequences
from fpt_plugins.shared_body import body_facts, check_one_body
from fpt_plugins.streams import Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from fpt_plugins.arm import Arm
    from fpt_plugins.task import Task

BATCH = 64
"""Rows of one pass when samples are answered."""


class Bank:
    """Adapters over one body, by name, each with its own task, embedding, head and trained tensors.

    Args:
        arms: The adapters; their order is kept.

    Raises:
        ConfigurationError: Two do not stand on one body, or one trains what has no row-wise form.

    Example:
        >>> bank = load_many(["runs/xor", "runs/digits"])  # doctest: +SKIP
        >>> bank.predict([("xor", bits), ("digits", picture), ("xor", bits)])  # doctest: +SKIP
        [{'bits': '00000'}, {'class': '7', 'probability': 0.98}, {'bits': '00000'}]
    """

    def __init__(self, arms: Mapping[str, Arm]) -> None:
        if not arms:
            raise ConfigurationError("a bank needs an adapter", "give a dictionary with one or more")
        owners = {name: _trained_owners(name, arm) for name, arm in arms.items()}
        check_one_body({name: _facts(arm) for name, arm in arms.items()})
        self.arms = dict(arms)
        self._places = {name: place for place, name in enumerate(arms)}
        self.precision = next(iter(arms.values())).precision
        models = [arm.model for arm in arms.values()]
        longest = max(models, key=lambda model: model.backbone.max_length)
        trained = sorted(set().union(*owners.values()))
        dropout = any(arm.configuration.dropout for arm in arms.values())
        self.model = BankedTransformer(models, longest.backbone, trained, draws=dropout).eval()

    @property
    def tasks(self) -> dict[str, Task]:
        """Each adapter's task."""
        return {name: arm.task for name, arm in self.arms.items()}

    def arm(self, name: str) -> Arm:
        """One adapter, which also computes alone.

        Raises:
            UnknownName: There is none of that name; the nearest are offered.
        """
        if name not in self.arms:
            raise UnknownName("adapter", name, self.arms)
        return self.arms[name]

    def outputs(
        self, batches: Mapping[str, Batch], seeds: Mapping[str, int] | None = None
    ) -> dict[str, Tensor]:
        """Each adapter's outputs for its batch, in fp32, as its target lays them out: one pass for all.

        Args:
            batches: By the adapters' names; others take no part.
            seeds: Of what each adapter draws, its dropout; the global generators' where not given.
        """
        device = self.precision.device
        placed = {self._places[name]: batch.to(device) for name, batch in batches.items()}
        with self.precision.autocast():
            found = self.model(placed, None if seeds is None else self._streams(seeds))
        return {name: found[self._places[name]].float() for name in batches}

    def _streams(self, seeds: Mapping[str, int]) -> dict[int, Stream]:
        return {self._places[name]: Stream(seed, self.precision.device) for name, seed in seeds.items()}

    def predict(self, samples: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
        """The answer to each sample by the adapter that it names, in the order of the samples.

        Args:
            samples: An adapter's name, and what its task's splits yield or its ``parse`` returns.

        Raises:
            UnknownName: A name that is none; the nearest are offered.
            InputError: A sample is no sequence of its adapter's task; it is named by its place.
        """
        tokens = self._tokenize(samples)
        order = sorted(tokens, key=lambda index: len(tokens[index]))  # those of a length share a pass
        answers: dict[int, dict[str, Any]] = {}
        with evaluating(self.model):
            for start in range(0, len(order), BATCH):
                indices = order[start : start + BATCH]
                names = [samples[index][0] for index in indices]
                answers.update(self._answer(_by_name(names, indices), tokens))
        return [answers[index] for index in range(len(samples))]

    def _tokenize(self, samples: Sequence[tuple[str, Any]]) -> dict[int, NDArray[Any]]:
        """Each sample's tokens, by its place."""
        found: dict[int, NDArray[Any]] = {}
        for name, indices in _by_name([name for name, _ in samples], range(len(samples))).items():
            arm = self.arm(name)
            sequences = tokenize(arm.plugins, arm.task, [samples[index][1] for index in indices], indices)
            found.update(zip(indices, sequences, strict=True))
        return found

    def _answer(
        self, indices: Mapping[str, list[int]], tokens: Mapping[int, NDArray[Any]]
    ) -> dict[int, dict[str, Any]]:
        """The answers to the samples of one pass, by their places."""
        batches = {
            name: collate(self.arms[name].task, Sequences.of([tokens[index] for index in own]))
            for name, own in indices.items()
        }
        outputs = self.outputs(batches)
        return {
            index: answer
            for name, own in indices.items()
            for index, answer in zip(own, self.arms[name].answers(outputs[name], batches[name]), strict=True)
        }


def _by_name(names: Sequence[str], indices: Sequence[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for name, index in zip(names, indices, strict=True):
        found[name].append(index)
    return found


def _facts(arm: Arm) -> dict[str, Any]:
    return body_facts(arm.model.backbone.source_digest, arm.configuration)


def _trained_owners(name: str, arm: Arm) -> set[str]:
    """The submodules of the body that an arm trains, each of which must have a row-wise form."""
    body = arm.model.backbone
    inside = [
        each.removeprefix("backbone.") for each in arm.partition.trained_names if each.startswith("backbone.")
    ]
    owners = {each.rpartition(".")[0] for each in inside}
    for owner in sorted(owners):
        if row_wise_form(body, owner) is None:
            raise CannotShare(
                f"{name} trains {owner} (a {type(body.get_submodule(owner)).__name__}), which has no "
                "row-wise form: it cannot share a pass",
                "adapters that train layer norms and positions can: --train fpt",
            )
    return owners
