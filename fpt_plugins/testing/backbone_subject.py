"""The backbone that is checked, at the size that its options say."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from fpt_plugins import options
from fpt_plugins.backbone import BackboneRequest, BackboneSpec
from fpt_plugins.errors import UnknownName
from fpt_plugins.plugins import find_backbone
from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.result import NotApplicable

LENGTH = 10
"""Positions that are asked for."""

SAMPLES = 3


class BackboneSubject:
    """A backbone under check.

    Args:
        backbone: As ``--backbone`` takes it, or its spec.
        given: Its options by name.
        init: How it is filled; ``random`` where it knows that, else its first way.
    """

    def __init__(
        self, backbone: str | BackboneSpec, given: Mapping[str, Any] | None = None, *, init: str | None = None
    ) -> None:
        self._backbone, self.given, self._init = backbone, dict(given or {}), init
        self.expected_failures: Mapping[str, str] = {}

    @cached_property
    def spec(self) -> BackboneSpec:
        """What is known of it without building it."""
        return self._backbone if isinstance(self._backbone, BackboneSpec) else find_backbone(self._backbone)

    @property
    def init(self) -> str:
        """How it is filled."""
        known = self.spec.inits
        return self._init or ("random" if "random" in known else known[0])

    def close(self) -> None:
        """Nothing is kept."""

    def build(
        self,
        *,
        seed: int = 0,
        length: int = LENGTH,
        dropout: float = 0.0,
        init: str | None = None,
    ) -> Any:
        """The module, as a run asks for it.

        Raises:
            NotApplicable: What it needs is not installed here.
        """
        missing = self.spec.missing()
        if missing:
            raise NotApplicable(f"{self.spec.name} needs: {missing}")
        chosen: Any = options.build(self.spec.options, self.given, owner=self.spec.name)
        request = BackboneRequest(
            init=init or self.init, init_seed=seed, length=length, dropout=dropout, options=chosen
        )
        return self.spec.build(self.spec, request)

    @cached_property
    def body(self) -> Any:
        """One that no check writes to, in evaluation mode."""
        return self.build().eval()

    def random_body(self, seed: int) -> Any:
        """One that is drawn from a seed.

        Raises:
            NotApplicable: It knows no random initialization.
        """
        if "random" not in self.spec.inits:
            raise NotApplicable(f"{self.spec.name} is never drawn at random")
        return self.build(seed=seed, init="random")

    def ask(self, probe: str) -> Any:
        """What a function of ``backbone_probes`` finds of it in a fresh process.

        Raises:
            NotApplicable: It was given as a spec, which a fresh process does not find by its name.
        """
        name = self._backbone if isinstance(self._backbone, str) else self.spec.name
        try:
            find_backbone(name)
        except UnknownName as error:
            raise NotApplicable(f"{name} is not found by its name in a fresh process") from error
        words = (name, self.given, self.init)
        return ask(f"backbone_probes.{probe}", *words, seconds=100.0, PYTHONHASHSEED="1")


def inputs_for(body: Any, *, samples: int = SAMPLES, length: int = LENGTH) -> Any:
    """Random embeddings ``[samples, length, D]``, the same every time."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return torch.randn(samples, length, body.embed_dim, generator=generator)


def padded_mask(samples: int = SAMPLES, length: int = LENGTH) -> Any:
    """A mask of lengths from all to one, ``[samples, length]``."""
    import torch

    lengths = torch.linspace(length, 1, samples).round().long()
    return torch.arange(length) < lengths[:, None]


def everything(samples: int = SAMPLES, length: int = LENGTH) -> Any:
    """A mask without padding."""
    import torch

    return torch.ones(samples, length, dtype=torch.bool)


def tensors_of(body: Any) -> dict[str, Any]:
    """Copies of its parameters and buffers, by name."""
    held = {**dict(body.named_parameters()), **dict(body.named_buffers())}
    return {name: tensor.detach().clone() for name, tensor in held.items()}
