"""Where a body's numbers come from: a file, a generator, or both.

Every tensor is drawn on the CPU from a generator of its own, seeded by the seed and its name: the
first blocks of a deeper body are those of a shallower one, and no library's version has a say.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping

import attrs
import numpy as np
import torch
from torch import Tensor

from fpt_plugins.backbones.checkpoint import FileTensor
from fpt_plugins.backbones.tensor_names import TensorNames
from fpt_plugins.digest import digest

DEVIATION = 0.02  # of GPT-2's and BERT's matrices and tables before training


@attrs.frozen(kw_only=True)
class Blank:
    """A body that has no numbers yet.

    Args:
        names: What its tensors are called.
        layers: Blocks of the whole body, of which this one may use fewer.
        shapes: Each tensor's shape.
        seed: Seeds whatever is drawn.
        scheme: How ``random`` draws.
        first_position: Rows of the table of positions before position 0.
        read: The tensors of its weights file, by the module's names.
    """

    names: TensorNames
    layers: int
    shapes: Mapping[str, tuple[int, ...]]
    seed: int
    scheme: str
    read: Callable[[], dict[str, FileTensor]]
    first_position: int = 0


@attrs.frozen
class Numbers:
    """A body's tensors by the module's names, and the digest by which the body is known."""

    tensors: dict[str, Tensor]
    source_digest: str


def generator(seed: int, name: str) -> np.random.Generator:
    """The generator of one tensor.

    NumPy's, because its normal numbers do not depend on the processor's vector instructions, as
    torch's do: a digest of drawn weights must be the same on every machine.
    """
    key = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "big")))


def pretrained(body: Blank) -> Numbers:
    """The file's numbers, in single precision; known by the file's own names, types and bytes."""
    found = body.read()
    source_digest = digest({tensor.name: tensor.tensor for tensor in found.values()})
    return Numbers(dict(_in_single_precision(found)), source_digest)


def random(body: Blank) -> Numbers:
    """Matrices and tables from N(0, 0.02), norms at one, biases at zero: ``gpt2-unscaled``.

    With ``gpt2-scaled`` what writes to the residual stream is divided by the root of twice the depth
    (Radford et al., 2019, section 2.3).
    """
    return _drawn({name: _initial(body, name, shape) for name, shape in body.shapes.items()})


def statistics(body: Blank) -> Numbers:
    """Each tensor normal with the mean and the deviation of the pretrained one."""
    read = _in_single_precision(body.read())
    return _drawn({name: _like(tensor, generator(body.seed, name)) for name, tensor in read})


def shuffled(body: Blank) -> Numbers:
    """Each tensor's pretrained entries in another order."""
    read = _in_single_precision(body.read())
    return _drawn({name: _permuted(tensor, generator(body.seed, name)) for name, tensor in read})


INITIALIZATIONS: dict[str, Callable[[Blank], Numbers]] = {
    "pretrained": pretrained,
    "random": random,
    "statistics": statistics,
    "shuffled": shuffled,
}


def _drawn(tensors: dict[str, Tensor]) -> Numbers:
    return Numbers(tensors, digest(tensors))


def _in_single_precision(found: dict[str, FileTensor]) -> Iterator[tuple[str, Tensor]]:
    """Empties what was read tensor by tensor: a body and its copy would be twice the memory."""
    for name in tuple(found):
        yield name, found.pop(name).tensor.float()


def _normal(shape: tuple[int, ...], draw: np.random.Generator) -> Tensor:
    return torch.from_numpy(draw.standard_normal(shape, dtype=np.float32))


def _initial(body: Blank, name: str, shape: tuple[int, ...]) -> Tensor:
    if len(shape) == 1:
        return torch.full(
            shape, 1.0 if name.endswith(".weight") else 0.0
        )  # a norm's gain is the one weight vector
    scaled = body.scheme == "gpt2-scaled" and body.names.writes_to_residual(name)
    return _normal(shape, generator(body.seed, name)) * (
        DEVIATION / math.sqrt(2 * body.layers) if scaled else DEVIATION
    )


def _like(tensor: Tensor, draw: np.random.Generator) -> Tensor:
    values = tensor.numpy().astype(np.float64)
    return _normal(tuple(tensor.shape), draw) * float(values.std()) + float(values.mean())


def _permuted(tensor: Tensor, draw: np.random.Generator) -> Tensor:
    return torch.from_numpy(draw.permutation(tensor.numpy().reshape(-1))).reshape(tensor.shape)
