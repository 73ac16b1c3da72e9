"""What each setting of a run takes, in words: the remedy where a value is refused."""

from __future__ import annotations

from collections.abc import Iterable

_COUNT = "a whole number from 1"
_FROM_ZERO = "a whole number from 0"

ACCEPTED = {
    "task": "a name of `fpt tasks`",
    "options": "plain values by name, as `fpt tasks TASK` lists them: length=20",
    "backbone": "a name of `fpt backbones`",
    "backbone_options": "plain values by name: layers=2",
    "init": "a word that `fpt backbones` lists: pretrained, random",
    "train": "a policy or groups of parameters: fpt, head, input,layer_norm",
    "policy_options": "plain values by name: rank=8",
    "steps": _COUNT,
    "batch_size": _COUNT,
    "batching": "length or shuffle",
    "lr": "a number above 0: 1e-3",
    "group_lr": "numbers above 0 by group of parameters: head=1e-2",
    "dropout": "a number from 0 to less than 1: 0.1",
    "data_fraction": "a number above 0, at most 1: 0.1",
    "cache_features": "true or false",
    "micro_batch_size": _COUNT,
    "gradient_checkpointing": "true or false",
    "clip": "a number above 0: 1.0",
    "evaluate_every": _COUNT,
    "align": "moments or mmd",
    "align_steps": _FROM_ZERO,
    "seed": _FROM_ZERO,
    "init_seed": _FROM_ZERO,
    "precision": "auto, bf16 or fp32",
    "device": "auto, cpu, cuda, or one of several: cuda:1",
    "workers": _FROM_ZERO,
    "compile": "auto, on or off",
    "fast": "parts of the fast path: dropout, gelu, last-block, packed",
    "quantize": "none or int8",
    "wrappers": "names of plugins",
    "data": "a folder",
}
"""By the fields of :class:`fpt_plugins.Configuration`."""


def accepted(names: Iterable[str]) -> str:
    """What settings take, as a remedy.

    Args:
        names: Fields of a configuration.

    Example:
        >>> accepted(["lr", "batch_size"])
        'lr takes a number above 0: 1e-3; batch-size takes a whole number from 1'
    """
    return "; ".join(f"{name.replace('_', '-')} takes {ACCEPTED[name]}" for name in names)
