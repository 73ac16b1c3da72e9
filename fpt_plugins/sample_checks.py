"""A sample's tokens and its target against what the task declares, before anything computes.

A class that is none would be an assertion on a GPU, and a number that is not finite a loss of
NaN, both far from the sample that has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fpt_plugins.errors import InputError, PluginError
from fpt_plugins.readout import Flatten, Last
from fpt_plugins.sequence import Sequences, TokenIds
from fpt_plugins.target import LARGEST_FLOAT32, PADDING_TARGET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fpt_plugins.task import Task

_KINDS = {"int64": "biu", "float32": "biuf"}
"""The kinds of NumPy type that may become each type: no fraction is a class."""


def check_sequences(task: Task, sequences: Sequences, indices: Sequence[int]) -> None:
    """The sequences of the samples at ``indices`` of a split.

    Raises:
        PluginError: They are not as many as the samples, or their lengths do not sum to the tokens.
        InputError: A sequence that is empty, too long or too short to be read, an id out of the
            vocabulary, a vector of another width, or a number that is not finite in float32.
    """
    counted, found = int(sequences.lengths.sum()), len(sequences.values)
    if len(sequences) != len(indices) or counted != found:
        raise PluginError(
            f"{task.name}: fpt_tokenize made {len(sequences)} sequences with {counted} tokens in all "
            f"from {len(indices)} samples, and gave {found} tokens"
        )
    _check_lengths(task, sequences, indices)
    _check_values(task, sequences, indices)


def checked_target(task: Task, target: Any, length: int, index: int) -> NDArray[Any]:
    """The target of the sample at ``index``, which has ``length`` tokens, in the target's own type.

    Raises:
        InputError: It is of another shape or type, or out of bounds.
    """
    found, expected = np.asarray(target), task.target
    per_position = task.readout.positions is None
    shape = (length, *expected.target_shape) if per_position else expected.target_shape
    asked = np.where(found == PADDING_TARGET, 0, found) if per_position else found
    if _misfits(asked[np.newaxis], shape, expected.dtype, expected.bounds).any():
        least, most = expected.bounds
        raise InputError(
            f"the target is {_shown(found)} of shape {found.shape}, where {task.name} takes "
            f"{expected.dtype} of shape {shape} from {least:g} to {most:g}",
            where=f"sample {index}",
        )
    return found.astype(expected.dtype)


def _check_lengths(task: Task, sequences: Sequences, indices: Sequence[int]) -> None:
    least, most = _readable_lengths(task)
    wrong = np.flatnonzero((sequences.lengths < least) | (sequences.lengths > most))
    if len(wrong):
        place = int(wrong[0])
        raise InputError(
            f"{int(sequences.lengths[place])} tokens, where {task.name} takes {least} to {most}",
            where=f"sample {indices[place]}",
        )


def _readable_lengths(task: Task) -> tuple[int, int]:
    readout, most = task.readout, task.sequence.max_length
    if isinstance(readout, Flatten):
        return readout.length, readout.length
    return readout.n if isinstance(readout, Last) else 1, most


def _check_values(task: Task, sequences: Sequences, indices: Sequence[int]) -> None:
    values, sequence = sequences.values, task.sequence
    if isinstance(sequence, TokenIds):
        wrong = _misfits(values, (), "int64", (0, sequence.size - 1))
        expected = f"ids from 0 to {sequence.size - 1}"
    else:
        wrong = _misfits(values, (sequence.width,), "float32", (-LARGEST_FLOAT32, LARGEST_FLOAT32))
        expected = f"finite vectors of width {sequence.width}"
    if wrong.any():
        token = int(np.flatnonzero(wrong)[0])
        place = int(np.searchsorted(np.cumsum(sequences.lengths), token, side="right"))
        raise InputError(
            f"a token is {_shown(values[token])} of shape {values.shape[1:]}, "
            f"where {task.name} takes {expected}",
            where=f"sample {indices[place]}",
        )


def _misfits(
    rows: NDArray[Any], shape: tuple[int, ...], dtype: str, bounds: tuple[float, float]
) -> NDArray[np.bool_]:
    """Which rows are not of this shape, of a type that may become ``dtype``, and within bounds."""
    if rows.shape[1:] != shape or rows.dtype.kind not in _KINDS[dtype]:
        return np.ones(len(rows), dtype=bool)
    least, most = np.array(bounds, dtype=np.float64)
    fits = (rows >= least) & (rows <= most)  # false for NaN
    misfits: NDArray[np.bool_] = ~fits.reshape(len(rows), -1).all(axis=1)
    return misfits


def _shown(value: NDArray[Any]) -> str:
    return np.array2string(np.asarray(value), threshold=8)
