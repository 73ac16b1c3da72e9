"""Digests against what a safetensors file alone says, read without torch."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fpt_plugins.digest import SAFETENSORS_NAMES, digest, file_digest, tensor_bytes, tensor_digest

DTYPES = [getattr(torch, name.removeprefix("torch.")) for name in SAFETENSORS_NAMES]
SCRIPT = Path(__file__).parents[1] / "examples" / "source_digest.py"


def numbers(dtype, *shape):
    """Tensors of every type with bits that differ from element to element."""
    count = int(np.prod(shape))
    return torch.arange(-3, count - 3).to(dtype).reshape(shape)


def digest_of_file(content):
    """The rule of the documentation, from the file's header and bytes: NAME TYPE SHAPE, then the data."""
    size = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    found = hashlib.sha256()
    for name in sorted(header.keys() - {"__metadata__"}):
        first, last = header[name]["data_offsets"]
        found.update(f"{name} {header[name]['dtype']} {header[name]['shape']}\n".encode())
        found.update(data[first:last])
    return found.hexdigest()


def test_every_type_is_written_as_safetensors_writes_it():
    """For each type, names that sort unlike the file's own order, and all shapes, file and memory agree."""
    tensors = {f"h.{11 - n}.{dtype}": numbers(dtype, 2, 3) for n, dtype in enumerate(DTYPES)}
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4), "é": torch.ones(1)}
    assert digest(tensors) == digest_of_file(safetensors.torch.save(tensors, metadata={"format": "pt"}))


def test_the_example_computes_the_same_from_a_file(tmp_path):
    """``examples/source_digest.py`` prints the digest of the tensors that are not left out."""
    tensors = {
        "a.weight": torch.randn(3, 4),
        "b.bias": torch.randn(5).bfloat16(),
        "wte.weight": torch.ones(2),
    }
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(tensors, path)
    command = [sys.executable, str(SCRIPT), str(path), "wte.*"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    del tensors["wte.weight"]
    assert shown.stdout.strip() == digest(tensors)


def test_memory_layout_does_not_matter():
    """A view has the digest of its contiguous copy: transposed, or every second element."""
    matrix = torch.arange(6.0).reshape(2, 3)
    assert tensor_digest(matrix.T) == tensor_digest(matrix.T.contiguous()) != tensor_digest(matrix)
    assert tensor_digest(torch.arange(6.0)[::2]) == tensor_digest(torch.tensor([0.0, 2.0, 4.0]))
    assert bytes(tensor_bytes(matrix.T)) == np.arange(6, dtype="<f4").reshape(2, 3).T.tobytes()


@settings(deadline=None)
@given(st.integers(0, 4 * 12 - 1), st.integers(0, 7))
def test_any_bit_counts(byte, bit):
    """Flipping any one bit of a tensor, the sign of a zero and a NaN's payload included, changes it."""
    values = np.array([0.0, -0.0, np.nan, np.inf, 1.0, 1e-45, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], dtype=np.float32)
    before = tensor_digest(torch.from_numpy(values.copy()))
    values.view(np.uint8)[byte] ^= 1 << bit
    assert tensor_digest(torch.from_numpy(values)) != before


@pytest.mark.parametrize(
    "other",
    [
        {"b": torch.zeros(2, 2)},
        {"a": torch.zeros(4)},
        {"a": torch.zeros(2, 2, dtype=torch.int32)},
        {"a": torch.zeros(2, 2), "b": torch.zeros(0)},
        {},
    ],
    ids=["name", "shape", "type", "one more", "none"],
)
def test_name_shape_and_type_count(other):
    """Equal bytes under another name, shape or type have another digest."""
    assert digest({"a": torch.zeros(2, 2)}) != digest(other)


def test_one_tensor_stands_under_the_empty_name():
    """The digest of one tensor is SHA-256 of `` TYPE SHAPE`` on a line and its bytes."""
    expected = hashlib.sha256(b" F32 [2]\n" + np.ones(2, dtype="<f4").tobytes()).hexdigest()
    assert tensor_digest(torch.ones(2, requires_grad=True)) == expected


def test_a_file_is_hashed_whole(tmp_path):
    """A file of more than one read is hashed as hashlib hashes its bytes."""
    content = bytes(range(256)) * 5000
    (tmp_path / "weights").write_bytes(content)
    assert file_digest(tmp_path / "weights") == hashlib.sha256(content).hexdigest()
