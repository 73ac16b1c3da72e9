"""Work that does not fit in memory is done again in smaller pieces, so many times and no more."""

import pytest
import torch

import fpt_plugins as fpt
from fpt_plugins.memory import fit, is_shortage, naming_shortage


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
    ("least", "tried"), [(1, "7, then 3, then 1"), (2, "7, then 3"), (7, "7"), (0, "7, then 3, then 1")]
)
def test_it_ends_at_the_least(least, tried):
    """Nothing below the least is tried; the error lists what was, and the reason's first line."""
    with pytest.raises(
        fpt.OutOfMemory, match=f"with {tried} samples at a time: CUDA out of memory.\n  compute"
    ):
        fit(room_for(0, []), 7, least)


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
