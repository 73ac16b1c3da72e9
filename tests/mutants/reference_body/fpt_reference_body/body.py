"""Two blocks, drawn tensor by tensor."""

import hashlib

import torch
from torch import nn

from fpt_plugins import ConfigurationError

WIDTH, ROWS, LAYERS = 16, 64, 2


class Attention(nn.Module):
    """One head of attention."""

    def __init__(self):
        super().__init__()
        self.query, self.key = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.value, self.output = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, hidden_states, attention_mask):
        """From ``[B, T, D]`` to the same, each position looking back at real ones."""
        length = hidden_states.shape[1]
        scores = self.query(hidden_states) @ self.key(hidden_states).transpose(1, 2) / WIDTH**0.5
        hidden = ~attention_mask.bool()[:, None, :]
        hidden = hidden | torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(-1)
        return self.output(weights @ self.value(hidden_states))


class Block(nn.Module):
    """Attention and a feed-forward layer, each behind a norm."""

    def __init__(self, dropout):
        super().__init__()
        self.first_norm, self.attention = nn.LayerNorm(WIDTH), Attention()
        self.second_norm = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 32), nn.GELU(), nn.Linear(32, WIDTH))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden_states, attention_mask):
        """Hidden states ``[B, T, D]`` to the same."""
        attended = self.attention(self.first_norm(hidden_states), attention_mask)
        hidden_states = hidden_states + self.dropout(attended)
        return hidden_states + self.dropout(self.mlp(self.second_norm(hidden_states)))


class Body(nn.Module):
    """Positions, two blocks, a norm."""

    def __init__(self, length, dropout):
        super().__init__()
        self.embed_dim, self.max_length, self.causal, self.source_digest = WIDTH, length, True, ""
        self.positions = nn.Embedding(length, WIDTH)
        self.layers = nn.ModuleList(Block(dropout) for _ in range(LAYERS))
        self.last_norm = nn.LayerNorm(WIDTH)

    def parameter_groups(self):
        """By the modules that hold them."""
        names = [name for name, _ in self.named_parameters()]
        return {
            "position": [name for name in names if name.startswith("positions.")],
            "layer_norm": [name for name in names if "_norm." in name],
            "attention": [name for name in names if ".attention." in name],
            "mlp": [name for name in names if ".mlp." in name],
        }

    def blocks(self):
        """The parameters of each block, from the input up."""
        return [
            [f"layers.{n}.{name}" for name, _ in block.named_parameters()]
            for n, block in enumerate(self.layers)
        ]

    def forward(self, inputs_embeds, attention_mask):
        """Embeddings ``[B, T, D]`` and mask ``[B, T]`` to hidden states ``[B, T, D]``."""
        length = inputs_embeds.shape[1]
        if length > self.max_length:
            raise ConfigurationError(f"{length} tokens do not fit {self.max_length} positions")
        hidden_states = inputs_embeds + self.positions.weight[:length]
        for layer in self.layers:
            hidden_states = layer(hidden_states, attention_mask)
        return self.last_norm(hidden_states)


def drawn(request):
    """A body whose tensors depend on the seed and on their names alone."""
    with torch.device("meta"):
        body = Body(request.length, request.dropout)
    tensors = {name: draw(name, p.shape, request.init_seed) for name, p in body.named_parameters()}
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    body.source_digest = digest.hexdigest()
    tensors["positions.weight"] = tensors["positions.weight"][: request.length].clone()
    body.load_state_dict(tensors, assign=True)
    return body.requires_grad_()


def draw(name, shape, seed):
    """One tensor; the table of positions whole, whatever part of it is used."""
    generator = torch.Generator().manual_seed(
        int(hashlib.sha256(f"{seed} {name}".encode()).hexdigest()[:15], 16)
    )
    if name == "positions.weight":
        shape = (ROWS, WIDTH)
    return torch.randn(tuple(shape), generator=generator) * 0.2 + float("norm.weight" in name)
