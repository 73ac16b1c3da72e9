"""Reading a pickle takes a time that grows as it does, whatever it says."""

import pickle
import struct
import time

import pytest

from fpt_plugins.errors import InputError
from fpt_plugins.unpickling import unpickle_plain_values

DTYPE = b"cnumpy\ndtype\n(U\x02f8K\x00K\x01tR"


def refusal(data):
    with pytest.raises(InputError) as caught:
        unpickle_plain_values(data, where="batch.pkl")
    return str(caught.value)


def long_tuple(count):
    return b"(" + b"K\x00" * count + b"t"


SET = b"c__builtin__\nset\nq\x01"
GROWING = {
    "tuple as a key": lambda n: (b"}" + long_tuple(n) + b"q\x00Ns", b"h\x00Ns"),
    "tuple as a member": lambda n: (b"\x8f(" + long_tuple(n) + b"q\x00\x90", b"(h\x00\x90"),
    "number as a key": lambda n: (
        b"}\x8b" + struct.pack("<i", 4 * n) + b"\x01" * 4 * n + b"q\x00Ns",
        b"h\x00Ns",
    ),
    "equal text as a key": lambda n: (
        b"}" + (b"B" + struct.pack("<I", 4 * n) + b"a" * 4 * n + b"q\x00Ns") * 2,
        b"h\x00Ns",
    ),
    "set of a list": lambda n: (SET + b"(" + b"N" * n + b"lq\x00h\x01h\x00\x85R", b"h\x01h\x00\x85R"),
    "arguments of a type": lambda n: (
        b"cnumpy\ndtype\nq\x01" + b"(U\x02f8" + b"K\x00" * n + b"tq\x00R",
        b"h\x01h\x00R",
    ),
    "state of a type": lambda n: (DTYPE + b"(K\x03U\x01<NNN" + b"K\x00" * n + b"tq\x00b", b"h\x00b"),
    "text of a number": lambda n: (
        b"c__builtin__\ncomplex\nq\x01X" + struct.pack("<I", 4 * n) + b"0" * 4 * n + b"q\x00\x85R",
        b"h\x01h\x00\x85R",
    ),
}
"""A value of n parts, and what works through all of it again in a few more."""


@pytest.mark.parametrize("case", GROWING)
@pytest.mark.parametrize("count", [10_000, 20_000, 40_000])
def test_no_value_is_worked_through_again_and_again(case, count):
    """However long the value is and however often it is asked for, the twentieth time is not reached."""
    start, again = GROWING[case](count)
    message = refusal(b"(" + start + again * count + b"t.")
    byte = int(message.split("byte ")[1].split(":")[0])
    assert byte <= 1 + len(start) + 20 * len(again)
    assert "as a key" in message or "copies" in message or "numbers as keys" in message


def test_numbers_that_fall_in_one_place_are_bounded():
    """Python's hash of a number is known beforehand: past 10,000 of them as keys a pickle is refused."""
    numbers = dict.fromkeys(range(10_000))
    assert unpickle_plain_values(pickle.dumps(numbers), where="numbers") == numbers
    assert "more than 10,000 numbers as keys" in refusal(pickle.dumps(numbers | {None: None}))
    assert "more than 10,000 numbers as keys" in refusal(pickle.dumps([{-1}, numbers]))


def colliding_places():
    """Places of a memo that a table of 2**17, searched as CPython's ``dictobject.c`` does, walks along.

    60,000 of them fill one chain of slots; another, asked for 10,000 times, falls into it near its start.
    """
    mask, chain, slot = (1 << 17) - 1, {}, 7
    while len(chain) < 60_000:
        chain[slot], slot = len(chain), (5 * slot + 1) & mask
    for walker in range(mask + 1, 1 << 20):
        slot, perturbation = walker & mask, walker
        while slot in chain and perturbation:
            perturbation >>= 5
            slot = (5 * slot + perturbation + 1) & mask
        if chain.get(slot, 60_000) < 5_000:
            return [*chain, *[walker] * 10_000]
    raise AssertionError("no place falls into the chain")


def test_a_memo_whose_places_collide_takes_no_longer():
    """70,000 places, chosen to collide as integers, are kept in the time of as many in order."""

    def seconds(places):
        data = b"N" + b"".join(b"r" + struct.pack("<I", place) for place in places) + b"."
        start = time.process_time()
        assert unpickle_plain_values(data, where="a memo") is None
        return time.process_time() - start

    colliding = colliding_places()
    assert seconds(colliding) < 8 * min(seconds(range(70_000)) for _ in range(3))
