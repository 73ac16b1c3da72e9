"""Groups, gradients, and that what is frozen is left alone."""

from __future__ import annotations

import itertools
from typing import Any

from fpt_plugins.backbone import BODY_GROUPS
from fpt_plugins.testing.backbone_subject import BackboneSubject, inputs_for, padded_mask, tensors_of
from fpt_plugins.testing.result import ContractBroken, NotApplicable

HELD_TOLERANCE = 2.0**-7
"""Of the largest hidden state. Autocast casts these matrices at every step, so that mostly nothing differs;
nn.MultiheadAttention's fast path takes fp32 matrices as they are: one rounding to bf16 less."""


def check_groups(backbone: BackboneSubject) -> None:
    """The groups are known ones, disjoint, and sum to the whole; norms and tables stand where they belong."""
    name, body = backbone.spec.name, backbone.body
    groups = body.parameter_groups()
    unknown = groups.keys() - set(BODY_GROUPS)
    if unknown:
        raise ContractBroken(f"{name} has the group {min(unknown)!r}", f"one of {', '.join(BODY_GROUPS)}")
    declared = [parameter for found in groups.values() for parameter in found]
    twice = {parameter for parameter in declared if declared.count(parameter) > 1}
    if twice:
        raise ContractBroken(f"{name}: {min(twice)} stands in two groups")
    own = {parameter for parameter, _ in body.named_parameters()}
    if own != set(declared):
        raise ContractBroken(f"{name}: {min(own ^ set(declared))} stands in no group, or is not there")
    _check_kinds(name, body, {parameter: g for g, found in groups.items() for parameter in found})


def _check_kinds(name: str, body: Any, group_of: dict[str, str]) -> None:
    """By torch's own classes: a norm's parameters and a table's are of some groups alone."""
    from torch import nn

    allowed: dict[type[nn.Module], tuple[str, ...]] = {
        nn.LayerNorm: ("layer_norm", "attention"),
        nn.RMSNorm: ("layer_norm", "attention"),
        nn.Embedding: ("position", "token_embedding"),
        nn.MultiheadAttention: ("attention",),
    }
    for place, module in body.named_modules():
        for kind, groups in allowed.items():
            for parameter, _ in module.named_parameters() if isinstance(module, kind) else ():
                full = f"{place}.{parameter}"
                if group_of[full] not in groups:
                    raise ContractBroken(f"{name}: {full} of a {kind.__name__} is in {group_of[full]}")


def check_blocks(backbone: BackboneSubject) -> None:
    """The blocks it declares are disjoint, of its own parameters, and run from the input up."""
    name, body = backbone.spec.name, backbone.body
    if not hasattr(body, "blocks"):
        raise NotApplicable(f"{name} declares no blocks")
    blocks: list[list[str]] = body.blocks()
    own = {parameter for parameter, _ in body.named_parameters()}
    named = list(itertools.chain.from_iterable(blocks))
    if len(set(named)) != len(named) or not set(named) <= own or not all(blocks):
        raise ContractBroken(f"{name}: its blocks overlap, are empty, or name what is not there")
    between = set(body.parameter_groups().get("position", ())) & set(named)
    if between and not _is_shared_by_attention(body, between):
        raise ContractBroken(f"{name}: the table of positions {min(between)} stands in a block")
    order = _order_of_use(body)
    first = [min((order[p] for p in block if p in order), default=-1) for block in blocks]
    if first != sorted(first):
        raise ContractBroken(f"{name}: its blocks are not in the order in which a token meets them")


def _is_shared_by_attention(body: Any, names: set[str]) -> bool:
    """A relative bias is a table of positions that a block's attention holds (T5)."""
    return all(body.get_parameter(name).shape[-1] != body.embed_dim for name in names)


def _order_of_use(body: Any) -> dict[str, int]:
    """When, in one pass, the module that holds each parameter is first called."""
    order: dict[str, int] = {}
    counter = itertools.count()

    def recorder(place: str) -> Any:
        def record(module: Any, *_: Any) -> None:
            number = next(counter)
            for parameter, _value in module.named_parameters(recurse=False):
                order.setdefault(f"{place}.{parameter}" if place else parameter, number)

        return record

    handles = [m.register_forward_pre_hook(recorder(place)) for place, m in body.named_modules()]
    try:
        body(inputs_for(body), padded_mask())
    finally:
        for handle in handles:
            handle.remove()
    return order


