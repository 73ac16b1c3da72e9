"""Work that does not fit in memory is done again in smaller pieces, so many times and no more."""

import pytest
import torch

import fpt_plugins as fpt
from fpt_plugins.memory import Room, fit, is_shortage, naming_shortage


def room_for(samples, asked):
    """An attempt that fits where it is of so many samples; it notes what it was asked."""

    def attempt(size):
        asked.append(size)
        if size > samples:
            raise torch.OutOfMemoryError("CUDA out of memory.\nmore")
        return size * 10

    return attempt


@pytest.mark.parametrize(
    ("room", "tried"), [(9, [8]), (8, [8]), (7, [8, 4]), (2, [8, 4, 2]), (1, [8, 4, 2, 1])]
)
def test_it_is_halved_until_it_fits(room, tried):
    """The result is that of the first size that fits, and the size is told."""
    asked = []
    assert fit(room_for(room, asked), 8) == (10 * tried[-1], tried[-1])
    assert asked == tried


@pytest.mark.parametrize(
    ("asked", "tried"),
    [(7, [7, 3, 1]), (5, [5, 2, 1]), (1, [1]), (2048, [2048, 1024, 512, 256, 128, 64, 32])],
)
def test_it_ends_after_six_halvings_or_at_one(asked, tried):
    """Down to one sample or a sixty-fourth; the error lists what was tried, and the reason's first line."""
    sizes, words = [], ", then ".join(map(str, tried))
    with pytest.raises(
        fpt.OutOfMemory, match=f"with {words} samples at a time: CUDA out of memory.\n  compute"
    ):
        fit(room_for(0, sizes), asked)
    assert sizes == tried


def test_what_is_known_to_fit_is_tried_first():
    """It ends at a sixty-fourth of what was asked, wherever it began, and never tries more than is asked."""
    sizes = []
    with pytest.raises(fpt.OutOfMemory):
        fit(room_for(0, sizes), 256, 16)
    assert sizes == [16, 8, 4]
    assert fit(room_for(5, []), 5, 64) == (50, 5)


def test_room_remembers_a_shortage_and_nothing_else():
    """A small last batch says nothing of the room; a shortage does, once and for all."""
    room, sizes = Room(), []
    assert (room.fit(room_for(9, sizes), 3), room.size) == (30, None)
    assert (room.fit(room_for(9, sizes), 32), room.size) == (80, 8)
    assert (room.fit(room_for(9, sizes), 2), room.size) == (20, 8)
    assert (room.fit(room_for(9, sizes), 32), room.size) == (80, 8)
    assert sizes == [3, 32, 16, 8, 2, 8]


def test_where_nothing_is_halved_the_remedy_is_to_ask_for_less():
    """One attempt, and the setting that several processes need."""
    sizes = []
    with pytest.raises(fpt.OutOfMemory, match="with 8 samples") as caught:
        fit(room_for(4, sizes), 8, halve=False)
    assert sizes == [8]
    assert "--micro-batch-size" in caught.value.remedy


def test_another_error_is_not_halved():
    """What is no shortage comes out at once, as it is."""
    calls = []

    def fail(size):
        calls.append(size)
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        fit(fail, 8)
    assert calls == [8]


def test_pytorchs_own_error_on_a_cpu_is_a_shortage():
    """Asked for an exabyte, the CPU's allocator raises what is_shortage knows."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_shortage(caught.value)
    assert not is_shortage(RuntimeError("out of luck"))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("MPS backend out of memory (MPS allocated: 8.00 GB)", True),
        ("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`", False),
        ("CUDA error: an illegal memory access was encountered", False),
    ],
)
def test_messages_of_devices_are_told_apart(message, expected):
    """PyTorch raises plain RuntimeErrors there: of those, a shortage is what says so."""
    assert is_shortage(RuntimeError(message)) is expected
    assert not is_shortage(ValueError(message))


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA"), fpt.OutOfMemory("tried 2", "remedy")]
)
def test_a_shortage_says_where(error):
    """Whoever raised it, the place is in the message and it has an exit code of its own."""
    with (
        pytest.raises(fpt.OutOfMemory, match=r"^at step 3: ") as caught,
        naming_shortage(lambda: "at step 3"),
    ):
        raise error
    assert caught.value.exit_code == 8
