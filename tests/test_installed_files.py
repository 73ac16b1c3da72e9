"""What an installer wrote down of a file is held against the file."""

import base64
import hashlib

import pytest

from fpt_plugins import installed_files
from fpt_plugins.errors import IntegrityError

CARD = b'name = "echo"\n'


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with one file, installed as PEP 376 and PEP 427 say; its file."""
    card = tmp_path / "fpt_plugins" / "_registry" / "card.toml"
    card.parent.mkdir(parents=True)
    card.write_bytes(CARD)
    digest = base64.urlsafe_b64encode(hashlib.sha256(CARD).digest()).decode().rstrip("=")
    facts = tmp_path / "fpt_plugins-9.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: fpt-plugins\nVersion: 9\n")
    (facts / "RECORD").write_text(f"fpt_plugins/_registry/card.toml,sha256={digest},{len(CARD)}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path / "fpt_plugins")
    installed_files._recorded.cache_clear()
    yield card
    installed_files._recorded.cache_clear()


def test_what_was_installed_passes(installed):
    """The bytes whose SHA-256 the installer recorded are taken."""
    installed_files.check_installed(installed, CARD)


@pytest.mark.parametrize("place", range(len(CARD)))
def test_a_changed_byte_is_found(installed, place):
    """Any one byte that differs is refused, with the file's name and the remedy."""
    changed = CARD[:place] + bytes([CARD[place] ^ 1]) + CARD[place + 1 :]
    with pytest.raises(IntegrityError, match=r"card\.toml is damaged.*\n.*--force-reinstall"):
        installed_files.check_installed(installed, changed)


def test_a_file_that_was_not_installed_is_found(installed):
    """One that lies in the package, and that the installer does not know, is refused."""
    with pytest.raises(IntegrityError, match=r"other\.toml"):
        installed_files.check_installed(installed.with_name("other.toml"), CARD)


def test_files_elsewhere_are_not_judged(installed, tmp_path):
    """A card outside of the package is its writer's."""
    installed_files.check_installed(tmp_path / "card.toml", b"anything")
