"""A user's own pictures: a folder per class, within folders per split or not."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np

from fpt_images.decoding import decode
from fpt_images.labeled import LabeledPictures, published, three_ways, without_copies
from fpt_plugins import InputError, track

if TYPE_CHECKING:
    from fpt_images.layout import PictureLayout
    from fpt_plugins import SplitName

Found: TypeAlias = tuple[tuple[Path, int, int, int], ...]
"""Of each picture file: its path, its class's place, and its time and size, which tell it changed."""

SPLIT_FOLDERS: tuple[SplitName, ...] = ("train", "validation", "test")


@attrs.frozen
class ClassFolders:
    """The pictures in the classes' folders.

    Args:
        path: The folder that holds them, or that holds the splits' folders, which do.
        names: The classes, in order.
        layout: What the pictures are fitted to.
    """

    path: Path
    names: tuple[str, ...]
    layout: PictureLayout

    def split(self, split: SplitName, held_out: float, seed: int) -> LabeledPictures:
        """The pictures of a split: of its folder, or drawn where there are no folders of splits.

        Copies of pictures of a later split (train, validation, test) are left out.

        Args:
            split: Which.
            held_out: The share of all pictures that validates, and that tests, where they are drawn.
            seed: Draws them.

        Raises:
            InputError: A folder of another class or without pictures, or a file that is not a picture.
        """
        folders = split_folders(self.path)
        if not folders:
            every = self._read(self.path)
            return three_ways(every, split, round(held_out * len(every)), seed)
        if "validation" not in folders:
            return published(lambda part: self._read(folders[part]), split, held_out, seed)
        later = SPLIT_FOLDERS[SPLIT_FOLDERS.index(split) + 1 :]
        return without_copies(self._read(folders[split]), *(self._read(folders[part]) for part in later))

    def _read(self, path: Path) -> LabeledPictures:
        found: list[tuple[Path, int, int, int]] = []
        for folder in _entries(path):
            if folder.name not in self.names:
                raise InputError(f"none of the classes' folders: {', '.join(self.names)}", where=str(folder))
            found += [_stamped(file, self.names.index(folder.name)) for file in _pictures(folder)]
        return _decoded(tuple(found), self.layout)


def split_folders(path: Path) -> dict[SplitName, Path]:
    """The folders of the splits, where there are at least ``train`` and ``test``; else none.

    Raises:
        InputError: Something else stands beside them.
    """
    folders = {name: path / name for name in SPLIT_FOLDERS if (path / name).is_dir()}
    if not {"train", "test"} <= folders.keys():
        return {}
    for entry in _entries(path):
        if entry.name not in SPLIT_FOLDERS:
            expected = "beside the folders of the splits, where only train, validation and test belong"
            raise InputError(expected, where=str(entry))
    return folders


def class_names(path: Path) -> tuple[str, ...]:
    """The names of the classes: of the folders, sorted; of ``train``'s where there are split folders.

    Raises:
        InputError: No folder, or fewer than two classes.
    """
    folder = split_folders(path).get("train", path)
    names = tuple(entry.name for entry in _entries(folder) if entry.is_dir())
    if len(names) < 2:
        raise InputError(f"{len(names)} folders of classes, where two are the fewest", where=str(folder))
    return names


@functools.lru_cache(maxsize=3)  # a task asks for a split several times, and decoding is slow
def _decoded(found: Found, layout: PictureLayout) -> LabeledPictures:
    pictures = np.zeros((len(found), *layout.shape), dtype=np.uint8)
    for place, (path, *_) in enumerate(track(found, "reading pictures")):
        pictures[place] = decode(path, layout)
    return LabeledPictures(pictures, np.array([label for _, label, *_ in found], dtype=np.int64))


def _stamped(path: Path, label: int) -> tuple[Path, int, int, int]:
    status = path.stat()
    return path, label, status.st_mtime_ns, status.st_size


def _pictures(folder: Path) -> list[Path]:
    entries = _entries(folder)
    if not entries:
        raise InputError("no pictures", "remove the folder, or put its pictures in it", where=str(folder))
    for entry in entries:
        if not entry.is_file():
            raise InputError("not a file, where a class's folder holds pictures alone", where=str(entry))
    return entries


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, sorted by name, without hidden files (``.DS_Store``)."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        remedy = "give a folder with a folder of pictures per class: --option path=DIR"
        raise InputError(f"the folder cannot be read: {error.strerror}", remedy, where=str(folder)) from error
