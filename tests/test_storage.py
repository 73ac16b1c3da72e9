"""Files that appear whole or not at all, and that say when they are damaged."""

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from fpt_plugins import IntegrityError, storage
from fpt_plugins.storage import (
    MANIFEST,
    read_folder,
    sealed,
    sweep,
    with_manifest,
    write_file,
    write_folder,
)

FILES = {"a.bin": bytes(range(256)), "b.txt": b"two\n"}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("part", ["write", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, part):
    """When the disk is full, or the rename fails, the old content stands and no temporary file is left."""
    path = tmp_path / "record.json"
    write_file(path, b"old")
    if part == "write":
        monkeypatch.setattr(storage.os, "fsync", full_disk)
    else:
        monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, b"new")
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["record.json"])


@pytest.mark.parametrize("part", ["write", "rename"])
def test_a_failed_folder_is_not_there_at_all(tmp_path, monkeypatch, part):
    """When its second file cannot be written, or the rename fails, neither the folder nor a trace is left."""
    real, calls = os.fsync, []

    def second_fails(descriptor):
        calls.append(descriptor)
        return full_disk() if len(calls) == 2 else real(descriptor)

    if part == "write":
        monkeypatch.setattr(storage.os, "fsync", second_fails)
    else:
        monkeypatch.setattr(Path, "rename", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_folder(tmp_path / "step", FILES)
    assert names(tmp_path) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    """Writing over a folder with content is an error, and the content stays."""
    write_folder(tmp_path / "step", FILES)
    with pytest.raises(OSError, match="step"):
        write_folder(tmp_path / "step", {"a.bin": b"other"})
    assert (names(tmp_path), (tmp_path / "step" / "a.bin").read_bytes()) == (["step"], FILES["a.bin"])


@pytest.fixture
def read_only_folder():
    """A folder in which this process may not write, which for root means being someone else for a while."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o555)
        if user == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(user)
        folder.chmod(0o700)


def test_a_read_only_folder_refuses_and_stays_as_it_was(read_only_folder):
    """Without the right to write, both writers raise ``PermissionError`` and leave nothing."""
    with pytest.raises(PermissionError):
        write_file(read_only_folder / "a", b"new")
    with pytest.raises(PermissionError):
        write_folder(read_only_folder / "step", FILES)
    assert names(read_only_folder) == []


WRITER = """
import sys
from pathlib import Path
from fpt_plugins.storage import with_manifest, write_file, write_folder
folder = Path(sys.argv[1])
for round in range(10**9):
    content = bytes([round % 256]) * 300_000
    write_file(folder / "latest", content)
    write_folder(folder / f"step-{round:06d}", with_manifest({"a": content, "b": content}))
    if round == 0:
        print("ready", flush=True)
"""


def test_a_killed_writer_leaves_only_whole_files(tmp_path):
    """After SIGKILL at ten moments of a save loop, each file and folder that has its name is whole."""
    leftovers = 0
    for attempt in range(10):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout.readline() == "ready\n"
            time.sleep(0.003 + 0.0137 * attempt)
            writer.send_signal(signal.SIGKILL)
        latest = (folder / "latest").read_bytes()
        assert latest == latest[:1] * 300_000
        steps = sorted(folder.glob("step-*"))
        for step in steps:
            assert set(read_folder(step)) == {"a", "b"}
        leftovers += len(names(folder)) - len(steps) - 1
        sweep(folder)
        assert names(folder) == ["latest", *(step.name for step in steps)]
    assert leftovers > 0, "no kill came in the middle of a save: this run proved less than it should"


def test_a_dead_writer_with_our_process_number_is_no_obstacle(tmp_path):
    """In containers process numbers repeat: an orphan under our own temporary name is replaced."""
    orphan = tmp_path / f".writing-step-{os.getpid()}"
    orphan.mkdir()
    (orphan / "half").write_bytes(b"")
    write_folder(tmp_path / "step", FILES)
    assert (names(tmp_path), names(tmp_path / "step")) == (["step"], sorted(FILES))


def test_sweep_takes_orphans_alone(tmp_path):
    """Temporary files and folders go; everything else stays, other hidden files included."""
    (tmp_path / ".writing-a-17").write_bytes(b"")
    (tmp_path / ".writing-step-18").mkdir()
    (tmp_path / ".writing-step-18" / "half").write_bytes(b"")
    (tmp_path / ".lock").write_bytes(b"")
    (tmp_path / "writing-a").write_bytes(b"")
    sweep(tmp_path)
    assert names(tmp_path) == [".lock", "writing-a"]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_permissions_follow_the_umask(tmp_path, umask):
    """Files and folders get the modes that ``open`` and ``mkdir`` would give them."""
    before = os.umask(umask)
    try:
        write_file(tmp_path / "file", b"")
        write_folder(tmp_path / "folder", FILES)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder", "folder/a.bin")]
    assert modes == [0o666 & ~umask, 0o777 & ~umask, 0o666 & ~umask]


def test_a_folder_is_read_back_whole(tmp_path):
    """``read_folder`` returns the files, byte for byte, parents made as needed."""
    write_folder(tmp_path / "deep" / "step", with_manifest(FILES))
    assert read_folder(tmp_path / "deep" / "step") == FILES


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "empty"])
def test_the_damaged_file_of_a_folder_is_named(tmp_path, name, damage):
    """Whichever file is missing, cut, flipped or emptied, the error names that one."""
    write_folder(tmp_path / "step", with_manifest(FILES))
    path = tmp_path / "step" / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        changes = {"cut": content[:-1], "flipped": content[:-1] + bytes([content[-1] ^ 1]), "empty": b""}
        path.write_bytes(changes[damage])
    with pytest.raises(IntegrityError, match=f"step/{name}"):
        read_folder(tmp_path / "step")


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "inner/a", "..", ".", ""])
def test_a_manifest_cannot_name_a_file_outside_its_folder(tmp_path, name):
    """A name that leads elsewhere is refused even where the file is there and its digest fits."""
    (tmp_path / "secret").write_bytes(b"secret")
    digest = hashlib.sha256(b"secret").hexdigest()
    write_folder(tmp_path / "step", {MANIFEST: sealed({"files": {name: digest}})})
    with pytest.raises(IntegrityError):
        read_folder(tmp_path / "step")


@pytest.mark.parametrize("listed", [None, ["a.bin"], "a.bin"])
def test_a_manifest_without_files_is_refused(tmp_path, listed):
    """A sealed manifest whose list is none is an ``IntegrityError``, not a crash."""
    write_folder(tmp_path / "step", {MANIFEST: sealed({"files": listed})})
    with pytest.raises(IntegrityError, match="lists no files"):
        read_folder(tmp_path / "step")
