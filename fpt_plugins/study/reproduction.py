"""The command line that trains one cell."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

FLAGS = {
    "backbone": "--backbone",
    "init": "--init",
    "train": "--train",
    "steps": "--steps",
    "batch_size": "--batch-size",
    "batching": "--batching",
    "lr": "--lr",
    "dropout": "--dropout",
    "evaluate_every": "--evaluate-every",
    "align": "--align",
    "align_steps": "--align-steps",
    "seed": "--seed",
    "init_seed": "--init-seed",
    "precision": "--precision",
}
"""Settings that have a flag of their own."""

TABLES = {
    "options": "--option",
    "backbone_options": "--backbone-option",
    "policy_options": "--policy-option",
    "group_lr": "--group-lr",
}
"""Settings that are tables, and the flag of one entry."""

APART = {"task", "wrappers", "cache_features", "device", "workers"}


def command_of(configuration: Mapping[str, Any]) -> str:
    """The command line of a run.

    Args:
        configuration: Every setting, resolved, as plain values.

    Example:
        >>> command_of({"task": "bits/xor", "lr": 0.001, "options": {"length": 5}, "clip": 1.0})
        'fpt train bits/xor --lr 0.001 --option length=5 --set clip=1.0'
    """
    return shlex.join(["fpt", "train", str(configuration["task"]), *_words(configuration)])


def _words(configuration: Mapping[str, Any]) -> Iterator[str]:
    for name, value in configuration.items():
        if value is None:
            continue
        if name in FLAGS:
            yield from (FLAGS[name], str(value))
        elif name in TABLES:
            yield from _assignments(TABLES[name], value)
        elif name not in APART:
            yield from _assignments("--set", {name: value})
    if configuration.get("wrappers"):
        yield from ("--with", *map(str, configuration["wrappers"]))
    if configuration.get("cache_features") is not None:
        yield "--cache-features" if configuration["cache_features"] else "--no-cache-features"


def _assignments(flag: str, values: Mapping[str, Any]) -> Iterator[str]:
    words = [f"{name}={_word(value)}" for name, value in values.items() if value not in (None, "", [])]
    if words:
        yield from (flag, *words)


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
