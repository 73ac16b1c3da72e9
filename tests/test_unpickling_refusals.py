"""Every pickle of more than plain values is refused unread, by name and byte."""

import builtins
import os
import pickle
import random
import struct
import sys
import warnings

import numpy as np
import pytest

from fpt_plugins.errors import InputError
from fpt_plugins.unpickling import unpickle_plain_values

PROTOCOLS = range(6)


class Call:
    """Pickled as a call of ``function`` with ``arguments``, as every attack is."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Object:
    """Pickled by NEWOBJ in the protocols from 2."""


def refusal(data, **options):
    with pytest.raises(InputError) as caught:
        unpickle_plain_values(data, where="batch.pkl", **options)
    assert str(caught.value).startswith("batch.pkl, byte ")
    return str(caught.value)


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (Call(os.system, "true"), f"{os.system.__module__}.system"),
        (Call(builtins.eval, "1 + 1"), "builtins.eval"),
        (Call(builtins.getattr, "text", "upper"), "builtins.getattr"),
        (Call(builtins.bytearray, 1 << 40), "builtins.bytearray"),
        (Object(), f"the global {Object.__module__}.Object"),
        (np.array([{}], dtype=object), "'O8', which is no plain number"),
        (np.zeros(2, dtype="i4,f8"), "'V12', which is no plain number"),
        (np.array(["text"]), "'U4', which is no plain number"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "'M8', which is no plain number"),
        (np.ma.masked_array([1], [True]), "numpy.ma"),
        (np.zeros(2).view(np.recarray), "recarray"),
        (random.Random(0), "random.Random"),
        (os.system, f"{os.system.__module__}.system"),
        ({(1, 2): 3}, "a tuple as a key"),
        ({frozenset([1]): 2}, "a frozenset as a key"),
        ({1j: 2}, "a complex as a key"),
        ({2**64: 2}, "a int as a key"),
        ({"a" * 1001: 2}, "a str as a key"),
        ({b"a" * 1001: 2}, "a bytes as a key"),
        ({(1, 2)}, "a tuple as a key"),
        (frozenset([(1, 2)]), "a tuple as a key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_everything_else_is_refused_by_name(attack, named, protocol):
    """A call, an object, an array of objects and a class are refused, each with what it asks for."""
    assert named in refusal(pickle.dumps(attack, protocol))


DTYPE = b"cnumpy\ndtype\n(U\x02f8K\x00K\x01tR"
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"


@pytest.mark.parametrize(
    ("data", "named"),
    {
        "registered extension code": (b"\x80\x02\x82\x01.", "the opcode EXT1 1"),
        "extension code of two bytes": (b"\x80\x02\x83\x01\x00.", "the opcode EXT2 1"),
        "extension code of four bytes": (b"\x80\x02\x84\x01\x00\x00\x00.", "the opcode EXT4 1"),
        "persistent identifier": (b"Pkey\n.", "the opcode PERSID 'key'"),
        "binary persistent identifier": (b"K\x01Q.", "the opcode BINPERSID"),
        "out-of-band buffer": (b"\x80\x05\x97.", "the opcode NEXT_BUFFER"),
        "instance of a class": (b"(ios\nsystem\n.", "the opcode INST 'os system'"),
        "call by OBJ": (b"(cos\nsystem\nU\x04trueo.", "the global os.system"),
        "call of a dotted name": (
            b"\x80\x04\x8c\x08builtins\x8c\x0dset.__class__\x93.",
            "builtins.set.__class__",
        ),
        "global by its parts' types": (b"\x80\x04K\x01K\x02\x93.", "int in place of str"),
        "codec other than latin1": (
            b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.",
            "'rot13'",
        ),
        "decoding": (b"c_codecs\ndecode\n(U\x01aU\x03hextR.", "the global _codecs.decode"),
        "maker left as a value": (b"](cnumpy\ndtype\ne.", "a global as a value"),
        "maker as the whole value": (b"cnumpy\ndtype\n.", "a global as a value"),
        "call of a value": (b"U\x04true(tR.", "bytes in place of ndarray"),
        "state of a list": (b"](K\x01tb.", "list in place of ndarray"),
        "attributes of a list": (b"]}b.", "dict in place of tuple"),
        "type with flags": (
            DTYPE + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb.",
            "with the state",
        ),
        "type with fields": (DTYPE + b"(K\x03U\x01<NN}K\x08K\x08K\x00tb.", "dict in place of int"),
        "list in place of an array's bytes": (
            ARRAY + b"(K\x01(K\x01t" + DTYPE + b"\x89]tb.",
            "list in place of an array's bytes",
        ),
        "number in place of an array's bytes": (
            ARRAY + b"(K\x01(t" + DTYPE + b"\x89K\x01tb.",
            "int in place of an array's bytes",
        ),
        "too few bytes": (
            ARRAY + b"(K\x01(K\x02t" + DTYPE + b"\x89U\x01atb.",
            "1 bytes for an array of shape (2,)",
        ),
        "negative size": (
            ARRAY + b"(K\x01(J\xff\xff\xff\xfft" + DTYPE + b"\x89U\x00tb.",
            "an array of shape (-1,)",
        ),
        "size as a float": (ARRAY + b"(K\x01(F1.0\nt" + DTYPE + b"\x89U\x00tb.", "float in place of int"),
        "thirty-three dimensions": (
            ARRAY + b"(K\x01(" + b"K\x01" * 33 + b"t" + DTYPE + b"\x89U\x08" + bytes(8) + b"tb.",
            "shape",
        ),
        "array of another class": (
            b"cnumpy.core.multiarray\n_reconstruct\n(U\x05otherU\x00U\x01btR.",
            "class b'other'",
        ),
        "empty file": (b"", "exhausted"),
        "value without an end": (b"K\x01", "exhausted"),
        "end without a value": (b".", "0 values"),
        "two values": (b"K\x01K\x02.", "2 values"),
        "bytes after the end": (b"K\x01.K\x02.", "3 bytes after its end"),
        "open mark": (b"K\x01(.", "bytes after its end"),
        "missing mark": (b"K\x01t.", "damaged"),
        "missing value": (b"(K\x01(a.", "damaged"),
        "missing memo": (b"h\x07.", "damaged"),
        "key without a value": (b"}(K\x01u.", "damaged"),
        "unknown opcode": (b"\xff.", "damaged"),
        "text that is no UTF-8": (b"X\x01\x00\x00\x00\xff.", "damaged"),
        "bytes that end early": (b"B\x09\x00\x00\x00ab", "damaged"),
        "terabyte of bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"ab.", "damaged"),
        "terabyte of bytearray": (b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"ab.", "damaged"),
        "number of more than 4300 digits": (b"I" + b"1" * 5000 + b"\n.", "damaged"),
        "pickle of another program": (b"\x89HDF\r\n\x1a\n", "damaged"),
    }.values(),
)
def test_hostile_and_damaged_pickles_are_refused_by_name_and_byte(data, named):
    """Each opcode, name, state or break that no plain pickle has is refused with what it is."""
    assert named in refusal(data)


def test_the_message_has_file_byte_and_remedy():
    """The whole message: where, which byte (counted by hand: two of PROTO), what is held, what is read."""
    assert refusal(b"\x80\x02cos\nsystem\n.") == (
        "batch.pkl, byte 2: the pickle holds the global os.system\n"
        "  only plain values and numeric arrays are read: a pickle could run any program otherwise"
    )


def test_nothing_is_imported_looked_up_or_run(tmp_path):
    """No audit event of import, look-up, process or file comes of a hostile pickle or of a plain one."""
    events, watching = [], True
    sys.addaudithook(lambda event, arguments: events.append(event) if watching else None)
    array = pickle.dumps({"a": np.arange(3)}, 4)
    attack = pickle.dumps(Call(os.system, f"touch {tmp_path / 'made'}"), 4)
    events.clear()
    unpickle_plain_values(array, where="plain")
    refusal(attack)
    watching = False
    assert not {
        event
        for event in events
        if event.startswith(("pickle", "import", "os.", "exec", "open", "subprocess"))
    }
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_truncated_pickle_is_refused_wherever_it_is_cut(cut):
    """Whatever number of bytes is missing at the end, the pickle is refused."""
    data = pickle.dumps({"primary": "MKV", "evolutionary": np.ones(3)}, 2)
    assert refusal(data[:-cut]).startswith("batch.pkl, byte ")


def test_damage_never_raises_another_error():
    """Of 4,000 pickles with bytes changed at random, each is read or refused with an InputError."""
    value = {"a": [1, 2.0, "x", b"y", (None, True)], "b": np.ones((2, 2)), "c": {3}, "d": np.float32(1)}
    pickles, generator = [pickle.dumps(value, protocol) for protocol in PROTOCOLS], random.Random(0)
    refused = 0
    for trial in range(4000):
        data = bytearray(pickles[trial % 6])
        for _ in range(1 + trial % 3):
            data[generator.randrange(len(data))] = generator.randrange(256)
        with warnings.catch_warnings(action="ignore"):
            try:
                unpickle_plain_values(bytes(data), where="damaged")
            except InputError:
                refused += 1
    assert 2000 < refused < 4000


def test_a_nest_of_a_million_tuples_is_read_without_recursion():
    """Depth costs no recursion: a tuple in a tuple, a million deep, is read and let go."""
    value = unpickle_plain_values(b")" + b"\x85" * 1_000_000 + b".", where="a nest")
    assert isinstance(value, tuple)


def test_a_tuple_that_doubles_as_a_key_is_refused_at_once():
    """Sixty tuples, each twice in the next, would take 2**60 steps to hash; as a key they are refused."""
    doubling = b")" + b"".join(
        b"r" + struct.pack("<I", i) + b"j" + struct.pack("<I", i) + b"\x86" for i in range(60)
    )
    assert "a tuple as a key" in refusal(b"}" + doubling + b"Ns.")


def test_a_memo_of_four_billion_places_takes_none():
    """The standard library's unpickler would allocate 64 GB for this memo index; here it is one entry."""
    assert unpickle_plain_values(b"Nr\xff\xff\xff\xff.", where="a memo") is None


def test_copies_of_a_pickles_own_values_are_bounded():
    """A text of 10 kB that is encoded again and again is refused once the copies exceed the pickle."""
    text = b"X" + struct.pack("<I", 10_000) + b"a" * 10_000 + b"q\x00"
    again = b"c_codecs\nencode\n(h\x00X\x06\x00\x00\x00latin1tR"
    assert unpickle_plain_values(b"(" + text + again + b"t.", where="one copy")[1] == b"a" * 10_000
    assert "copies" in refusal(b"(" + text + again * 3 + b"t.")


def test_the_number_of_opcodes_is_bounded(monkeypatch):
    """One opcode more than the limit is refused: at the limit the value is read."""
    data = pickle.dumps([None] * 20, 2)  # PROTO EMPTY_LIST BINPUT MARK, 20 NONE, APPENDS STOP
    monkeypatch.setattr("fpt_plugins.unpickling.MOST_OPCODES", 26)
    assert unpickle_plain_values(data, where="list") == [None] * 20
    monkeypatch.setattr("fpt_plugins.unpickling.MOST_OPCODES", 25)
    assert "more than 25 opcodes" in refusal(data)
