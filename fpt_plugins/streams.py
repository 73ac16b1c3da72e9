"""Random numbers by name: each purpose draws from a stream of its own.

So adding a draw somewhere changes nothing elsewhere, and step 500 needs no memory of step 499.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def stream_seed(seed: int, *names: object) -> int:
    """A 63-bit seed for one purpose: ``stream_seed(0, "dropout", 17)``.

    Example:
        >>> stream_seed(0, "dropout", 1) == stream_seed(0, "dropout", 2)
        False
    """
    words = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 1


def seed_generators(seed: int) -> None:
    """Seeds the global generators of torch (CPU), NumPy and Python, which augmentations draw from."""
    import numpy as np
    import torch

    torch.default_generator.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - a dataset's augmentation may draw from this one
    random.seed(seed)


def seed_dropout(seed: int, device: torch.device) -> None:
    """Seeds torch's generators on the CPU and on ``device``.

    ``torch.manual_seed`` does so for every kind of device that may ever be used, which takes half a
    millisecond (torch 2.15): as long as a step of the head alone.
    """
    import torch

    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


class Stream:
    """A place in torch's random numbers, from which each entry goes on where the last one left off.

    Args:
        seed: Where it begins: at the numbers that :func:`seed_dropout` begins with.
        device: Whose numbers, beside those of the CPU.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        import torch

        kinds = ["cpu"] if device.type == "cpu" else ["cpu", str(device)]
        self._device = device
        self._states = [torch.Generator(kind).manual_seed(seed).get_state() for kind in kinds]

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Inside, torch draws from this stream; after, from where it drew before."""
        outer = self._current()
        self._set(self._states)
        try:
            yield
        finally:
            self._states = self._current()
            self._set(outer)

    def _current(self) -> list[torch.Tensor]:
        import torch

        states = [torch.get_rng_state()]
        return states if self._device.type == "cpu" else [*states, torch.cuda.get_rng_state(self._device)]

    def _set(self, states: list[torch.Tensor]) -> None:
        import torch

        torch.set_rng_state(states[0])
        if self._device.type != "cpu":
            torch.cuda.set_rng_state(states[1], self._device)


@contextmanager
def preserved_generators() -> Iterator[None]:
    """Puts the global generators of torch (CPU), NumPy and Python back as they were."""
    import numpy as np
    import torch

    numpy_state = np.random.get_state()  # noqa: NPY002 - as above
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(torch_state)
        np.random.set_state(numpy_state)  # noqa: NPY002 - as above
        random.setstate(python_state)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The global generators seeded inside, and as they were after."""
    with preserved_generators():
        seed_generators(seed)
        yield
