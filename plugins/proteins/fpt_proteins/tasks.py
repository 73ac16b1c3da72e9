"""The two tasks: remote homology as published or drawn from SCOPe, and the user's own FASTA."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

import attrs
from attrs.validators import and_, gt, in_, lt

from fpt_plugins import Classes, ConfigurationError, Recipe, SplitName
from fpt_proteins import splits
from fpt_proteins.protein_task import EARLIER, ProteinTask
from fpt_proteins.proteins import Protein, Selection
from fpt_proteins.splits import LEVELS, Level

Source: TypeAlias = Literal["tape-json", "tape-lmdb", "scope", "sample"]
Variant: TypeAlias = Literal["corrected", "paper"]

_SOURCES: tuple[Source, ...] = ("tape-json", "tape-lmdb", "scope", "sample")
_CLASSES_HELP = "names of the classes with / between; where not given, those of the files"
_SCOPE_FILE = Path("scope", "astral-scopedom-seqres-gd-sel-gs-bib-40-2.08.fa")
_SAMPLE = Path(__file__).with_name("sample.fasta")


def _names(_: ProteinTask, __: attrs.Attribute[str], classes: str) -> None:
    names = classes.split("/")
    if classes and (len(names) < 2 or len(set(names)) < len(names) or not all(names)):
        raise ValueError(f"classes={classes:.60} are not two different names or more with / between")


def _folds(given: str, task: RemoteHomology) -> str:
    """The folds of a file, where it decides: taken when the task is made, they are recorded with it."""
    if given or task.is_tape:
        return given
    from fpt_proteins.scope import read_domains

    return "/".join(sorted({domain.label for domain in read_domains(task.fasta_path).proteins}))


@attrs.frozen(kw_only=True)
class RemoteHomology(ProteinTask):
    """Which fold a protein has, when nothing of its superfamily was seen in training.

    TAPE's release is split by its authors. Of SCOPe's domains and of the sample, whole superfamilies
    (families, members: option ``test``) are held out of each fold by the seed.

    Example:
        >>> RemoteHomology(source="sample").target.names
        ('a.1', 'a.2', 'b.1', 'b.2', 'c.1', 'c.2', 'd.1', 'd.2')
    """

    name: ClassVar[str] = "proteins/remote-homology"
    summary: ClassVar[str] = "which fold a protein has, its whole superfamily held out: TAPE, or SCOPe"
    lowercase: ClassVar[bool] = True

    source: Source = attrs.field(
        default="tape-json",
        validator=in_(_SOURCES),
        metadata={
            "help": "TAPE's release in either form, a FASTA of SCOPe's domains, or the synthetic sample"
        },
    )
    test: Level = attrs.field(
        default="fold",
        validator=in_(LEVELS),
        metadata={"help": "what a test protein still shares with training: its fold alone, or more"},
    )
    variant: Variant = attrs.field(
        default="corrected",
        validator=in_(("corrected", "paper")),
        metadata={"help": "paper: TAPE's validation file tests too, and longer proteins are left out"},
    )
    scope_file: Path = attrs.field(
        default=_SCOPE_FILE,
        converter=Path,
        metadata={"help": "for source=scope: the FASTA of domains, within the data root"},
    )
    classes: str = attrs.field(
        default="",
        converter=attrs.Converter(_folds, takes_self=True),
        validator=_names,
        metadata={"help": _CLASSES_HELP},
    )

    def __attrs_post_init__(self) -> None:
        if self.variant == "paper" and (not self.is_tape or self.test != "fold"):
            raise ConfigurationError(
                "variant=paper reads TAPE's training and validation files and no other",
                "leave out the options source and test, or variant",
            )
        if self.is_tape and self.classes:
            raise ConfigurationError("TAPE's folds are numbered: classes were given", "leave them out")

    @property
    def is_tape(self) -> bool:
        """Whether it is TAPE's release."""
        return self.source not in ("scope", "sample")

    @property
    def fasta_path(self) -> Path:
        """The FASTA of domains, where there is one."""
        return _SAMPLE if self.source == "sample" else self.data_root / self.scope_file

    @property
    def recipe(self) -> Recipe:
        """The paper's rate and dropout; ten times through TAPE's 12,312 proteins."""
        steps = 400 if self.source == "sample" else 8_000
        return Recipe(steps=steps, batch_size=16, lr=1e-4, dropout=0.1)

    @property
    def target(self) -> Classes:
        """Folds: TAPE's 1,195 by number, SCOPe's by name (``a.1``)."""
        from fpt_proteins.tape import FOLDS

        return Classes(map(str, range(FOLDS)) if self.is_tape else self.classes.split("/"))

    @property
    def copies_stay(self) -> bool:
        """In the paper's variant, whose test proteins are its validation proteins."""
        return self.variant == "paper"

    def part(self, split: SplitName) -> Selection:
        """As TAPE published it, or as the seed draws it."""
        if not self.is_tape:
            from fpt_proteins.scope import read_domains

            domains = read_domains(self.fasta_path)
            drawn = splits.by_lineage(domains.proteins, self.test, self.data_seed)
            return Selection(drawn[split], domains.left_out if split == "train" else {})  # counted once
        if self.variant == "corrected":
            return Selection(self._tape(split))
        published = Selection(self._tape("train" if split == "train" else "validation"))
        short = [len(protein.sequence) + 2 <= self.max_length for protein in published.proteins]
        return published.drop(f"longer than {self.max_length} tokens", short)

    def files(self, split: SplitName) -> tuple[Path, ...]:
        """TAPE's, of this split and of those that its copies are sought in, or the FASTA of domains."""
        from fpt_proteins.tape import part_file

        if not self.is_tape:
            return (self.fasta_path,)
        parts = [self._parts[each] for each in (*EARLIER[split], split)]
        return tuple(part_file(self.data_root, self.source, part) for part in parts)

    @property
    def _parts(self) -> dict[SplitName, str]:
        return {"train": "train", "validation": "valid", "test": f"test_{self.test}_holdout"}

    def _tape(self, split: SplitName) -> list[Protein]:
        from fpt_proteins.tape import read_part

        return read_part(self.data_root, self.source, self._parts[split])


