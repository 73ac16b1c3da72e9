"""Hostile adapters, checkpoints, runs, studies, cards, bodies and caches, sealed by whoever made them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults import saved_files
from tests.faults.harm import CODE, DEEP, TERABYTE, Make, grown, linked, pipe, written


def _described(name: str, change: Callable[[Any], Any]) -> Make:
    """A sealed JSON file with something else in it, sealed again by whoever did it."""

    def make(folder: Path) -> None:
        path = next(folder.rglob(name))
        value = json.loads(path.read_bytes())
        change(value)
        path.write_text(json.dumps(value))
        saved_files.reseal_json(folder)

    return make


def _setting(name: str, value: Any) -> Make:
    return _described("adapter.json", lambda found: found["configuration"].__setitem__(name, value))


def _sealed_weights(content: bytes) -> Make:
    def make(folder: Path) -> None:
        (folder / "adapter.safetensors").write_bytes(content)
        saved_files.reseal_adapter(folder)

    return make


def _tensors(entries: dict[str, Any], body: bytes = b"") -> bytes:
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + body


def _overlap() -> bytes:
    both = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    return _tensors({"a": both, "b": both}, bytes(8))


def _many_tensors(count: int) -> bytes:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return _tensors(dict.fromkeys(map(str, range(count)), empty))


HUGE_TABLE = _tensors(
    {"wpe.weight": {"dtype": "F32", "shape": [TERABYTE // 64, 16], "data_offsets": [0, TERABYTE]}}
)


def _config(**changes: Any) -> Make:
    def make(folder: Path) -> None:
        path = folder / "gpt2" / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return make


def _hdf5(change: Callable[[Any, Any, Path], Any]) -> Make:
    """A token cache whose values are made otherwise, sealed again by whoever did it."""

    def make(folder: Path) -> None:
        import h5py

        from fpt_plugins.array_file import seal

        path = folder / "tokens.h5"
        with h5py.File(path, "a") as file:
            values = file["values"][:]
            del file["values"]
            change(file, values, folder)
        seal(path, saved_files.KEY)

    return make


def _external_link(file: Any, _values: Any, _folder: Path) -> None:
    import h5py

    file["values"] = h5py.ExternalLink("/etc/hostname", "/values")


def _soft_link(file: Any, values: Any, _folder: Path) -> None:
    import h5py

    file["elsewhere"] = values
    file["values"] = h5py.SoftLink("/elsewhere")


def _external_storage(file: Any, values: Any, _folder: Path) -> None:
    storage = [("/etc/passwd", 0, values.nbytes)]
    file.create_dataset("values", values.shape, values.dtype, external=storage)


def _virtual(file: Any, values: Any, _folder: Path) -> None:
    import h5py

    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[:] = h5py.VirtualSource("/etc/passwd", "values", values.shape)
    file.create_virtual_dataset("values", layout)


def _petabyte(file: Any, _values: Any, _folder: Path) -> None:
    file.create_dataset("values", (1 << 50, 3), np.float32, chunks=(1 << 12, 3))


def _packed_zeros(file: Any, _values: Any, _folder: Path) -> None:
    stored = file.create_dataset("values", (1 << 26, 3), np.float32, chunks=(1 << 22, 3), compression="gzip")
    stored[: 1 << 22] = 0


def _replaced(path: Path, pattern: str, text: str) -> None:
    path.write_text(re.sub(pattern, text, path.read_text(), count=1))


SAVED: dict[str, tuple[str, Make]] = {
    # weights that are none
    "adapter: a pickle in place of safetensors": ("adapter", _sealed_weights(CODE)),
    "adapter: a header of 2^63 bytes": ("adapter", _sealed_weights(struct.pack("<Q", 1 << 63) + bytes(64))),
    "adapter: tensors that overlap": ("adapter", _sealed_weights(_overlap())),
    "adapter: a million tensors": ("adapter", _sealed_weights(_many_tensors(1_000_000))),
    "adapter: a header a thousand levels deep": (
        "adapter",
        _sealed_weights(struct.pack("<Q", 2000) + b"[" * 1000 + b"]" * 1000),
    ),
    "adapter: a terabyte of nothing as weights": ("adapter", grown("adapter.safetensors", TERABYTE)),
    "adapter: a terabyte of nothing as description": ("adapter", grown("adapter.json", TERABYTE, b"{")),
    "adapter: a pipe as weights": ("adapter", pipe("adapter.safetensors")),
    "adapter: weights that are a device": ("adapter", linked("adapter.safetensors", "/dev/zero")),
    "adapter: weights that are a link to /etc/passwd": (
        "adapter",
        linked("adapter.safetensors", "/etc/passwd"),
    ),
    # descriptions that name code, places or nonsense
    "adapter: JSON 1,000 levels deep": ("adapter", written("adapter.json", b'{"a":' + DEEP[:1000])),
    "adapter: JSON 100,000 levels deep": ("adapter", written("adapter.json", b'{"a":' + DEEP)),
    "adapter: NaN in JSON": ("adapter", written("adapter.json", b'{"step": NaN, "sha256": ""}')),
    "adapter: Infinity in JSON": ("adapter", written("adapter.json", b'{"step": Infinity, "sha256": ""}')),
    "adapter: a key twice": ("adapter", written("adapter.json", b'{"step": 1, "step": 2, "sha256": ""}')),
    "adapter: a number of 100,000 digits": (
        "adapter",
        written("adapter.json", b'{"step": ' + b"9" * 100_000 + b"}"),
    ),
    "adapter: a body at ../../etc/passwd": (
        "loaded-adapter",
        _setting("backbone", "hf:../../../../etc/passwd"),
    ),
    "adapter: a setting that names code": ("adapter", _setting("auto_map", {"AutoModel": "evil--m.M"})),
    "adapter: a setting named cls": ("adapter", _setting("cls", 1)),
    "adapter: trust_remote_code": ("adapter", _setting("trust_remote_code", True)),
    "adapter: settings that are a list": (
        "adapter",
        _described("adapter.json", lambda found: found.__setitem__("configuration", [1])),
    ),
    "adapter: a body without a digest": (
        "adapter",
        _described("adapter.json", lambda found: found["backbone"].pop("source_digest")),
    ),
    "adapter: a plugin that nothing uses": (
        "adapter",
        _described(
            "adapter.json",
            lambda found: found["plugins"].__setitem__("os", {"distribution": "os", "version": "1"}),
        ),
    ),
    "checkpoint: a manifest that names ../../etc/passwd": (
        "checkpoint",
        _described("manifest.json", lambda found: found["files"].__setitem__("../../etc/passwd", "0" * 64)),
    ),
    "checkpoint: a manifest that names /etc/passwd": (
        "checkpoint",
        _described("manifest.json", lambda found: found["files"].__setitem__("/etc/passwd", "0" * 64)),
    ),
    "checkpoint: a terabyte of nothing as moments": ("checkpoint", grown("optimizer.safetensors", TERABYTE)),
    "checkpoint: a part that is a device": ("checkpoint", linked("best.safetensors", "/dev/zero")),
    "run: a beginning without settings": (
        "run",
        _described("run.json", lambda found: found.pop("configuration")),
    ),
    "run: a record that is a pipe": ("run", pipe("record.json")),
    "run: a record of other fields": (
        "run",
        _described("record.json", lambda found: found.__setitem__("exec", "x")),
    ),
    "metrics: JSON 100,000 levels deep": ("metrics", written("metrics.jsonl", DEEP + b"\n")),
    "metrics: a line of a terabyte": ("metrics", grown("metrics.jsonl", TERABYTE)),
    "study: a definition without its name": (
        "study",
        _described("study.json", lambda found: found.pop("name")),
    ),
    "study: a grid whose cells are one number": (
        "study",
        _described("grid.json", lambda found: found.__setitem__("cells", 3)),
    ),
    "study-file: TOML 100,000 levels deep": ("study-file", written("study.toml", b"a = " + DEEP)),
    "study-file: a terabyte of nothing": ("study-file", grown("study.toml", TERABYTE)),
    "study-file: a number of 100,000 digits": (
        "study-file",
        written("study.toml", b"a = " + b"9" * 100_000),
    ),
    # cards
    "card: TOML 100,000 levels deep": ("card", written("bits-xor.toml", b"a = " + DEEP)),
    "card: an escape sequence of a terminal in its summary": (
        "card",
        lambda folder: _replaced(folder / "bits-xor.toml", r'summary = ".*"', 'summary = "a\\\\u001b[2Jb"'),
    ),
    # bodies
    "body: auto_map": ("body", _config(auto_map={"AutoModel": "evil--modeling.Model"})),
    "body: trust_remote_code": ("body", _config(trust_remote_code=True)),
    "body: auto_mapping, as peft writes it": ("body", _config(auto_mapping={"parent_library": "os"})),
    "body: a kernel of a stranger": ("body", _config(_attn_implementation_internal="stranger/kernel")),
    "body: four billion layers": ("body", _config(n_layer=1 << 32)),
    "body: a width of 2^40": ("body", _config(n_embd=1 << 40)),
    "body: a configuration of a terabyte": ("body", grown("config.json", TERABYTE, b"{")),
    "body: a pickle in place of safetensors": ("body", written("model.safetensors", CODE)),
    "body: weights with a header of 2^63 bytes": (
        "body",
        written("model.safetensors", struct.pack("<Q", 1 << 63) + bytes(64)),
    ),
    "body: weights of a terabyte of nothing": (
        "body",
        grown("model.safetensors", TERABYTE + len(HUGE_TABLE), HUGE_TABLE),
    ),
    "body: weights with a hundred thousand tensors": (
        "body",
        written("model.safetensors", _many_tensors(100_000)),
    ),
    # caches
    "token-cache: an external link": ("token-cache", _hdf5(_external_link)),
    "token-cache: a soft link": ("token-cache", _hdf5(_soft_link)),
    "token-cache: external storage": ("token-cache", _hdf5(_external_storage)),
    "token-cache: a virtual data set": ("token-cache", _hdf5(_virtual)),
    "token-cache: a petabyte that is not there": ("token-cache", _hdf5(_petabyte)),
    "token-cache: packed zeros": ("token-cache", _hdf5(_packed_zeros)),
}
"""By what each is: the subject that it is given to in place of whole files, and how it is made."""
