"""Runs that train together: one pass through one body for the next step of each of them.

Each run stays what it would be alone: its own samples in its own order, its own new parameters,
optimizer, clipping, dropout and best step, in a run folder of its own. What they share is the work of
the frozen body.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

import attrs
import torch

from fpt_plugins.data import Samples, whole
from fpt_plugins.errors import NonFiniteError
from fpt_plugins.evaluation import EVALUATION_BATCH, Sums
from fpt_plugins.fast_path import dropout_facts
from fpt_plugins.freezing import FrozenState
from fpt_plugins.heap import kept_heap
from fpt_plugins.interruption import Interruption
from fpt_plugins.memory import naming_shortage
from fpt_plugins.model import evaluating
from fpt_plugins.parameter_matrix import ParameterMatrix
from fpt_plugins.passing import Passed
from fpt_plugins.probe import OutputProbe
from fpt_plugins.processes import Alone
from fpt_plugins.shared_body import check_one_body
from fpt_plugins.token_cache import open_split
from fpt_plugins.training_loop import Training

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm
    from fpt_plugins.bank import Bank
    from fpt_plugins.data import Batch
    from fpt_plugins.plugins import Plugins
    from fpt_plugins.processes import Launched
    from fpt_plugins.record import RunRecord
    from fpt_plugins.run_folder import RunFolder
    from fpt_plugins.task import SplitName, Task


FEWER = "train fewer --seeds and --lr at once, then --resume"
"""Where memory does not suffice: their pass is not halved, for each shall see what it would see alone."""


class Population:
    """Runs over one body, from the step that each has reached.

    A run whose loss or gradient is not finite has failed: it takes no further step, and its rows stay
    in the batch, so that the others compute what they would have computed, bit for bit.

    Args:
        bank: The arms of the runs, by their names.
        folders: Where each is kept.
        processes: This process, alone.

    Raises:
        ConfigurationError: Two differ in more than their rates and seeds: they would drop other numbers
            than one body draws for both, or do not train the same parameters of one task.

    Attributes:
        trainings: The runs by name.
        failures: Why a run failed, by its name.
    """

    def __init__(self, bank: Bank, folders: Mapping[str, RunFolder], processes: Launched) -> None:
        check_one_body({name: _facts(arm) for name, arm in bank.arms.items()})
        self.bank = bank
        self._target = next(iter(bank.arms.values())).task.target
        self.failures: dict[str, NonFiniteError] = {}
        self._batches: dict[str, Iterator[Batch]] = {}
        self._drawn: dict[str, Batch] = {}
        self._proof, read = BankProof(bank), SharedSplits()
        self.trainings = {
            name: Training(arm, folders[name], processes, read=read, prove=self._proof.of)
            for name, arm in bank.arms.items()
        }
        self._matrix = ParameterMatrix([training.optimizer for training in self.trainings.values()])
        bank.model.read_from(self._matrix)
        for training, stepper in zip(self.trainings.values(), self._matrix.steps, strict=True):
            training.step_with(stepper)

    def rows(self, remedy: str = FEWER) -> Iterator[tuple[str, dict[str, Any]]]:
        """Trains to the end, yielding each row of a run's ``metrics.jsonl`` as it is written, with its name.

        Runs that have taken fewer steps than others, as after a crash, go first. Ctrl-C ends it after
        the step under way, with a checkpoint of each, by ``KeyboardInterrupt``.

        Args:
            remedy: What to do where memory does not suffice, which is for whoever chose the runs to say.

        Raises:
            OutOfMemory: It did not.
        """
        shortage = naming_shortage(lambda: "runs that train together", remedy)
        self.bank.model.train()
        self._batches = {name: training.batches() for name, training in self.trainings.items()}
        with Interruption() as interruption, ExitStack() as stack, shortage, kept_heap():
            for training in self.trainings.values():
                stack.enter_context(training.recording())
            while behind := self._behind():
                yield from self._timed(behind, self._step(behind))
                looking = [name for name in self._alive(behind) if self.trainings[name].looks]
                if looking:
                    yield from self._timed(behind, self._look(looking))
                if looking or interruption.asked:
                    self._save(behind)
                interruption.stop_if_asked()

    def finish(self) -> dict[str, RunRecord]:
        """Proves that what is frozen stayed so, and writes the adapter and the record of each run.

        Returns:
            The record of each that did not fail, by its name.
        """
        self._proof.verify()
        return {name: self.trainings[name].conclude() for name in self._alive(self.trainings)}

    def _behind(self) -> list[str]:
        """The runs whose turn it is: of those that are not over, the ones with the fewest steps."""
        under_way = {
            name: self.trainings[name].state.step
            for name in self._alive(self.trainings)
            if not self.trainings[name].over
        }
        return [name for name, step in under_way.items() if step == min(under_way.values())]

    def _alive(self, names: Sequence[str] | Mapping[str, Any]) -> list[str]:
        return [name for name in names if name not in self.failures]

    def _with_failed(self, names: Sequence[str]) -> list[str]:
        """These and those that failed, in the bank's order."""
        return [name for name in self.trainings if name in names or name in self.failures]

    def _step(self, behind: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The next optimizer step of each, and the rows that are due."""
        for name in behind:
            self._drawn[name] = next(self._batches[name]).to(self.bank.precision.device)
        batches = {name: self._drawn[name] for name in self._with_failed(behind)}
        seeds = {name: self.trainings[name].dropout_seed for name in batches}
        outputs = self.bank.outputs(batches, seeds)
        losses = self._losses(outputs, batches)
        self._matrix.backward(torch.stack([losses[name] for name in behind]))
        for name in behind:
            with self._failing_alone(name):
                passed = Passed(losses[name].detach(), [(outputs[name].detach(), batches[name])])
                row = self.trainings[name].learn(passed)
                yield from ((name, written) for written in self.trainings[name].write(row))

    def _losses(self, outputs: Mapping[str, Tensor], batches: Mapping[str, Batch]) -> dict[str, Tensor]:
        """The mean loss of each run's batch: of all at once, where their outputs have one shape.

        Those that failed are among them, so that what the others compute does not hang on who failed.
        """
        targets = [cast("Tensor", batches[name].targets) for name in outputs]
        found, losses = [*outputs.values()], self._target.losses
        if len({each.shape for each in found}) == 1:
            means = losses(torch.cat(found), torch.cat(targets)).view(len(found), -1).mean(1).unbind()
        else:
            means = tuple(losses(*each).mean() for each in zip(found, targets, strict=True))
        return dict(zip(outputs, means, strict=True))

    def _look(self, looking: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """A look at validation data, and its rows."""
        scores = self._scores(self._with_failed(looking))
        for name in looking:
            with self._failing_alone(name):
                row = self.trainings[name].judge(scores[name])
                yield from ((name, written) for written in self.trainings[name].write(row))

    def _scores(self, names: Sequence[str]) -> dict[str, dict[str, float]]:
        """The metrics of each on its whole validation split, in the batches of a run alone."""
        splits = {name: self.trainings[name].validation_split for name in names}
        sums = {name: Sums(self.bank.arms[name].task) for name in names}
        size = EVALUATION_BATCH * (self.trainings[names[0]].settings.batch_size or 1)
        distinct = {id(split): split for split in splits.values()}
        with evaluating(self.bank.model):
            for drawn in zip(*(whole(split, size) for split in distinct.values()), strict=True):
                batch_of = {key: batch for key, (_, batch) in zip(distinct, drawn, strict=True)}
                batches = {name: batch_of[id(split)] for name, split in splits.items()}
                for name, outputs in self.bank.outputs(batches).items():
                    sums[name].add(outputs, batches[name].to(outputs.device))
        return {name: each.metrics(Alone()) for name, each in sums.items()}

    def _timed(
        self, names: Sequence[str], rows: Iterator[tuple[str, dict[str, Any]]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows, the time that they took divided among the runs."""
        started = time.perf_counter()
        found = list(rows)
        for name in names:
            self.trainings[name].state.seconds += (time.perf_counter() - started) / len(names)
        yield from found

    def _save(self, names: Sequence[str]) -> None:
        self._proof.verify()
        for name in self._alive(names):
            with self._failing_alone(name):  # of a step since its last row, which a GPU tells no sooner
                self.trainings[name].save()

    @contextmanager
    def _failing_alone(self, name: str) -> Iterator[None]:
        """Inside, a number that is not finite ends this run, and no other."""
        try:
            yield
        except NonFiniteError as error:
            self.failures[name] = error


def _facts(arm: Arm) -> dict[str, Any]:
    """What must be equal for runs to train together."""
    settings = arm.configuration
    return {
        **dropout_facts(settings, arm.precision),
        "task": settings.task,
        "options": settings.options,
        "policy": settings.train,
        "policy options": settings.policy_options,
        "groups with a rate of their own": sorted(settings.group_lr),
    }


class SharedSplits:
    """Reads splits for runs of one task: once for all of them where a split does not depend on the seed."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, int | None], Samples] = {}

    def __call__(self, plugins: Plugins, task: Task, name: SplitName, seed: int) -> Samples:
        """A split, as :func:`fpt_plugins.token_cache.open_split` gives it."""
        key = (name, seed if name in task.fresh else None)
        if key not in self._read:
            self._read[key] = open_split(plugins, task, name, seed)
        return self._read[key]


class BankProof:
    """What a bank froze, as it was at one moment: each tensor once, however many arms hold it.

    Args:
        bank: Its arms' frozen tensors, and the modules of the body that computes for them, are meant.

    Raises:
        FrozenError: A module of the body carries a hook.
    """

    def __init__(self, bank: Bank) -> None:
        self._model = bank.model
        self._state = FrozenState(bank.model)
        with bank.model.rows.of([(0, 1)], bank.precision.device):  # the probe is one row, of any arm
            self._probe = OutputProbe(bank.model.backbone, bank.precision)

    def of(self, arm: Arm) -> ArmProof:
        """The proof for one of the arms, with the digest of what it holds frozen."""
        return ArmProof(self, FrozenState(arm.model).held_digest)

    def verify(self) -> None:
        """Compares with the bank as it is now.

        Raises:
            FrozenError: A frozen tensor, a module or what a frozen one computes is not what it was.
        """
        self._state.verify(self._model)
        self._probe.verify()


@attrs.frozen
class ArmProof:
    """One arm's part in the proof of its bank.

    Args:
        bank: The proof of all that is frozen.
        held_digest: One SHA-256 over the arm's frozen tensors as held in memory.
    """

    bank: BankProof
    held_digest: str

    def verify(self) -> None:
        """As :meth:`BankProof.verify`."""
        self.bank.verify()
