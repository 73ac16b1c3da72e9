"""The core's own plugin: the input embedding and the output head of a task that brings none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fpt_plugins.errors import ConfigurationError
from fpt_plugins.hookspecs import hookimpl
from fpt_plugins.sequence import TokenIds

if TYPE_CHECKING:
    from torch.nn import Module

    from fpt_plugins.task import Task

ORTHOGONAL_GAIN = 1.41
"""Of the linear input map, as in the reference code (kzl/universal-computation, fpt.py)."""


@hookimpl
def fpt_input_embedding(task: Task, embed_dim: int) -> Module:
    """A table drawn from N(0, 1) for ids; an orthogonal linear map with zero bias for vectors."""
    from torch import nn

    if isinstance(task.sequence, TokenIds):
        return nn.Embedding(task.sequence.size, embed_dim)
    linear = nn.Linear(task.sequence.width, embed_dim)
    nn.init.orthogonal_(linear.weight, gain=ORTHOGONAL_GAIN)
    nn.init.zeros_(linear.bias)
    return linear


@hookimpl
def fpt_output_head(task: Task, embed_dim: int) -> Module:
    """One linear layer; several positions share it, and their outputs are joined in order."""
    from torch import nn

    positions = task.readout.positions
    if positions is None:
        return nn.Linear(embed_dim, task.target.size)
    if task.target.size % positions:
        raise ConfigurationError(
            f"{task.name} reads {positions} positions, which cannot share {task.target.size} outputs evenly",
            "give the task a head of its own: fpt_output_head",
        )
    return nn.Sequential(nn.Linear(embed_dim, task.target.size // positions), nn.Flatten())
