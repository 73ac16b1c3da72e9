"""What a backbone says of itself, how it is built, and by what it is known."""

from __future__ import annotations

import math
import re
from typing import Any

from fpt_plugins.backbone import Backbone
from fpt_plugins.errors import FptError
from fpt_plugins.testing.backbone_subject import LENGTH, BackboneSubject, everything, inputs_for, tensors_of
from fpt_plugins.testing.result import ContractBroken, NotApplicable


def check_facts(backbone: BackboneSubject) -> None:
    """What the spec says (width, direction, layers) is what the module is, and weights have a license."""
    from torch import nn

    spec, body = backbone.spec, backbone.body
    if not isinstance(body, nn.Module) or not isinstance(body, Backbone):
        raise ContractBroken(f"{spec.name} built a {type(body).__name__}, which is no fpt_plugins.Backbone")
    if not spec.summary or not spec.inits:
        raise ContractBroken(f"{spec.name} has no summary or no initialization")
    if spec.weights_sha256 and not spec.license:
        raise ContractBroken(f"{spec.name} has weights and names no license", 'license="MIT"')
    declared_blocks: Any = getattr(body, "blocks", None)  # a body need not declare them
    blocks = None if declared_blocks is None else len(declared_blocks())
    found = {"embed_dim": body.embed_dim, "causal": body.causal, "layers": blocks}
    for fact, value in found.items():
        declared = backbone.given.get(fact, getattr(spec, fact))
        if None not in (declared, value) and declared != value:
            raise ContractBroken(f"{spec.name} declares {fact}={declared}, and its module has {value}")


def check_building_is_offline(backbone: BackboneSubject) -> None:
    """Building connects to nothing, unpickles nothing, starts no process and writes no file."""
    _ = backbone.body
    events = backbone.ask("events_while_building")
    if events:
        raise ContractBroken(
            f"building {backbone.spec.name} raises the audit events {'; '.join(events[:3])}",
            "read weights from safetensors files that are there",
        )


def check_seed(backbone: BackboneSubject) -> None:
    """A random body is a function of ``init_seed`` alone, and building it moves no global generator."""
    import torch

    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = tensors_of(backbone.random_body(0))
    if not torch.get_rng_state().equal(before):
        raise ContractBroken(
            f"building {backbone.spec.name} draws from the global generator", "take generators of your own"
        )
    torch.manual_seed(2)
    again, other = tensors_of(backbone.random_body(0)), tensors_of(backbone.random_body(1))
    for name, tensor in first.items():
        if not tensor.equal(again[name]):
            raise ContractBroken(
                f"{backbone.spec.name}: {name} differs between two builds with one init_seed",
                "seed a generator by init_seed and the tensor's name",
            )
    if any(t.ndim > 1 for t in first.values()) and all(t.equal(other[name]) for name, t in first.items()):
        raise ContractBroken(f"{backbone.spec.name} is the same with another init_seed")


def check_digest(backbone: BackboneSubject) -> None:
    """``source_digest`` is a SHA-256 of the numbers: the same in any process, at any length or dropout."""
    name, digest = backbone.spec.name, backbone.body.source_digest
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ContractBroken(
            f"{name} has the source_digest {digest!r:.70}", "fpt_plugins.digest.digest(tensors)"
        )
    others = {
        "built again": backbone.build().source_digest,
        "with dropout": backbone.build(dropout=0.5).source_digest,
        "in a fresh process": backbone.ask("source_digest"),
    }
    for what, other in others.items():
        if other != digest:
            raise ContractBroken(
                f"{name} has another source_digest {what}", "take it of the tensors as loaded or drawn"
            )
    _check_shorter(backbone, digest)
    if "random" in backbone.spec.inits and tensors_of(backbone.body):
        digests = {backbone.random_body(seed).source_digest for seed in (0, 1)}
        if len(digests) < 2:
            raise ContractBroken(f"{name} has one source_digest for two different bodies")


def _check_shorter(backbone: BackboneSubject, digest: str) -> None:
    """A body for shorter sequences that holds the same numbers, or the first of them, is the same body."""
    shorter, held = backbone.build(length=LENGTH // 2), tensors_of(backbone.body)
    beginning = {
        name: held[name][tuple(map(slice, tensor.shape))].equal(tensor)
        for name, tensor in tensors_of(shorter).items()
    }
    if all(beginning.values()) and shorter.source_digest != digest:
        raise ContractBroken(
            f"{backbone.spec.name} has another source_digest for shorter sequences",
            "take it of the tensors as loaded or drawn, before any is cut",
        )


def check_max_length(backbone: BackboneSubject) -> None:
    """It takes sequences of the length that was asked for, and refuses those beyond its ``max_length``."""
    import torch

    name, body = backbone.spec.name, backbone.body
    if body.max_length < LENGTH:
        raise ContractBroken(f"{name} was asked for {LENGTH} positions and has max_length={body.max_length}")
    length = body.max_length
    if length > 16 * LENGTH:
        raise NotApplicable(f"{name} has max_length={length}, more than it was asked for")
    with torch.no_grad():
        _forward(body, length)
        try:
            _forward(body, length + 1)
        except FptError:
            return
        except Exception as error:
            raise ContractBroken(
                f"{name} fails on {length + 1} tokens by {type(error).__name__}: {error}",
                "raise ConfigurationError where T > max_length",
            ) from error
    raise ContractBroken(f"{name} takes {length + 1} tokens where max_length={length}")


def _forward(body: Any, length: int) -> Any:
    hidden = body(inputs_for(body, length=length), everything(length=length))
    if not math.isfinite(float(hidden.sum())):
        raise ContractBroken(f"hidden states of {length} tokens are not finite")
    return hidden