def _absolute(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path).expanduser().absolute()


def _labels(given: str, task: Fasta) -> str:
    if given or not task.labels:
        return given
    from fpt_proteins.label_table import read_labels

    return "/".join(sorted({row.label for row in read_labels(task.labels).values()}))


@attrs.frozen(kw_only=True)
class Fasta(ProteinTask):
    """The user's own proteins: a FASTA file, and a table of their labels.

    The table says which split each protein is in, or the seed draws equal shares of all sequences.
    Equal sequences never stand on two sides. Similar ones do: who wants clusters of similar
    proteins apart (CD-HIT, MMseqs2) writes their splits into the table.

    Example:
        >>> Fasta(classes="enzyme/toxin").target.names
        ('enzyme', 'toxin')
    """

    name: ClassVar[str] = "proteins/fasta"
    summary: ClassVar[str] = "which class a protein of yours belongs to: a FASTA file and a table of labels"
    lowercase: ClassVar[bool] = False
    copies_stay: ClassVar[bool] = False

    fasta: Path | None = attrs.field(
        default=None, converter=_absolute, metadata={"help": "your proteins: a FASTA file, plain or gzip"}
    )
    labels: Path | None = attrs.field(
        default=None,
        converter=_absolute,
        metadata={"help": "a table with the columns id, label and, if you like, split"},
    )
    classes: str = attrs.field(
        default="",
        converter=attrs.Converter(_labels, takes_self=True),
        validator=_names,
        metadata={"help": _CLASSES_HELP},
    )
    held_out: float = attrs.field(
        default=0.1,
        validator=and_(gt(0.0), lt(0.5)),
        metadata={
            "help": "share of the sequences that validates, and again that tests; without a split column"
        },
    )

    recipe = Recipe(steps=1_000, batch_size=16, lr=1e-3, dropout=0.1)

    def files(self, split: SplitName) -> tuple[Path, ...] | None:  # noqa: ARG002 - the same for every split
        """Both files."""
        return (self.fasta, self.labels) if self.fasta and self.labels else None

    @property
    def target(self) -> Classes:
        """The labels, sorted."""
        if not self.classes:
            raise ConfigurationError(f"{self.name} needs a table of labels", "--option labels=FILE")
        return Classes(tuple(self.classes.split("/")))

    def part(self, split: SplitName) -> Selection:
        """As the table says, or as the seed draws it."""
        from fpt_proteins.labeled_fasta import read_labeled

        if not self.fasta or not self.labels:
            remedy = "--option fasta=FILE --option labels=FILE"
            raise ConfigurationError(f"{self.name} needs your proteins and their labels", remedy)
        labeled = read_labeled(self.fasta, self.labels)
        drawn = labeled.by_table or splits.by_sequence(labeled.proteins, self.held_out, self.data_seed)
        return Selection(drawn[split])
