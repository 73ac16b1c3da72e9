"""Weights are read a tensor at a time, without a memory map; what is no whole safetensors file is refused."""

import json
import os
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fpt_plugins.backbones.weights_file import MOST_HEADER, open_weights
from fpt_plugins.digest import SAFETENSORS_NAMES
from fpt_plugins.errors import IntegrityError

ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def written(path, header, data=b"", length=None):
    """A file with a header as it should not be."""
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(content) if length is None else length) + content + data)
    return path


@pytest.fixture
def saved(tmp_path):
    """A file that the library wrote, with two tensors of random numbers."""
    tensors = {"a": torch.randn(300, 40), "b": torch.randn(5000)}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("name", SAFETENSORS_NAMES)
def test_every_type_is_read_as_the_library_reads_it(tmp_path, name):
    """Each type's tensors, one without axes and one without elements among them, have safetensors' bits."""
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randint(-100, 100, (3, 5, 7), generator=generator).to(getattr(torch, name[6:]))
    save_file({"c": numbers, "a": numbers[0, 0, 0].clone(), "b": numbers[:0]}, tmp_path / "saved")
    expected = load_file(tmp_path / "saved")
    with open_weights(tmp_path / "saved") as tensors:
        read = {name: tensor.read() for name, tensor in tensors.items()}
    assert read.keys() == expected.keys()
    for key, tensor in expected.items():
        assert read[key].dtype == tensor.dtype
        assert read[key].shape == tensor.shape
        assert torch.equal(read[key].reshape(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))


@pytest.mark.parametrize("left", [0, 3, 200, 40_000])
def test_a_file_cut_off_after_its_header_was_read_is_refused(saved, left):
    """What is cut off between the header and a tensor is refused by the file's and the tensor's name."""
    with open_weights(saved) as tensors:
        os.truncate(saved, left)
        with pytest.raises(IntegrityError, match=r"model\.safetensors is no whole .* b was cut off while"):
            tensors["b"].read()


def test_nothing_is_mapped_while_a_file_is_read(saved):
    """While a file is open and its tensors are read, it is among no memory maps of the process."""
    with open_weights(saved) as tensors:
        read = [tensor.read() for tensor in tensors.values()]
        assert str(saved) not in Path("/proc/self/maps").read_text()
    assert [tensor.numel() for tensor in read]


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        ({"a": ONE, "b": ONE}, bytes(8), "b begins at byte"),
        ({"a": {**ONE, "data_offsets": [4, 12]}}, bytes(12), "a begins at byte"),
        ({"a": ONE}, bytes(9), "its tensors end at byte"),
        ({"a": ONE}, bytes(7), "its tensors end at byte"),
        ({"a": {**ONE, "shape": [3]}}, bytes(8), r"a of type F32 and shape \[3\] does not have 8 bytes"),
        ({"a": {**ONE, "shape": [-1, -2]}}, bytes(8), "a has no type, shape and place"),
        ({"a": {**ONE, "shape": [True, 2]}}, bytes(8), "a has no type, shape and place"),
        ({"a": {**ONE, "shape": [1] * 65}}, bytes(8), "a has no type, shape and place"),
        ({"a": {**ONE, "data_offsets": [8, 0]}}, bytes(8), "does not have -8 bytes"),
        ({"a": {"dtype": "F32", "shape": [2]}}, bytes(8), "a has no type, shape and place"),
        ({"a": 1}, b"", "a has no type, shape and place"),
        ([], b"", "its header is no JSON object"),
        (b"\xff{}", b"", "utf-8"),
        (b'{"a": {}, "a": {}}', b"", "it has a key twice"),
    ],
)
def test_a_header_that_no_writer_makes_is_refused(tmp_path, header, data, message):
    """Overlaps, gaps, other sizes, doubled names and what is no header are refused at once."""
    path = written(tmp_path / "made", header, data)
    with pytest.raises(IntegrityError, match=f"made is no whole safetensors file: .*{message}"):
        open_weights(path).__enter__()


@pytest.mark.parametrize("length", [3, MOST_HEADER + 1, 1 << 63])
def test_a_header_of_another_length_is_refused(tmp_path, length):
    """A header that would end beyond the file, take more than 8 MB or end too early is not believed."""
    path = written(tmp_path / "made", {"a": ONE}, bytes(8), length)
    os.truncate(path, 2 * MOST_HEADER)
    with pytest.raises(IntegrityError, match="made is no whole safetensors file"):
        open_weights(path).__enter__()


def test_a_type_that_torch_cannot_digest_is_refused_when_it_is_read(tmp_path):
    """A tensor of eight-bit floats is named with its type; the others of its file are read."""
    small, other = torch.ones(3).to(torch.float8_e5m2), torch.arange(4)
    save_file({"small": small, "other": other}, tmp_path / "saved")
    with open_weights(tmp_path / "saved") as tensors:
        assert torch.equal(tensors["other"].read(), other)
        with pytest.raises(IntegrityError, match="small is of type F8_E5M2, which is not read"):
            tensors["small"].read()


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """A file that went away after it was listed is refused in one line."""
    with pytest.raises(IntegrityError, match="absent cannot be read: No such file"):
        open_weights(tmp_path / "absent").__enter__()