def check_gradients(backbone: BackboneSubject) -> None:
    """Through the frozen body a gradient reaches every real token, and none reaches padding."""
    import torch

    body = backbone.build().requires_grad_(requires_grad=False)
    inputs, mask = inputs_for(body).requires_grad_(), padded_mask()
    hidden = body(inputs, mask)
    if not hidden.requires_grad:
        raise ContractBroken(
            f"{backbone.spec.name} lets no gradient through", "frozen is requires_grad=False, never no_grad"
        )
    (gradient,) = torch.autograd.grad(hidden[mask].sin().sum(), inputs)
    if not gradient.isfinite().all() or not (gradient[mask].abs().amax(1) > 0).all():
        raise ContractBroken(
            f"{backbone.spec.name}: a real token gets no gradient, or one that is not finite"
        )
    if (gradient[~mask] != 0).any():
        raise ContractBroken(f"{backbone.spec.name}: padding gets a gradient", "attend to padding nowhere")


def check_parameters_train(backbone: BackboneSubject) -> None:
    """Every parameter gets a finite gradient, unless it is built with ``requires_grad=False``: unused."""
    import torch

    body = backbone.build()
    inputs, mask = inputs_for(body), padded_mask()
    named = {name: p for name, p in body.named_parameters() if p.requires_grad}
    if not named:
        raise NotApplicable(f"{backbone.spec.name} has no parameters")
    loss = body(inputs, mask)[mask].sin().sum()
    gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    for name, gradient in zip(named, gradients, strict=True):
        if gradient is None or not gradient.isfinite().all():
            raise ContractBroken(
                f"{backbone.spec.name}: {name} gets {'no' if gradient is None else 'an infinite'} gradient",
                "leave out what nothing uses, or build it with requires_grad=False",
            )
    held = {p.untyped_storage().data_ptr() for p in body.parameters()}
    if len(held) < len(list(body.parameters())):
        raise ContractBroken(f"{backbone.spec.name}: two parameters are one tensor", "give each its own")


def check_passes_change_nothing(backbone: BackboneSubject) -> None:
    """Passes forward and back, in training and evaluation, change no parameter, buffer, mode or hook."""
    import torch

    body = backbone.build(dropout=0.5)
    before, modules = tensors_of(body), dict(body.named_modules())
    inputs, mask = inputs_for(body).requires_grad_(), padded_mask()
    for training in (True, False):
        body.train(training)
        torch.autograd.backward(body(inputs, mask).sin().sum())
        if body.training is not training:
            raise ContractBroken(f"{backbone.spec.name} changes its mode in a pass")
    after = tensors_of(body)
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after or not before[name].equal(after[name]):
            raise ContractBroken(
                f"{backbone.spec.name}: {name} is otherwise after a pass", "keep no statistics in a body"
            )
    if any(modules.get(name) is not module for name, module in body.named_modules()):
        raise ContractBroken(f"{backbone.spec.name} replaces a module in a pass")
    _refuse_hooks(backbone, body)


def _refuse_hooks(backbone: BackboneSubject, body: Any) -> None:
    from fpt_plugins.errors import FrozenError
    from fpt_plugins.probe import refuse_hooks

    try:
        refuse_hooks(body)
    except FrozenError as error:
        raise ContractBroken(f"{backbone.spec.name}: {error.message}", error.remedy) from error


def check_held_matrices(backbone: BackboneSubject) -> None:
    """With frozen matrices held in bf16, autocast gives the numbers that it gives with them in fp32."""
    import torch

    body, held = backbone.build().eval(), backbone.build().eval()
    groups = held.parameter_groups()
    names = [*groups.get("attention", ()), *groups.get("mlp", ())]
    if not names:
        raise NotApplicable(f"{backbone.spec.name} has no matrices to hold")
    for name in names:
        parameter = held.get_parameter(name)
        parameter.data = parameter.data.to(torch.bfloat16)
    inputs, mask = inputs_for(body), padded_mask()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        one, other = body(inputs, mask)[mask].float(), held(inputs, mask)[mask].float()
    if (one - other).abs().max() > HELD_TOLERANCE * one.abs().max():
        raise ContractBroken(
            f"{backbone.spec.name} computes otherwise with its matrices held in bf16, "
            f"by {float((one - other).abs().max()):.2g}",
            "let autocast cast them: read no weight outside of a product",
        )
