"""What a run keeps on disk as it goes: rows and checkpoints, in the end its adapter and its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from fpt_plugins.adapter_files import WEIGHTS, adapter_files
from fpt_plugins.checkpoint import Checkpoint, newest_checkpoint, restore, save_checkpoint
from fpt_plugins.circumstances import batch_sizes, circumstances, not_bitwise
from fpt_plugins.recording import run_record
from fpt_plugins.resuming import resume_command
from fpt_plugins.run_folder import RunFolder, writing
from fpt_plugins.storage import write_folder

if TYPE_CHECKING:
    import torch

    from fpt_plugins.arm import Arm
    from fpt_plugins.processes import Launched
    from fpt_plugins.record import RunRecord


class KeptRun:
    """A run's state, and what there is of it on disk; of several processes, the leading one writes.

    Args:
        arm: What trains; where there is a checkpoint, its tensors are put in it.
        optimizer: And its moments in this.
        folder: Where the run is kept.
        processes: Who trains it.

    Attributes:
        state: Where the run stands: at its newest checkpoint, or at its beginning.
        resumed: Whether there was a checkpoint.
    """

    def __init__(
        self, arm: Arm, optimizer: torch.optim.Optimizer, folder: RunFolder, processes: Launched
    ) -> None:
        self._arm, self._optimizer, self._folder, self._processes = arm, optimizer, folder, processes
        checkpoint = newest_checkpoint(folder.path)
        self.resumed = checkpoint is not None
        self.state = Checkpoint() if checkpoint is None else restore(arm, optimizer, checkpoint)
        self._keep_rows()
        self._note_circumstances()

    @property
    def over(self) -> bool:
        """Whether every step is taken."""
        return self.state.step >= (self._arm.configuration.steps or 0)

    def _keep_rows(self) -> None:
        """Drops the rows after the step that is reached."""
        state, folder = self.state, self._folder
        if not self.resumed:
            folder.check_not_begun(aligned=bool(self._arm.configuration.align_steps))
        reached = (state.step, state.rows_sha256) if self.resumed else (-1, None)
        rows = folder.keep_rows(*reached, writes=self._processes.leads)
        scored = (row["scored_at_a_time"] for row in rows if "scored_at_a_time" in row)
        state.scoring.size = min(scored, default=None)

    def _note_circumstances(self) -> None:
        """Notes what is no longer as it was when the step that is reached was taken."""
        state, settings = self.state, self._arm.configuration
        now = circumstances(self._arm.precision, self._processes.count) | batch_sizes(settings)
        if self.resumed and not self.over:
            then = batch_sizes(self._folder.begun or settings) | state.circumstances
            state.not_bitwise += not_bitwise(state.step, then, now)
        state.circumstances = now

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Inside, ``metrics.jsonl`` is open."""
        with self._folder.appending() as self._append:
            yield

    def write(self, row: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
        """Adds a row to ``metrics.jsonl``, with step and seconds, and yields it; nothing for nothing."""
        if row is not None:
            written = {"step": self.state.step, **row, "seconds": round(self.state.seconds, 3)}
            if self._processes.leads:
                with self._writing("the row"):
                    self._append(written)
            yield written

    def save(self) -> None:
        """Writes a checkpoint."""
        if self._processes.leads:
            with self._writing("the checkpoint"):
                self.state.rows_sha256 = self._folder.seal_rows()
                save_checkpoint(self._folder.path, self._arm, self._optimizer, self.state)
        self._processes.wait()
        self.state.saved_step = self.state.step

    def conclude(self, held_digest: str, samples: int) -> RunRecord:
        """Writes the adapter of the best step and the record, and returns the record.

        Args:
            held_digest: Of what is frozen, just verified.
            samples: Of the validation split.
        """
        files = adapter_files(self._arm, self.state.best_tensors, self.state.best_step)
        numbers = {"samples": samples, "adapter_bytes": len(files[WEIGHTS])}
        record = run_record(self._arm, self.state, held_digest=held_digest, **numbers)
        if self._processes.leads:
            with self._writing("the adapter"):
                if not self._folder.adapter.exists():
                    write_folder(self._folder.adapter, files)
                record.write(self._folder.path)  # last: a run with a record is over
        return record

    @property
    def saved(self) -> str:
        """What there is of the run on disk, in words."""
        step, path = self.state.saved_step, self._folder.path
        return "there is no checkpoint yet" if step is None else f"the checkpoint of step {step} is in {path}"

    def where(self) -> str:
        """The step under way, in words."""
        return f"at step {self.state.step + 1} (and {self.saved})"

    def _writing(self, what: str) -> AbstractContextManager[None]:
        """Inside, what cannot be written is an error that says what there is."""
        path = self._folder.path
        remedy = f"give it room or the right, then: {resume_command(self._arm.configuration, path)}"
        return writing(f"{what} of step {self.state.step} in {path} (and {self.saved})", remedy)
