"""A tokenized split on disk: what was written, or an error; in little memory; each process for itself."""

import multiprocessing
import tracemalloc
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from fpt_plugins import array_file
from fpt_plugins.array_file import seal
from fpt_plugins.errors import IntegrityError
from fpt_plugins.token_file import open_tokens, write_tokens
from fpt_plugins.tokens import HELD, HeldTokens

KEY = "12" * 32


def parts(count=3, rows=50):
    """Ragged samples of vectors, some at a time."""
    generator = np.random.default_rng(0)
    for _ in range(count):
        lengths = generator.integers(1, 9, rows)
        values = generator.normal(size=(lengths.sum(), 3)).astype(np.float32)
        yield HeldTokens(values, lengths, generator.integers(0, 9, (rows, 2)))


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "tokens" / "toy" / "split.h5"
    write_tokens(place, KEY, parts())
    return place


def same(stored):
    """Whether a file holds the parts, joined by NumPy."""
    joined = {name: np.concatenate([getattr(part, name) for part in parts()]) for name in HELD}
    return all(np.array_equal(getattr(stored, n)[:], joined[n]) for n in HELD)


def test_what_was_written_is_read(path):
    """Values, lengths and targets come back as the parts that were written, and nothing lies beside them."""
    assert same(open_tokens(path, KEY))
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("part", range(24))
def test_damage_is_an_error(path, part):
    """Wherever a byte is changed or the file ends, it opens with what was written or not at all."""
    whole = path.read_bytes()
    place = len(whole) * part // 24
    for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]):
        path.write_bytes(damaged)
        with suppress(IntegrityError):
            assert same(open_tokens(path, KEY))


def test_every_stored_number_counts(path):
    """One number changed through HDF5 itself, which renews its own checksums, is found by the digest."""
    whole = path.read_bytes()
    for name in HELD:
        path.write_bytes(whole)
        with h5py.File(path, "a") as file:
            file[name][7] += 1
        with pytest.raises(IntegrityError, match="not what its digest says"):
            open_tokens(path, KEY)
    path.write_bytes(whole)
    assert same(open_tokens(path, KEY))


def test_a_file_of_another_key_is_refused(path):
    """A whole file in another's place is not taken for it."""
    with pytest.raises(IntegrityError, match="not what its digest says"):
        open_tokens(path, "34" * 32)


def replaced(path, make):
    """The file with its values made in another way, sealed anew by whoever did it."""
    with h5py.File(path, "a") as file:
        values = file["values"][:]
        del file["values"]
        make(file, values)
    seal(path, KEY)


def external_link(file, values):
    with h5py.File(file.filename + ".other", "w") as other:
        other["values"] = values
    file["values"] = h5py.ExternalLink(file.filename + ".other", "/values")


def external_storage(file, values):
    with open(file.filename + ".raw", "wb") as raw:  # noqa: PTH123 - HDF5's own name of it
        raw.write(values.tobytes())
    storage = [(file.filename + ".raw", 0, values.nbytes)]
    file.create_dataset("values", values.shape, values.dtype, external=storage)


def virtual(file, values):
    with h5py.File(file.filename + ".other", "w") as other:
        other["values"] = values
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[:] = h5py.VirtualSource(file.filename + ".other", "values", values.shape)
    file.create_virtual_dataset("values", layout)


def soft_link(file, values):
    file["elsewhere"] = values
    file["values"] = h5py.SoftLink("/elsewhere")


def text(file, values):
    file["values"] = np.array([b"a"] * len(values), dtype=object)


def packed_zeros(file, values):
    file.create_dataset("values", (1 << 24, 3), np.float32, chunks=(1 << 12, 3), compression="gzip")
    file["values"][: 1 << 14] = 0


def promised(file, values):
    file.create_dataset("values", (1 << 50, 3), np.float32, chunks=(1 << 12, 3))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (external_link, "values is a link"),
        (soft_link, "values is a link"),
        (external_storage, "kept in another file"),
        (virtual, "kept in another file"),
        (text, "no array of numbers"),
        (promised, "of which 0 are there"),
        (packed_zeros, "has 201326592 bytes, of which"),
    ],
)
def test_what_reaches_out_of_the_file_is_refused(path, make, reason):
    """Links, other files' bytes, text and a petabyte that is not there are refused before they are read."""
    replaced(path, make)
    with pytest.raises(IntegrityError, match=reason):
        open_tokens(path, KEY)


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    """An error in the middle of the samples leaves no file, and no part of one."""

    def failing():
        yield next(parts())
        raise ValueError("sample 50")

    with pytest.raises(ValueError, match="sample 50"):
        write_tokens(tmp_path / "split.h5", KEY, failing())
    assert list(tmp_path.iterdir()) == []


def test_memory_holds_a_part_and_a_block(tmp_path):
    """Writing, checking and reading a file takes a fraction of its size in memory."""
    size, count = 1 << 21, 64  # 128 MB in parts of 2 MB
    block = np.zeros(size, dtype=np.uint8)
    tracemalloc.start()
    try:
        lengths, targets = np.array([size]), np.zeros(1, dtype=np.int64)
        write_tokens(tmp_path / "s.h5", KEY, (HeldTokens(block, lengths, targets) for _ in range(count)))
        stored = open_tokens(tmp_path / "s.h5", KEY)
        assert stored.values.shape == (size * count,)
        stored.values[5:105]
        assert tracemalloc.get_traced_memory()[1] < 3 * (1 << 24)
    finally:
        tracemalloc.stop()


def read(stored, queue):
    queue.put(stored.values[3:7].tolist())


def test_a_forked_process_reads_for_itself(path):
    """Tokens that a process has open are read by its child and by itself after that."""
    stored = open_tokens(path, KEY)
    expected = stored.values[3:7].tolist()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=read, args=(stored, queue))
    child.start()
    assert queue.get(timeout=30) == expected
    child.join()
    assert stored.values[3:7].tolist() == expected


def same_or_exit(stored):
    raise SystemExit(not same(stored))


def write_again(path):
    for _ in range(5):
        write_tokens(path, KEY, parts())


def test_writers_at_once_leave_a_whole_file(path):
    """While two processes write the same file ten times, every reading finds it whole."""
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_again, args=(path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert same(open_tokens(path, KEY))
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("moment", ["_digest", "open_arrays"])
def test_what_is_put_in_its_place_meanwhile_is_not_mixed_in(path, monkeypatch, moment):
    """A file that another one replaces while it is checked or opened is read as it was."""
    other = path.with_name("other.h5")
    write_tokens(other, KEY, parts(count=1))
    step = getattr(array_file, moment)

    def replaced_before(*arguments):
        if other.exists():
            other.replace(path)
        return step(*arguments)

    monkeypatch.setattr(array_file, moment, replaced_before)
    assert same(open_tokens(path, KEY))
    assert len(open_tokens(path, KEY).lengths) == 50


def test_tokens_outlive_the_name_of_their_file(path):
    """Tokens that were opened are read after their file was removed, by a child process as well."""
    stored = open_tokens(path, KEY)
    path.unlink()
    assert same(stored)
    child = multiprocessing.get_context("fork").Process(target=same_or_exit, args=(stored,))
    child.start()
    child.join()
    assert child.exitcode == 0


def test_each_file_that_was_opened_is_closed(path):
    """Opening a file fifty times leaves no descriptor behind when the tokens are gone."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        assert open_tokens(path, KEY).lengths[0]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
