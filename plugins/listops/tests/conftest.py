"""Keeps what is parsed in the test's own folder."""

import pytest


@pytest.fixture(autouse=True)
def parsed(tmp_path, monkeypatch):
    """The folder in which parsed tables are kept, not made yet."""
    monkeypatch.setenv("FPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "parsed" / "listops"
