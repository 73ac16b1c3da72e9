"""What a careful user writes without us: transformers' own body, frozen but for norms and positions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import fpt_plugins as fpt

CONFIGURATIONS: dict[str, tuple[str, dict[str, int]]] = {
    "gpt2": ("GPT2", {}),
    "gpt2-medium": ("GPT2", {"n_embd": 1024, "n_layer": 24, "n_head": 16}),
    "gpt2-mini": ("GPT2", {"n_embd": 256, "n_layer": 4, "n_head": 4}),
    "minilm": (
        "Bert",
        {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    ),
}
"""Each body's family in transformers, and what differs from its defaults."""

DROPOUTS = {
    "GPT2": ("embd_pdrop", "resid_pdrop", "attn_pdrop"),
    "Bert": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
}

NORMS = {"GPT2": ["ln_1", "ln_2", "ln_f"], "Bert": ["LayerNorm"]}
POSITIONS = {"GPT2": "wpe", "Bert": "position_embeddings"}


class PlainModel(nn.Module):
    """Input layer, transformers' body, and a linear head on the positions that the task reads.

    Args:
        task: Says what goes in, what is read and what comes out.
        backbone: One of :data:`CONFIGURATIONS`.
        dropout: Inside the body.
    """

    def __init__(self, task: Any, backbone: str, dropout: float) -> None:
        import transformers

        super().__init__()
        family, shape = CONFIGURATIONS[backbone]
        drops = dict.fromkeys(DROPOUTS[family], dropout)
        configuration = getattr(transformers, f"{family}Config")(**shape, **drops)
        configuration.use_cache = False
        arguments = {"add_pooling_layer": False} if family == "Bert" else {}
        self.body = getattr(transformers, f"{family}Model")(configuration, **arguments)
        width = configuration.hidden_size
        ids = isinstance(task.sequence, fpt.TokenIds)
        self.input = nn.Embedding(task.sequence.size, width) if ids else nn.Linear(task.sequence.width, width)
        self.read = task.readout.positions
        self.head = nn.Linear(width, task.target.size // self.read)
        self.target = task.target

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens ``[B, T]`` or ``[B, T, width]``, none of them padding, to the target's outputs."""
        hidden_states = self.body(inputs_embeds=self.input(tokens)).last_hidden_state
        outputs: Tensor = self.target.shape(self.head(hidden_states[:, -self.read :]).flatten(1))
        return outputs

    def freeze(self) -> None:
        """All of the body but its norms and its positions."""
        self.body.requires_grad_(requires_grad=False)
        for name, module in self.body.named_modules():
            if isinstance(module, nn.LayerNorm) or name.endswith(tuple(POSITIONS.values())):
                module.requires_grad_()


def with_peft(model: PlainModel, backbone: str) -> nn.Module:
    """Layer norms tuned by peft; the rest of what trains is saved whole, as its documentation says."""
    from peft import LNTuningConfig, get_peft_model

    family, _ = CONFIGURATIONS[backbone]
    saved = ["input", "head", POSITIONS[family]]
    tuned: nn.Module = get_peft_model(
        model, LNTuningConfig(target_modules=NORMS[family], modules_to_save=saved)
    )
    return tuned


def trained(model: nn.Module) -> list[Tensor]:
    """The parameters that train."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def autocast(*, bf16: bool) -> torch.autocast:
    """As a careful user writes it: bf16 in the forward pass, or not at all."""
    return torch.autocast("cpu", torch.bfloat16, enabled=bf16)
