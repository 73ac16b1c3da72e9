"""LoRA through the peft library: a product of two thin matrices beside each matrix of attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from attrs.validators import ge, gt

from fpt_plugins.additions.addition import Addition
from fpt_plugins.backbone import Group
from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from fpt_plugins.additions.extended_backbone import ExtendedBackbone


@attrs.frozen(kw_only=True)
class LoRA(Addition):
    """``W + alpha / rank * B A`` in place of every matrix ``W`` of attention (Hu et al., 2022).

    ``B`` begins at zero: before the first step the body computes what it did.

    Args:
        rank: Rows of ``A`` and columns of ``B``.
        alpha: Over ``rank``, the scale of the product.

    Example:
        >>> LoRA(rank=4).alpha
        8.0
    """

    group: ClassVar[Group] = "lora"

    rank: int = attrs.field(default=8, validator=ge(1), metadata={"help": "of the two matrices' product"})
    alpha: float = attrs.field(default=8.0, validator=gt(0.0), metadata={"help": "over rank: its scale"})

    def add_to(self, extended: ExtendedBackbone) -> None:
        """Has peft put its layer around each linear layer of the body's attention."""
        from peft import LoraConfig, inject_adapter_in_model
        from transformers.pytorch_utils import Conv1D

        targets = attention_layers(extended.body)
        if not targets:
            raise ConfigurationError(
                f"--train lora: the body {type(extended.body).__name__} has no linear layers of attention",
                "take a transformer of `fpt backbones`, or train groups of this body: --train fpt",
            )
        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            target_modules=list(targets),
            fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in targets.values()),
        )
        inject_adapter_in_model(config, extended.body)


def attention_layers(body: Any) -> dict[str, Any]:
    """The linear layers whose parameters the body declares as attention, by name.

    Not those of ``torch.nn.MultiheadAttention``, which reads their weights without calling them: there
    peft writes the product into the frozen weights and takes it out again, which rounds them.
    """
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    attention = {id(body.get_parameter(name)) for name in body.parameter_groups().get("attention", ())}
    return {
        name: module
        for name, module in body.named_modules()
        if type(module) in {nn.Linear, Conv1D} and id(module.weight) in attention
    }
