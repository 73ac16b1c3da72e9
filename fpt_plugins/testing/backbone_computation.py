"""What a backbone computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fpt_plugins.testing.backbone_subject import BackboneSubject, everything, inputs_for, padded_mask
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-4
"""Between two sums of the same fp32 numbers in another order, on hidden states of order one."""


def check_shapes(backbone: BackboneSubject) -> None:
    """Embeddings ``[B, T, D]`` become finite hidden states of the same shape and type, for any B and T."""
    import torch

    body = backbone.body
    for samples, length in ((1, 1), (1, 10), (3, 10), (2, 5)):
        inputs = inputs_for(body, samples=samples, length=length)
        for mask in (everything(samples, length), everything(samples, length).long()):
            with torch.no_grad():
                hidden = body(inputs, mask)
            if hidden.shape != inputs.shape or hidden.dtype != inputs.dtype or not hidden.isfinite().all():
                raise ContractBroken(
                    f"{backbone.spec.name} makes {tuple(hidden.shape)} {hidden.dtype} of "
                    f"{tuple(inputs.shape)} {inputs.dtype}, or numbers that are not finite"
                )


def check_padding(backbone: BackboneSubject) -> None:
    """What stands at padding, and how much of it there is, changes nothing at real positions."""
    import torch

    body, mask = backbone.body, padded_mask()
    inputs = inputs_for(body)
    other = torch.where(mask[..., None], inputs, 3.0)
    with torch.no_grad():
        hidden = body(inputs, mask)
        _compare(backbone, "with other padding", hidden[mask], body(other, mask)[mask])
        for row, length in enumerate(mask.sum(1).tolist()):
            alone = body(inputs[row : row + 1, :length], mask[row : row + 1, :length])[0]
            _compare(backbone, "without its padding", hidden[row, :length], alone)


def check_batches(backbone: BackboneSubject) -> None:
    """A sample's hidden states are its own, whatever else is in the batch and in what order."""
    import torch

    body, inputs = backbone.body, inputs_for(backbone.body)
    mask = everything()
    with torch.no_grad():
        hidden = body(inputs, mask)
        _compare(backbone, "in another order", hidden, body(inputs.flip(0), mask).flip(0))
        for row in range(len(inputs)):
            alone = body(inputs[row : row + 1], mask[row : row + 1])[0]
            _compare(backbone, "alone", hidden[row], alone)


def check_causality(backbone: BackboneSubject) -> None:
    """Whether later tokens reach earlier positions is what ``causal`` declares."""
    import torch

    body, mask = backbone.body, everything()
    inputs = inputs_for(body)
    changed = inputs.clone()
    changed[:, -1] = inputs[:, -1].roll(1, dims=0)  # a shift of all its numbers is what a norm removes
    with torch.no_grad():
        moved = (body(inputs, mask) - body(changed, mask)).abs().amax((0, 2))
    if body.causal and (moved[:-1] > TOLERANCE).any():
        raise ContractBroken(
            f"{backbone.spec.name} declares causal, and its last token changes earlier hidden states",
            "mask what comes later, or declare causal=False",
        )
    if not body.causal and not (moved[:-1] > 0).any():
        raise ContractBroken(
            f"{backbone.spec.name} declares causal=False, and its last token changes no earlier hidden state",
            "declare causal=True",
        )
    if not moved[-1] > 0:
        raise ContractBroken(f"{backbone.spec.name}: a token does not change its own hidden state")


def check_evaluation(backbone: BackboneSubject) -> None:
    """In evaluation nothing is drawn: two passes are one, and a body built with dropout is as one without."""
    import torch

    body, inputs, mask = backbone.body, inputs_for(backbone.body), padded_mask()
    dropping = backbone.build(dropout=0.5).eval()
    with torch.no_grad():
        first = body(inputs, mask)
        if not first.equal(body(inputs, mask)):
            raise ContractBroken(f"{backbone.spec.name} computes otherwise in a second pass")
        _compare(backbone, "built with dropout, in evaluation,", first[mask], dropping(inputs, mask)[mask])


def check_dropout(backbone: BackboneSubject) -> None:
    """While training, dropout is what was asked for: none at 0, drawn from torch's generator above."""
    import torch

    inputs, mask = inputs_for(backbone.body), padded_mask()
    without, dropping = backbone.build().train(), backbone.build(dropout=0.5).train()
    with torch.no_grad():
        calm = backbone.body(inputs, mask)
        _compare(backbone, "in training, without dropout,", calm[mask], without(inputs, mask)[mask])
        torch.manual_seed(0)
        first, second = dropping(inputs, mask), dropping(inputs, mask)
        torch.manual_seed(0)
        again = dropping(inputs, mask)
    if first[mask].equal(second[mask]):
        if not list(dropping.parameters()):
            raise NotApplicable(f"{backbone.spec.name} has no parameters, and nothing to drop")
        raise ContractBroken(f"{backbone.spec.name} drops nothing with dropout=0.5")
    if not first[mask].equal(again[mask]):
        raise ContractBroken(f"{backbone.spec.name} drops otherwise with one seed", "use torch's generator")


def _compare(backbone: BackboneSubject, what: str, one: Tensor, other: Any) -> None:
    if one.shape != other.shape or (one - other).abs().max() > TOLERANCE:
        raise ContractBroken(
            f"{backbone.spec.name}: hidden states differ {what} by {float((one - other).abs().max()):.2g}",
            "padding is on the right; attend to it nowhere, and normalize each token by itself",
        )
