"""Extraction from archives that the standard library wrote, and from hostile ones, some byte for byte."""

import gzip
import io
import os
import stat
import sys
import tarfile
import zipfile

import pytest

from fpt_plugins import InputError, download, extract

MODULE = sys.modules[download.__module__]
FILES = {"folder/a.bin": b"a" * 3_000_000, "folder/b.bin": b"b", "folder/unwanted": b"u"}
WANTED = ["folder/a.bin", "folder/b.bin"]


def tar_entry(name, **fields):
    entry = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


def write_tar(path, files, extra=(), mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            archive.addfile(tar_entry(name, size=len(content)), io.BytesIO(content))
        for entry in extra:
            archive.addfile(entry)
    return path


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def written(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def not_extracted(archive, destination, members=WANTED):
    """The message of a refused archive, which leaves no file behind."""
    with pytest.raises(InputError) as caught:
        extract(archive, destination, members)
    assert written(destination) == {}
    return str(caught.value)


@pytest.mark.parametrize("kind", ["w", "w:gz", "zip"])
def test_only_the_named_members_are_extracted(tmp_path, kind):
    """Of a tar, a tar.gz and a zip, the named members arrive with their bytes, and no other."""
    path = tmp_path / "archive"
    write_zip(path, FILES) if kind == "zip" else write_tar(path, FILES, mode=kind)
    extract(path, tmp_path / "out", WANTED)
    assert written(tmp_path / "out") == {name: FILES[name] for name in WANTED}


def test_a_leading_dot_is_the_same_path(tmp_path):
    """Archives made with ``tar c .`` name their members ``./a``."""
    extract(write_tar(tmp_path / "archive", {"./a": b"1"}), tmp_path / "out", ["a"])
    assert written(tmp_path / "out") == {"a": b"1"}


def test_modes_and_links_of_the_archive_do_not_reach_the_disk(tmp_path):
    """A set-user-id bit is dropped, and a link to a folder elsewhere is not written through."""
    archive = tmp_path / "archive"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with tarfile.open(archive, "w") as opened:
        opened.addfile(tar_entry("folder", type=tarfile.SYMTYPE, linkname=str(elsewhere)))
        opened.addfile(tar_entry("folder/a.bin", size=1, mode=0o6777), io.BytesIO(b"a"))
    extract(archive, tmp_path / "out", ["folder/a.bin"])
    assert written(tmp_path / "out") == {"folder/a.bin": b"a"}
    assert list(elsewhere.iterdir()) == []
    assert stat.S_IMODE((tmp_path / "out/folder/a.bin").stat().st_mode) & 0o6111 == 0


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_a_member_that_is_no_file_is_refused(tmp_path, kind):
    """A link, a folder, a pipe or a device in a member's place is refused by name."""
    odd = tar_entry("folder/b.bin", type=kind, linkname="/etc/hostname")
    archive = write_tar(tmp_path / "archive", {"folder/a.bin": b"a"}, [odd])
    assert f"{archive}, folder/b.bin: it is a link or a folder" in not_extracted(archive, tmp_path / "out")


def test_a_link_in_a_zip_is_refused(tmp_path):
    """Zip keeps a link as a file whose Unix mode says so."""
    entry = zipfile.ZipInfo("a")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr(entry, "/etc/hostname")
    assert "it is a link" in not_extracted(tmp_path / "archive", tmp_path / "out", ["a"])


@pytest.mark.parametrize("name", ["../a", "/a", "folder/../../a", ""])
def test_a_member_outside_of_the_folder_is_refused(tmp_path, name):
    """No member's path leaves the destination."""
    archive = write_tar(tmp_path / "archive", {"../a": b"1", "/a": b"1"})
    assert "would leave the folder" in not_extracted(archive, tmp_path / "out", [name])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive"]


def test_a_missing_member_is_named(tmp_path):
    """A member that the archive lacks is named, and the others are not put in place either."""
    archive = write_tar(tmp_path / "archive", {"folder/a.bin": b"a"})
    assert "it holds no folder/b.bin" in not_extracted(archive, tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile's own, while the test writes it
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_member_that_stands_there_twice_is_refused(tmp_path, kind):
    """Which of two members is meant cannot be known."""
    if kind == "tar":
        archive = write_tar(tmp_path / "archive", {"a": b"1"}, [tar_entry("./a")])
    else:
        archive = tmp_path / "archive"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("a", b"1")
            opened.writestr("a", b"2")
    assert f"{archive}, a: it stands there twice" in not_extracted(archive, tmp_path / "out", ["a"])


def test_a_failed_extraction_leaves_the_old_files(tmp_path):
    """Members are put in their places after all of them were read."""
    extract(write_tar(tmp_path / "good", {"a": b"old", "b": b"old"}), tmp_path / "out", ["a", "b"])
    with pytest.raises(InputError):
        extract(write_tar(tmp_path / "bad", {"a": b"new"}), tmp_path / "out", ["a", "b"])
    assert written(tmp_path / "out") == {"a": b"old", "b": b"old"}


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["w", "w:gz", "zip"])
def test_a_cut_off_archive_is_refused(tmp_path, kind, share):
    """An archive that ends early, wherever, is an InputError with its name."""
    path = tmp_path / "archive"
    content = {"a": os.urandom(30_000), "b": os.urandom(30_000)}
    write_zip(path, content) if kind == "zip" else write_tar(path, content, mode=kind)
    keep = int(len(path.read_bytes().rstrip(b"\0")) * share)  # a tar ends in zeros that nobody misses
    path.write_bytes(path.read_bytes()[:keep])
    assert str(path) in not_extracted(path, tmp_path / "out", ["a", "b"])


@pytest.mark.parametrize("kind", ["w:gz", "zip"])
def test_a_flipped_bit_is_refused(tmp_path, kind):
    """The checksums of gzip and zip are looked at."""
    path = tmp_path / "archive"
    content = {"a": os.urandom(30_000)}
    write_zip(path, content) if kind == "zip" else write_tar(path, content, mode=kind)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    assert str(path) in not_extracted(path, tmp_path / "out", ["a"])


def test_what_follows_a_tar_is_limited(tmp_path, monkeypatch):
    """Zeros after the tar's own end, which gzip makes small, are not read for ever."""
    monkeypatch.setattr(MODULE, "SIZE_LIMIT", 4 * 2**20)
    path = write_tar(tmp_path / "archive", {"a": b"1"}, mode="w")
    path.write_bytes(gzip.compress(path.read_bytes() + bytes(5 * 2**20)))
    assert "it goes on after its end" in not_extracted(path, tmp_path / "out", ["a"])


def test_an_archive_that_is_none_is_refused(tmp_path):
    """A missing file and a file of another kind are InputErrors with their names."""
    other = tmp_path / "other"
    other.write_text("<html>not found</html>" * 100)
    for path in (other, tmp_path / "absent"):
        assert str(path) in not_extracted(path, tmp_path / "out")


def test_an_encrypted_zip_is_refused(tmp_path):
    """Bit 0 of a zip's flags asks for a password that nobody has."""
    path = write_zip(tmp_path / "archive", {"a": b"1" * 100})
    raw = bytearray(path.read_bytes())
    raw[6] |= 1  # in the local header (4.4.4 of the format's note)
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # and in the central one
    path.write_bytes(raw)
    assert str(path) in not_extracted(path, tmp_path / "out", ["a"])


def test_a_bomb_of_declared_size_is_refused_before_it_is_read(tmp_path):
    """A header that declares nine gigabytes is refused, whether or not that entry is wanted."""
    path = tmp_path / "archive"
    path.write_bytes(tar_entry("big", size=9 * 2**30).tobuf(tarfile.GNU_FORMAT))
    for members in (["big"], ["a"]):
        assert "beyond our limits" in not_extracted(path, tmp_path / "out", members)


def test_the_sum_of_all_entries_is_limited(tmp_path, monkeypatch):
    """Many entries that are small alone are refused together, in a tar and in a zip."""
    monkeypatch.setattr(MODULE, "SIZE_LIMIT", 3_000_000)
    for archive in (write_tar(tmp_path / "tar", FILES), write_zip(tmp_path / "zip", FILES)):
        assert "beyond our limits" in not_extracted(archive, tmp_path / "out")


def test_the_number_of_entries_is_limited(tmp_path, monkeypatch):
    """A hail of empty entries is refused."""
    monkeypatch.setattr(MODULE, "ENTRY_LIMIT", 100)
    archive = write_tar(tmp_path / "archive", {f"f{index}": b"" for index in range(101)})
    assert "101 entries" in not_extracted(archive, tmp_path / "out")


def test_a_long_header_is_not_read_into_memory(tmp_path):
    """Python reads an extended header of any declared length at once; ours refuses above one MiB."""
    header = tar_entry("pax", type=tarfile.XHDTYPE, size=2**31 - 1).tobuf(tarfile.USTAR_FORMAT)
    path = tmp_path / "archive"
    path.write_bytes(gzip.compress(header + bytes(1000)))
    assert "a header of 2,147,483,648 bytes" in not_extracted(path, tmp_path / "out")


def test_a_negative_size_ends(tmp_path):
    """A size below zero sends tarfile backwards for ever (CVE-2025-8194); here it is refused."""
    negative = bytearray(tar_entry("a").tobuf(tarfile.GNU_FORMAT))
    negative[124:136] = (256**12 - 512).to_bytes(12, "big")  # base 256, two's complement: -512
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative)
    for kind in (b"0", b"x"):
        entry = bytearray(negative)
        entry[156:157] = kind
        entry[148:156] = b" " * 8
        entry[148:156] = b"%06o\0 " % sum(entry)
        (tmp_path / "archive").write_bytes(bytes(entry) * 3 + bytes(1024))
        assert "archive" in not_extracted(tmp_path / "archive", tmp_path / "out", ["a"])


def test_an_entry_of_a_zip_without_a_name_is_passed_over(tmp_path):
    """What is wanted is looked for among the others, though Python 3.11's own look at such an entry fails."""
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr("yx", b"1")
    nameless = (tmp_path / "archive").read_bytes().replace(b"yx", b"\0x")  # it cuts names at a NUL
    (tmp_path / "archive").write_bytes(nameless)
    assert "it holds no a" in not_extracted(tmp_path / "archive", tmp_path / "out", ["a"])
