"""L3, trains: a sample's answer is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fpt_plugins.testing.result import ContractBroken

if TYPE_CHECKING:
    from torch import Tensor

    from fpt_plugins.arm import Arm
    from fpt_plugins.testing.subject import Subject

TOLERANCE = 1e-4
"""Between two sums of the same fp32 numbers in another order, on one block."""


def check_batches(plugin: Subject) -> None:
    """An answer does not depend on what else is in the batch, nor on the order, nor on padding."""
    import torch

    for task in plugin.tasks:
        arm, dataset = plugin.arm(task), task.split("validation")
        arm.model.eval()
        samples = [dataset[index][0] for index in range(min(6, len(dataset)))]  # type: ignore[arg-type] # contract
        with torch.inference_mode():
            together = outputs_of(arm, samples)
            reversed_order = outputs_of(arm, samples[::-1])[::-1]
            alone = [outputs_of(arm, [sample])[0] for sample in samples]
            padded = outputs_of(arm, samples, padding=1)
        others = {"alone": alone, "in another order": reversed_order, "with other padding": padded}
        for what, found in others.items():
            for one, other in zip(together, found, strict=True):
                if one.shape != other.shape or (one - other).abs().max() > TOLERANCE:
                    raise ContractBroken(
                        f"{task.name}: a sample is answered otherwise {what} than in its batch",
                        "tokenize each sample by itself",
                    )


def outputs_of(arm: Arm, samples: list[Any], padding: int = 0) -> list[Tensor]:
    """The outputs for each sample of a batch, ``[...]`` or ``[T, ...]``, padding left out."""
    from fpt_plugins.data import collate, tokenize

    batch = collate(arm.task, tokenize(arm.plugins, arm.task, samples))
    batch.tokens[~batch.attention_mask] = padding
    outputs = arm.outputs(batch)
    if arm.task.readout.positions is not None:
        return list(outputs)
    lengths = batch.attention_mask.sum(1).tolist()
    return [row[:length] for row, length in zip(outputs, lengths, strict=True)]
