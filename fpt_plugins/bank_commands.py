"""The parts of the command that serve many adapters at once. Imports torch when one is used."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from fpt_plugins.errors import ConfigurationError


def predict_many(
    *adapters: Annotated[
        str, Parameter(help="Runs or adapters over one body: FOLDER, or NAME=FOLDER to call it NAME.")
    ],
    backbone: Annotated[
        str | None, Parameter(help="Where the body is now, if not where it was: hf:FOLDER.")
    ] = None,
    device: Annotated[str, Parameter(help="auto, cpu, cuda, cuda:1")] = "auto",
) -> None:
    """Answer JSON lines {"adapter": NAME, "sample": SAMPLE} by many adapters in one pass, in order."""
    from fpt_plugins import load_many
    from fpt_plugins.bank_loading import named_places
    from fpt_plugins.prediction import predict, read_addressed_lines

    bank = load_many(named_places(adapters), backbone=backbone, device=device)
    for answer in predict(bank, read_addressed_lines(bank.tasks, sys.stdin, "standard input")):
        print(json.dumps(answer), flush=True)


def asks_for_many(settings: Mapping[str, Any], seeds: int | None) -> bool:
    """Whether the settings of ``fpt train`` are those of several runs."""
    return seeds is not None or isinstance(settings.get("lr"), list)


def holds_many(out: str | Path | None) -> bool:
    """Whether a folder is that of several runs."""
    from fpt_plugins.sweep import is_sweep

    return out is not None and is_sweep(Path(out))


def train_many(
    task: str, out: str | Path | None, *, seeds: int | None, resume: bool, settings: dict[str, Any]
) -> None:
    """The runs of ``fpt train`` with several rates or seeds, those over one body together."""
    from rich.console import Console

    from fpt_plugins import sweep_display
    from fpt_plugins.configuration import Configuration
    from fpt_plugins.sweep import Sweep, arms_of

    if out is None:
        raise ConfigurationError("several runs need a folder for theirs", "add --out FOLDER")
    rates, first = settings.pop("lr", None), Configuration.of(task, seed=settings.pop("seed", 0)).seed
    arms = arms_of(task, rates, range(first, first + (seeds or 1)), settings)
    sweep = Sweep.resumed(out, arms, settings) if resume else Sweep.new(out, arms, settings)
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    sweep_display.train(sweep, console)
