"""One plain loop. What a step sees and drops depends on the seed and the step alone."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch

from fpt_plugins.alignment import Alignment, check_alignment
from fpt_plugins.arm import Arm
from fpt_plugins.data_fraction import fraction_of
from fpt_plugins.drift import drift
from fpt_plugins.errors import NonFiniteError
from fpt_plugins.evaluation import score
from fpt_plugins.fast_path import prepare_training
from fpt_plugins.features import FeatureSplit, with_features
from fpt_plugins.finite_steps import FiniteSteps, Stepper
from fpt_plugins.heap import kept_heap
from fpt_plugins.interruption import Interruption
from fpt_plugins.kept_run import KeptRun
from fpt_plugins.memory import fit, naming_shortage
from fpt_plugins.optimizer import make_optimizer
from fpt_plugins.order import Order
from fpt_plugins.passing import Passed, dropout_seed, pass_batch
from fpt_plugins.processes import Launched
from fpt_plugins.proof import FrozenProof, Proof
from fpt_plugins.record import RunRecord
from fpt_plugins.run_folder import RunFolder
from fpt_plugins.stages import TrainedStage, begin_stage, check_stages, stage_at
from fpt_plugins.step_loader import Steps, step_batches
from fpt_plugins.token_cache import open_split
from fpt_plugins.trained_tensors import trained_tensors

if TYPE_CHECKING:
    from fpt_plugins.data import Batch, ReadSplit

ROWS = 1000
"""About how many training rows ``metrics.jsonl`` gets, however long the run is."""


class Training:
    """One run, from its first step or from its newest checkpoint.

    Args:
        arm: What trains.
        folder: Where it is kept.
        processes: Who else trains it.
        read: How its splits are read.
        prove: What is compared to prove that the frozen stayed so.
    """

    frozen: Proof

    def __init__(
        self,
        arm: Arm,
        folder: RunFolder,
        processes: Launched | None = None,
        *,
        read: ReadSplit = open_split,
        prove: Callable[[Arm], Proof] = FrozenProof,
    ) -> None:
        self.arm, self.folder = arm, folder
        settings = self.settings = arm.configuration
        self.processes = processes or Launched(arm.precision.device)
        self.accelerator = self.processes.accelerator
        self.processes.check_shares(settings.batch_size or 1)
        check_stages(arm.partition.stages, settings.steps or 0, self.processes.count)
        check_alignment(settings, self.processes.count)
        whole = read(arm.plugins, arm.task, "train", settings.seed)
        self.train_split = fraction_of(whole, settings.data_fraction, settings.seed)
        self.validation_split = read(arm.plugins, arm.task, "validation", settings.seed)
        self._prove = prove
        lengths = self.train_split.lengths if settings.batching == "length" else None
        self._order = Order(len(self.train_split), settings.batch_size or 1, settings.seed, lengths)
        prepare_training(arm)
        self.optimizer = make_optimizer(arm)
        self._steps: Stepper = FiniteSteps(self.optimizer, arm.precision.device)
        self._begun = trained_tensors(arm)
        self._kept = KeptRun(arm, self.optimizer, folder, self.processes)
        self.state = self._kept.state
        self._clipped = torch.tensor(self.state.clipped, device=arm.precision.device)
        begins_aligned = self._kept.resumed or not settings.align_steps
        self._alignment = None if begins_aligned else Alignment(arm, self.train_split)
        self.train_split = with_features(arm, self.train_split, folder.path)
        self.validation_split = with_features(arm, self.validation_split, folder.path)
        self._stage: TrainedStage | None = None
        self._enter_stage()
        self._model = self.accelerator.prepare_model(arm.model, device_placement=False)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Trains to the end, yielding each row of ``metrics.jsonl`` as it is written.

        Ctrl-C ends it after the step under way, with a checkpoint, by ``KeyboardInterrupt``; of several
        processes at once, with the checkpoint of the last look.
        """
        self.arm.model.train()
        batches = self.batches()
        alone = self.processes.count == 1
        shortage = naming_shortage(self._kept.where)
        with Interruption(alone=alone) as interruption, self.recording(), shortage, kept_heap():
            yield from self._align(interruption)
            while not self.over:
                started = time.perf_counter()
                self._enter_stage()
                yield from self._step(next(batches))
                if self.looks:
                    yield from self._look()
                self.state.seconds += time.perf_counter() - started
                if self.looks or interruption.asked:
                    self.frozen.verify()
                    self.save()
                interruption.stop_if_asked()

    def recording(self) -> AbstractContextManager[None]:
        """Inside, ``metrics.jsonl`` is open."""
        return self._kept.recording()

    @property
    def over(self) -> bool:
        """Whether every step is taken."""
        return self._kept.over

    @property
    def looks(self) -> bool:
        """Whether the step that was just taken is followed by a look at validation data."""
        return self._looks_after(self.state.step)

    def _looks_after(self, step: int) -> bool:
        return step >= (self.settings.steps or 0) or step % (self.settings.evaluate_every or 1) == 0

    def finish(self) -> RunRecord:
        """Proves that what is frozen stayed so, writes the adapter and the record, and returns the record."""
        self.frozen.verify()
        return self.conclude()

    def conclude(self) -> RunRecord:
        """Writes the adapter and the record of what was just verified."""
        return self._kept.conclude(self.frozen.held_digest, len(self.validation_split))

    def _align(self, interruption: Interruption) -> Iterator[dict[str, Any]]:
        """Input alignment where it is due; its checkpoint of step 0 says that it is over."""
        if self._alignment is not None:
            for row in self._alignment.rows():
                yield from self.write(row)
                interruption.stop_if_asked()
            self.state.alignment = self._alignment.outcome
            self._alignment = None  # the pretrained token embeddings are held no longer
            self.frozen.verify()
            self.save()

    def close(self) -> None:
        """Gives back what the features of a frozen body take, in memory and on disk."""
        for split in (self.train_split, self.validation_split):
            if isinstance(split, FeatureSplit):
                split.close()

    def _enter_stage(self) -> None:
        """Where a stage begins: the proof of the one before, then what it freezes and a proof of that."""
        stage = stage_at(self.arm.partition.stages, self.state.step)
        if stage is self._stage:
            return
        if self._stage is not None:
            self.frozen.verify()
        begin_stage(stage, self.arm.model, self.optimizer)
        self._stage, self.frozen = stage, self._prove(self.arm)
        self.state.held_digests[str(stage.step)] = self.frozen.held_digest

    def _step(self, batch: Batch) -> Iterator[dict[str, Any]]:
        """One optimizer step, with fewer samples at a time where memory is short; the rows that are due."""
        asked = min(self.settings.micro_batch_size or len(batch), len(batch))
        known = min([asked, *self.state.micro_batch_sizes.values()])
        alone = self.processes.count == 1  # others would wait for the gradients of this one's first attempt
        passed, fitting = fit(functools.partial(self._pass, batch), asked, known, halve=alone)
        row = self.learn(passed)
        if fitting < known:
            self.state.micro_batch_sizes[str(self.state.step)] = fitting
            yield from self.write({"split": "memory", "micro_batch_size": fitting})
        yield from self.write(row)

    def _look(self) -> Iterator[dict[str, Any]]:
        """The row of a look at validation data, after one that says so where memory was short for it."""
        known = self.state.scoring.size
        metrics = score(self.arm, self.validation_split, processes=self.processes, room=self.state.scoring)
        if self.state.scoring.size != known:
            yield from self.write({"split": "memory", "scored_at_a_time": self.state.scoring.size})
        yield from self.write(self.judge(metrics))

    def _pass(self, batch: Batch, size: int) -> Passed:
        """Forward and back from cleared gradients, so many samples at a time."""
        self._steps.clear()
        parts = list(batch.parts(size))
        return pass_batch(self.arm, self._model, parts, self.state.step, self.processes)

    def batches(self) -> Iterator[Batch]:
        """This process's share of the batch of each step that is left."""
        source = Steps(self.train_split, self._order, self.processes)
        span, device = range(self.state.step, self.settings.steps or 0), self.arm.precision.device
        return step_batches(source, span, device, self.settings.workers)

    @property
    def dropout_seed(self) -> int:
        """Of whatever the next step draws."""
        return dropout_seed(self.arm, self.state.step, self.processes)

    def step_with(self, stepper: Stepper) -> None:
        """Takes its steps by another from now on."""
        self._steps = stepper

    def learn(self, passed: Passed) -> dict[str, Any] | None:
        """Takes the step whose gradients are there; its row where one is due.

        Raises:
            NonFiniteError: The loss or the gradient of this step, or of one since the last row, is
                not a finite number; that step was not taken, and none after it.
        """
        clip, step = self.settings.clip or math.inf, self.state.step + 1
        norm = self._steps.take(step, passed.loss, clip)
        is_due = step % max(1, (self.settings.steps or 1) // ROWS) == 0
        if is_due or self._looks_after(step) or norm.device.type == "cpu":
            self._settle()
        self.state.step = step
        self._clipped += norm > clip
        if not is_due:
            return None
        scores, clipped = passed.scores(self.arm), self._clipped.item() / step
        numbers = {"gradient_norm": norm.item(), "clipped": clipped}
        return {"split": "train", "loss": passed.loss.item(), **scores, **numbers}

    def _settle(self) -> None:
        """Waits for the device, and raises if a step could not be taken."""
        try:
            self._steps.check()
        except NonFiniteError as error:
            raise NonFiniteError(f"{error.message}, and {self._kept.saved}", error.remedy) from None

    def judge(self, metrics: dict[str, float]) -> dict[str, Any]:
        """The row of a look at validation data; keeps the trained tensors where they are the best so far.

        Raises:
            NonFiniteError: A score is not a finite number.
        """
        if not all(map(math.isfinite, metrics.values())):
            found = f"on validation data at step {self.state.step} the scores are {metrics}"
            raise NonFiniteError(f"{found}, and {self._kept.saved}", "train with a smaller --lr")
        if self.state.is_better(metrics, self.arm.task.metrics[0]):
            self.state.best_step, self.state.best_metrics = self.state.step, metrics
            self.state.best_tensors = trained_tensors(self.arm)
        return {"split": "validation", **metrics, "drift": drift(self.arm, self._begun)}

    def write(self, row: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
        """Adds a row to ``metrics.jsonl``, with step and seconds, and yields it; nothing for nothing."""
        return self._kept.write(row)

    def save(self) -> None:
        """Writes a checkpoint of what was just verified."""
        self._settle()
        self.state.clipped = int(self._clipped)
        self._kept.save()
