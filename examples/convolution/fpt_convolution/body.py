"""The module that the spec builds. B samples, T positions, D the width."""

import torch
from torch import nn

import fpt_plugins as fpt


class Convolution(nn.Module):
    """Each position sees itself and the few before it, through weights that stay as they were drawn."""

    causal = True

    def __init__(self, request):
        super().__init__()
        options = request.options
        self.embed_dim, self.max_length, self.reach = options.width, request.length, options.reach
        with torch.random.fork_rng(devices=[]):  # drawn from the run's seed, and nobody else's numbers move
            torch.manual_seed(request.init_seed)
            self.layers = nn.ModuleList(
                nn.Conv1d(options.width, options.width, options.reach) for _ in range(options.layers)
            )
        self.norms = nn.ModuleList(nn.LayerNorm(options.width) for _ in range(options.layers))
        self.dropout = nn.Dropout(request.dropout)
        self.source_digest = fpt.source_digest(self.state_dict())

    def parameter_groups(self):
        """Every parameter once; the mixing of positions is what attention does elsewhere."""
        names = [name for name, _ in self.named_parameters()]
        return {
            "attention": [name for name in names if name.startswith("layers.")],
            "layer_norm": [name for name in names if name.startswith("norms.")],
        }

    def forward(self, inputs_embeds, attention_mask):
        """Embeddings [B, T, D] and mask [B, T] to hidden states [B, T, D]."""
        if inputs_embeds.shape[1] > self.max_length:
            raise fpt.ConfigurationError(f"more than the {self.max_length} tokens that were asked for")
        hidden_states = inputs_embeds * attention_mask.unsqueeze(-1)  # padding is silent
        for layer, norm in zip(self.layers, self.norms, strict=True):
            # [B, T, D] as Conv1d has it, [B, D, T], with silence before the first position
            before = nn.functional.pad(hidden_states.transpose(1, 2), (self.reach - 1, 0))
            mixed = nn.functional.gelu(layer(before)).transpose(1, 2)  # [B, T, D]
            hidden_states = norm(hidden_states + self.dropout(mixed))
        return hidden_states
