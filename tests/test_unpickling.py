"""Pickles of plain values and numeric arrays are read as ``pickle.loads`` reads them."""

import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins.unpickling import unpickle_plain_values

PROTOCOLS = range(6)

WORDS = st.integers(-(2**64) + 1, 2**64 - 1)
KEYS = st.none() | st.booleans() | WORDS | st.floats(allow_nan=False) | st.text() | st.binary()
ATOMS = KEYS | st.integers() | st.complex_numbers(allow_nan=False)
VALUES = st.recursive(
    ATOMS | st.frozensets(KEYS) | st.sets(KEYS),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)


@settings(deadline=None, derandomize=True)
@given(value=VALUES, protocol=st.sampled_from(PROTOCOLS))
def test_plain_values_are_read_as_the_standard_library_reads_them(value, protocol):
    """Any plain value, in any protocol, comes out as ``pickle.loads`` makes it, types included."""
    data = pickle.dumps(value, protocol)
    read = unpickle_plain_values(data, where="a value")
    assert repr(read) == repr(pickle.loads(data))  # noqa: S301 # the reference, on our own pickle


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("code", ["b1", "i1", "u2", "i4", "u8", "f2", "f8", "c16", ">i2", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numeric_arrays_are_read_as_numpy_wrote_them(protocol, code, order):
    """Arrays of each numeric type, shape and order come out as ``pickle.loads`` lays them out, writable."""
    for shape in [(), (0,), (3,), (2, 3, 2), (2, 0)]:
        array = np.arange(np.prod(shape)).astype(code).reshape(shape, order=order)
        data = pickle.dumps([array], protocol)
        (read,) = unpickle_plain_values(data, where="an array")
        (reference,) = pickle.loads(data)  # noqa: S301 # the reference, on our own pickle
        assert np.array_equal(read, array)
        assert (read.dtype, read.shape) == (reference.dtype, reference.shape)
        assert read.flags.f_contiguous == reference.flags.f_contiguous
        assert read.flags.writeable


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_large_array_is_read(protocol):
    """A megabyte of every byte value, which some protocols write as text, comes out whole."""
    array = np.arange(1 << 20).astype(np.uint8)
    assert np.array_equal(unpickle_plain_values(pickle.dumps(array, protocol), where="an array"), array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shared_and_read_only_arrays_scalars_and_types_are_read(protocol):
    """One array that stands twice is one array again; a read-only view and a scalar keep type and value."""
    array = np.arange(6, dtype=">i4")
    view = array[::2]
    view.flags.writeable = False
    value = [array, array, view, np.float32(0.5), np.bool_(True), np.dtype(">f4")]
    first, second, third, *scalars = unpickle_plain_values(pickle.dumps(value, protocol), where="arrays")
    assert first is second
    assert third.tolist() == [0, 2, 4]
    assert [type(scalar) for scalar in scalars[:2]] == [np.float32, np.bool_]
    assert scalars == [0.5, True, np.dtype(">f4")]


def cifar_batch(pixels):
    """A batch as Python 2.7 and an early NumPy wrote CIFAR-10's, opcode by opcode (protocol 2)."""
    text = lambda word: b"U" + bytes([len(word)]) + word  # noqa: E731 # a line of a format
    state = b"(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85" + text(b"b") + b"\x87R"
        b"(K\x01K" + bytes([len(pixels)]) + b"M\x00\x0c\x86cnumpy\ndtype\nq\x03" + text(b"u1")
        + b"K\x00K\x01\x87R" + state + b"\x89T" + struct.pack("<i", pixels.size) + pixels.tobytes() + b"tb"
    )  # fmt: skip
    labels = b"](" + b"".join(b"K" + bytes([label]) for label in range(len(pixels))) + b"e"
    return b"\x80\x02}q\x00(" + text(b"data") + array + text(b"labels") + labels + b"u."


def test_a_python_2_batch_of_cifar_is_read():
    """A batch in CIFAR's own layout gives byte-string keys, its pixels as uint8 [n, 3072] and its labels."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3072), dtype=np.uint8)
    batch = unpickle_plain_values(cifar_batch(pixels), where="data_batch_1")
    assert list(batch) == [b"data", b"labels"]
    assert np.array_equal(batch[b"data"], pixels)
    assert batch[b"labels"] == [0, 1]
    assert pickle.loads(cifar_batch(pixels), encoding="bytes")[b"labels"] == [0, 1]  # noqa: S301 # the reference


def test_python_2_text_is_decoded_as_asked():
    """With ``encoding="latin-1"`` the same batch has text for keys and the same pixels."""
    pixels = np.arange(3072, dtype=np.uint8).reshape(1, 3072)
    batch = unpickle_plain_values(cifar_batch(pixels), where="data_batch_1", encoding="latin-1")
    assert np.array_equal(batch["data"], pixels)
