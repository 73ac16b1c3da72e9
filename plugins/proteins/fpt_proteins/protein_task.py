"""What the tasks of this plugin have in common: a protein in, its class out."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from attrs.validators import ge

from fpt_plugins import Classes, Floor, InputError, Last, Metric, SplitName, Task, TokenIds, accuracy
from fpt_proteins.proteins import Selection
from fpt_proteins.vocabulary import SYMBOLS, checked

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins import Batch
    from fpt_proteins.dataset import ProteinDataset

EARLIER: dict[SplitName, tuple[SplitName, ...]] = {
    "train": (),
    "validation": ("train",),
    "test": ("train", "validation"),
}
_EXAMPLE = '{"sequence": "MKTAYIAK"}'


def _top_5(outputs: Tensor, targets: Tensor, _: Batch) -> tuple[Tensor, Tensor]:
    guesses = outputs.topk(min(5, outputs.shape[-1]), dim=-1).indices  # [B, 5]
    right = (guesses == targets.unsqueeze(-1)).any(dim=-1)
    return right, right.new_ones(right.shape)


@attrs.frozen(kw_only=True)
class ProteinTask(Task):
    """Which class a protein belongs to. A task adds its classes and its proteins."""

    max_length: int = attrs.field(
        default=1024,
        validator=ge(3),
        metadata={"help": "tokens, <cls> and <sep> among them; longer proteins are cut at their end"},
    )
    data_seed: int = attrs.field(
        default=0, validator=ge(0), metadata={"help": "draws the proteins that are held out"}
    )

    lowercase: ClassVar[bool]
    """Whether files may be in lower case throughout, as ASTRAL's are."""

    readout = Last(1)  # <sep>, which has seen the whole protein
    metrics = (accuracy, Metric("top_5_accuracy", _top_5))

    @property
    @abc.abstractmethod
    def target(self) -> Classes:
        """The classes."""

    @property
    @abc.abstractmethod
    def copies_stay(self) -> bool:
        """Whether a protein may be in two splits. Else it is in the first: train, validation, test."""

    @abc.abstractmethod
    def part(self, split: SplitName) -> Selection:
        """The proteins that the files or the seed give to a split."""

    @property
    def sequence(self) -> TokenIds:
        """TAPE's 30 symbols."""
        return TokenIds(vocabulary=SYMBOLS, max_length=self.max_length)

    def split(self, name: SplitName) -> ProteinDataset:
        """Sequences, one capital letter per residue, with the places of their classes.

        A protein that is in an earlier split is left out, and counted.
        """
        from fpt_proteins.dataset import ProteinDataset

        names, selection = self.target.names, self.part(name)
        for earlier in () if self.copies_stay else EARLIER[name]:
            selection = selection.without(self.part(earlier).proteins, f"in {earlier} too")
        if not selection.proteins:
            raise InputError(f"{self.name} has too few proteins: none is left for {name}")
        if other := {protein.label for protein in selection.proteins} - set(names):
            raise InputError(f"{self.name} has no class {min(other)!r}", f"it has {', '.join(names)[:80]}")
        return ProteinDataset(selection, names)

    def left_out(self, split: SplitName) -> Mapping[str, int]:
        """Proteins of the file that the split has not, by reason."""
        return self.split(split).left_out

    def floors(self, split: SplitName) -> tuple[Floor, ...]:
        """Chance, the commonest classes, and the nearest mean composition of amino acids."""
        from fpt_proteins.floors import floors

        return floors(self.split("train"), self.split(split), self.target.names, split)

    def parse(self, value: Any) -> str:
        """``{"sequence": "MKTAYIAK"}``."""
        match value:
            case {"sequence": str(letters)} if len(value) == 1:
                return checked(letters)
        raise InputError(f"a sample is {_EXAMPLE}; found {value!r:.80}")

    def read(self, path: Path) -> Iterator[tuple[str, str | InputError]]:
        """The records of a FASTA file, plain or gzip; one that is no protein as the reason."""
        from fpt_proteins.fasta import RefusedRecord, read_records

        for record in read_records(path, lowercase=self.lowercase):
            refused = isinstance(record, RefusedRecord)
            yield record.identifier, record.reason if refused else record.sequence
