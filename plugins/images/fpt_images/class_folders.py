"""A user's own pictures: a folder per class, within folders per split or not."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from fpt_plugins import InputError, track

from fpt_images.decoding import decode
from fpt_images.labeled import LabeledPictures, published, three_ways, without_copies

if TYPE_CHECKING:
    from fpt_plugins import SplitName

    from fpt_images.layout import PictureLayout

Found: TypeAlias = tuple[tuple[Path, int, int, int], ...]
"""Of each picture file: its path, its class's place, and its time and size, which tell it changed."""

SPLIT_FOLDERS: tuple[SplitName, ...] = ("train", "validation", "test")


def read_split(
    path: Path, names: Sequence[str], layout: PictureLayout, split: SplitName, *, held_out: float, seed: int
) -> LabeledPictures:
    """The pictures of a split: of its folder, or drawn where there are no folders of splits.

    Pictures of a split that are copies of those of a later one (train, validation, test) are left out.

    Args:
        path: The folder.
        names: The classes.
        layout: What the pictures are fitted to.
        split: Which.
        held_out: The share of all pictures that validates, and that tests, where they are drawn.
        seed: Draws them.

    Raises:
        InputError: As :func:`read_classes` and :func:`split_folders`.
    """
    folders = split_folders(path)
    if not folders:
        every = read_classes(path, names, layout)
        return three_ways(every, split, round(held_out * len(every)), seed)

    def read(part: SplitName) -> LabeledPictures:
        return read_classes(folders[part], names, layout)

    if "validation" not in folders:
        return published(read, split, held_out, seed)
    later = SPLIT_FOLDERS[SPLIT_FOLDERS.index(split) + 1 :]
    return without_copies(read(split), *map(read, later))


def split_folders(path: Path) -> dict[str, Path]:
    """The folders of the splits, where there are at least ``train`` and ``test``; else none.

    Raises:
        InputError: Something else stands beside them.
    """
    folders = {entry.name: entry for entry in _entries(path) if entry.name in SPLIT_FOLDERS}
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


def read_classes(path: Path, names: Sequence[str], layout: PictureLayout) -> LabeledPictures:
    """The pictures of every class's folder, fitted to the layout.

    Raises:
        InputError: A folder of another class or without pictures, or a file that is not a picture.
    """
    found: list[tuple[Path, int, int, int]] = []
    for folder in _entries(path):
        if folder.name not in names:
            kind = (
                "a folder of another class" if folder.is_dir() else "a file outside of the classes' folders"
            )
            raise InputError(f"{kind}; the classes are {', '.join(names)}", where=str(folder))
        found += [_stamped(file, names.index(folder.name)) for file in _pictures(folder)]
    return _decoded(tuple(found), layout)


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
