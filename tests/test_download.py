"""Downloads. The network is replaced at urllib's HTTPS handler, below our code and urllib's redirections."""

import email.message
import hashlib
import io
import os
import stat
import sys
import urllib.request
import urllib.response

import pytest

from fpt_plugins import InputError, download

MODULE = sys.modules[download.__module__]
URL = "https://example.org/data.bin"
BODY = bytes(range(256)) * 10_000  # 2.4 MiB: more than one chunk
DIGEST = hashlib.sha256(BODY).hexdigest()


class Network(urllib.request.HTTPSHandler):
    """Answers each address with a body, or with a redirection to another address."""

    def __init__(self, pages, declared=None):
        super().__init__()
        self.pages, self.declared, self.asked = pages, declared, []

    def https_open(self, request):
        self.asked.append(request.full_url)
        page = self.pages[request.full_url]
        headers = email.message.Message()
        if isinstance(page, str):
            headers["Location"] = page
            return self._response(b"", headers, request, 302)
        if self.declared is not None:
            headers["Content-Length"] = self.declared
        return self._response(page, headers, request, 200)

    def _response(self, body, headers, request, code):
        response = urllib.response.addinfourl(io.BytesIO(body), headers, request.full_url, code)
        response.msg = "OK"
        return response


@pytest.fixture
def network(monkeypatch):
    """A function that puts pages in place of the network."""
    for name in ("FPT_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)

    def install(pages, declared=None):
        handler = Network(pages, declared)
        opener = urllib.request.build_opener(MODULE._HttpsOnly, handler)
        monkeypatch.setattr(MODULE, "_opener", lambda: opener)
        return handler

    return install


def fetch(folder, sha256=DIGEST, url=URL):
    return download(url, folder / "deep" / "data.bin", sha256=sha256, description="the data")


def refused(folder, **changes):
    """The message of a refused download, which leaves no file behind."""
    with pytest.raises(InputError) as caught:
        fetch(folder, **changes)
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    return str(caught.value)


def test_a_file_with_the_right_digest_arrives_whole(network, tmp_path):
    """The bytes at the destination are the ones that were sent, and nothing else is in its folder."""
    network({URL: BODY}, declared=str(len(BODY)))
    path = fetch(tmp_path)
    assert path.read_bytes() == BODY
    assert list(path.parent.iterdir()) == [path]


def test_the_digest_may_be_written_in_capitals(network, tmp_path):
    """Hexadecimal digits have no case."""
    network({URL: BODY})
    assert fetch(tmp_path, sha256=DIGEST.upper()).read_bytes() == BODY


def test_permissions_follow_the_umask(network, tmp_path):
    """Others may read a shared data folder where the umask lets them (temporary files are 0600)."""
    network({URL: BODY})
    before = os.umask(0o022)
    try:
        assert stat.S_IMODE(fetch(tmp_path).stat().st_mode) == 0o644
    finally:
        os.umask(before)


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"x", b""], ids=["cut", "longer", "empty"])
def test_other_bytes_are_refused(network, tmp_path, body):
    """A wrong digest is refused in one line that says which file to put where."""
    network({URL: body})
    message = refused(tmp_path)
    assert hashlib.sha256(body).hexdigest() in message
    assert message.splitlines()[1:] == [f"  put {URL} (SHA-256 {DIGEST}) at {tmp_path}/deep/data.bin"]


def test_a_refused_file_leaves_the_old_one(network, tmp_path):
    """What was at the destination is there after a download that failed."""
    network({URL: BODY})
    path = fetch(tmp_path)
    network({URL: b"other"})
    with pytest.raises(InputError):
        fetch(tmp_path)
    assert path.read_bytes() == BODY
    assert list(path.parent.iterdir()) == [path]


def test_too_large_a_file_is_cut_off(network, tmp_path, monkeypatch):
    """A server that sends more than the limit is left before the disk is full."""
    monkeypatch.setattr(MODULE, "SIZE_LIMIT", 2**20)
    network({URL: BODY})
    assert "more than 1,048,576 bytes" in refused(tmp_path)


def test_redirections_within_https_are_followed(network, tmp_path):
    """A mirror may stand elsewhere."""
    handler = network({URL: "https://mirror.example.org/d", "https://mirror.example.org/d": BODY})
    assert fetch(tmp_path).read_bytes() == BODY
    assert handler.asked == [URL, "https://mirror.example.org/d"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("http://example.org/d", "which is not HTTPS"),
        ("ftp://example.org/d", "which is not HTTPS"),
        ("file:///etc/hostname", "not allowed"),  # by urllib itself
    ],
)
def test_redirections_out_of_https_are_refused(network, tmp_path, target, said):
    """A redirection to anything but HTTPS is not followed."""
    handler = network({URL: target})
    assert said in refused(tmp_path)
    assert handler.asked == [URL]


@pytest.mark.parametrize("url", ["http://example.org/d", "ftp://example.org/d", "file:///etc/hostname"])
def test_addresses_out_of_https_are_refused(network, tmp_path, url):
    """Only HTTPS is asked for."""
    assert "is not HTTPS" in refused(tmp_path, url=url)


@pytest.mark.parametrize("name", ["FPT_OFFLINE", "HF_HUB_OFFLINE"])
def test_the_user_can_forbid_downloads(network, tmp_path, monkeypatch, name):
    """With the variable set nothing is asked of the network, and the message names the variable."""
    handler = network({URL: BODY})
    monkeypatch.setenv(name, "1")
    assert name in refused(tmp_path)
    assert handler.asked == []


def test_no_network_is_an_error_with_a_remedy(network, tmp_path):
    """A host that is not found is an InputError that says which file to put where."""
    handler = network({})

    def https_open(request):
        raise OSError("Name or service not known")

    handler.https_open = https_open
    message = refused(tmp_path)
    assert "the data cannot be downloaded: Name or service not known" in message
    assert f"put {URL} (SHA-256 {DIGEST}) at" in message


def test_a_bad_content_length_is_no_crash(network, tmp_path):
    """A header that is no number is refused as an InputError."""
    network({URL: BODY}, declared="many")
    assert "cannot be downloaded" in refused(tmp_path)
