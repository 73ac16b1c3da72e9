"""What comes before the body and after it."""

from torch import nn


class Embedding(nn.Module):
    """A row for each symbol."""

    def __init__(self, symbols, embed_dim):
        super().__init__()
        self.table = nn.Embedding(symbols, embed_dim)

    def forward(self, tokens):
        """Ids ``[B, T]`` to ``[B, T, D]``."""
        return self.table(tokens)


class Head(nn.Module):
    """One linear layer."""

    def __init__(self, embed_dim, size):
        super().__init__()
        self.linear = nn.Linear(embed_dim, size)

    def forward(self, hidden_states):
        """Hidden states ``[B, T, D]`` to outputs ``[B, T, size]``."""
        return self.linear(hidden_states)
