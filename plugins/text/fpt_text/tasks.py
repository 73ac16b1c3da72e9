"""``text/bytes``: which byte comes next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import and_, ge, gt, lt, min_len

from fpt_plugins import Classes, Every, Floor, InputError, Recipe, SplitName, Task, TokenIds, accuracy
from fpt_text.metrics import bits_per_byte

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fpt_text.dataset import NextBytes

NAMES = tuple(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in range(256))
"""Printable ASCII as it is, other bytes as ``\\xNN``."""

EXAMPLE = '{"text": "To be, or not to b"}'


def _share(help_text: str) -> Any:
    return attrs.field(default=0.1, validator=and_(gt(0.0), lt(0.5)), metadata={"help": help_text})


@attrs.frozen(kw_only=True)
class Bytes(Task):
    """Text as bytes: which one comes next, at every position?

    A sample is a ``uint8`` array ``[T]`` of consecutive bytes, its target the same bytes one place
    on. Bodies that look ahead would see the answer and are refused.

    Example:
        >>> Bytes().parse({"text": "Hé"}).tolist()
        [72, 195, 169]
    """

    name = "text/bytes"
    summary = "the next byte of any text: language modeling on your own files"
    causal_only = True
    recipe = Recipe(steps=2000, batch_size=16, lr=1e-3)
    readout = Every()
    target = Classes(NAMES)
    metrics = (bits_per_byte, accuracy)

    path: Path | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(Path),
        metadata={
            "help": "a text file or a folder of them, under the data root (--data); "
            "none is Python's language reference"
        },
    )
    pattern: str = attrs.field(
        default="*.txt", validator=min_len(1), metadata={"help": "which files of a folder are read"}
    )
    length: int = attrs.field(default=256, validator=ge(1), metadata={"help": "bytes per sample"})
    validation_share: float = _share("of the passages, to select on")
    test_share: float = _share("of the passages, to test on")
    data_seed: int = attrs.field(default=0, validator=ge(0), metadata={"help": "which passages are held out"})

    @property
    def sequence(self) -> TokenIds:
        return TokenIds(vocabulary=NAMES, max_length=self.length)

    def split(self, name: SplitName) -> NextBytes:
        from fpt_text.dataset import NextBytes, unseen, windows

        texts = self._texts()
        cut = {split: windows(text, self.length) for split, text in texts.items()}
        places = list(cut)
        earlier = places[: places.index(name)]
        return NextBytes(unseen(cut[name], (window for split in earlier for window in cut[split])))

    def files(self, split: SplitName) -> list[Path]:  # noqa: ARG002 - every split is cut from all text
        """All text files; by default the one module of the standard library."""
        from fpt_text.documents import reference_file, text_files

        place = self._place
        return [reference_file()] if place is None else text_files(place, self.pattern)

    def floors(self, split: SplitName) -> tuple[Floor, ...]:
        """Chance, and bytes counted alone and in pairs."""
        from fpt_text.floors import counted

        train, scored = self.split("train").windows, self.split(split).windows
        source = f"counted in {len(train)} training samples, on {len(scored)} of {split}"
        return counted(train, scored, source)

    def parse(self, value: Any) -> NDArray[np.uint8]:
        """``{"text": "..."}``: its bytes in UTF-8."""
        import numpy as np

        match value:
            case {"text": str(text)} if len(value) == 1:
                try:
                    return np.frombuffer(text.encode(), np.uint8)
                except UnicodeEncodeError as error:
                    raise InputError(f"the text is no Unicode: {error.reason}", where="text") from error
        raise InputError(f"a sample is {EXAMPLE}; found {str(value)[:80]}")

    def read(self, path: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        """A text file, ``length`` bytes at a time, named by file and place of the first byte."""
        import numpy as np

        from fpt_text.documents import read_text

        text = read_text(path)
        for start in range(0, len(text), self.length):
            yield f"{path.name}:{start}", np.frombuffer(text[start : start + self.length], np.uint8)

    @property
    def _place(self) -> Path | None:
        return None if self.path is None else self.data_root.expanduser() / self.path

    def _texts(self) -> dict[SplitName, bytes]:
        """The text of each split; those that are held out come first."""
        from fpt_text.documents import language_reference, read_documents
        from fpt_text.passages import divide

        place = self._place
        documents = language_reference() if place is None else read_documents(place, self.pattern)
        shares: dict[SplitName, float] = {"test": self.test_share, "validation": self.validation_share}
        return divide(documents, {**shares, "train": 1.0}, self.data_seed)
