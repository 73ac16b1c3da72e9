"""What holds of every kind of body, each fact found out when the table is made."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import transformers

import fpt_plugins as fpt
from families import padded_batch
from fpt_plugins.digest import digest
from fpt_plugins.proof import FrozenProof
from subjects import LENGTH, WIDTH, Subject, every_subject

TOLERANCE = 1e-5


def agrees_with_its_library(subject: Subject) -> bool:
    """Whether hidden states of whole samples equal its own library's, or a closed form's, to 1e-5."""
    body, (inputs, mask) = subject.body(), padded_batch(WIDTH)
    alone = subject.expected(body)
    with torch.no_grad():
        hidden = body(inputs, torch.ones_like(mask))
        expected = torch.cat([alone(row.unsqueeze(0)) for row in inputs])
    return bool(((hidden - expected).abs() <= TOLERANCE).all())


def ignores_padding(subject: Subject) -> bool:
    """Whether real positions of padded samples equal the library's for these samples alone, to 1e-5."""
    body, (inputs, mask) = subject.body(), padded_batch(WIDTH)
    alone = subject.expected(body)
    with torch.no_grad():
        hidden = body(inputs, mask)
        differences = [
            (hidden[row, :length] - alone(inputs[row : row + 1, :length])[0]).abs().max()
            for row, length in enumerate(mask.sum(1).tolist())
        ]
    return bool(torch.stack(differences).max() <= TOLERANCE)


def passes_gradients(subject: Subject) -> bool:
    """Whether, all of it frozen, each real position of the input gets a gradient and no padded one does."""
    body, (inputs, mask) = subject.body().requires_grad_(requires_grad=False), padded_batch(WIDTH)
    inputs.requires_grad_()
    body(inputs, mask)[mask].sin().sum().backward()
    reached = inputs.grad.abs().amax(2) > 0 if inputs.grad is not None else torch.zeros_like(mask)
    return torch.equal(reached, mask)


def has_disjoint_groups(subject: Subject) -> bool:
    """Whether each parameter stands in exactly one group."""
    body = subject.body()
    named = [name for names in body.parameter_groups().values() for name in names]
    return sorted(named) == sorted(name for name, _ in body.named_parameters())


def trains_every_tensor(subject: Subject) -> bool:
    """Whether under ``full`` each trainable parameter gets a finite gradient; what is unused is frozen."""
    arm = subject.arm(train="full")
    _loss(arm).backward()
    gradients = [arm.model.get_parameter(name).grad for name in arm.partition.trained_names]
    return all(gradient is not None and bool(gradient.isfinite().all()) for gradient in gradients)


def keeps_its_digests(subject: Subject) -> bool:
    """Whether after a step under ``fpt`` the frozen tensors are those from before and prove it.

    And whether the source digest is the same for a body that is built again and for one of other length.
    """
    arm = subject.arm(train="fpt")
    proof = FrozenProof(arm)
    before = digest(_frozen(arm))
    optimizer = torch.optim.SGD([p for p in arm.model.parameters() if p.requires_grad], lr=0.1)
    _loss(arm).backward()
    optimizer.step()
    proof.verify()
    again = subject.arm(options={"length": LENGTH // 2 - 1}).model.backbone.source_digest
    return digest(_frozen(arm)) == before and again == arm.model.backbone.source_digest


def _frozen(arm: fpt.Arm) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in arm.model.named_parameters() if not p.requires_grad}


def _loss(arm: fpt.Arm) -> torch.Tensor:
    tokens = torch.tensor([[0, 1] * 5, [1, 1, 0, 0, 0] * 2])
    arm.model.train()
    return arm.outputs(fpt.Batch(tokens, torch.ones(2, LENGTH, dtype=torch.bool))).sin().sum()


FACTS: Mapping[str, Callable[[Subject], bool]] = {
    "forward equals it to 1e-5": agrees_with_its_library,
    "padded equals unpadded": ignores_padding,
    "gradient reaches the input": passes_gradients,
    "groups sum": has_disjoint_groups,
    "every trainable tensor gets a gradient": trains_every_tensor,
    "digests kept": keeps_its_digests,
}
"""The columns."""


def table() -> str:
    """One row per kind of body, one column per fact; a cell says where one does not hold."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    header = ["body", "compared with", *FACTS]
    with tempfile.TemporaryDirectory() as folder:
        rows = [_row(subject) for subject in every_subject(Path(folder))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


def _row(subject: Subject) -> list[str]:
    cells = ["yes" if fact(subject) else "**no**" for fact in FACTS.values()]
    return [f"`{subject.name}`", subject.compared_with, *cells]
