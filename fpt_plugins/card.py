"""The card that travels with an exported adapter: what it is, how good, and how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpt_plugins.adapter_files import DESCRIPTION, WEIGHTS, adapter_folder, read_description, read_weights
from fpt_plugins.backbones.inits import RUN_PREFIX
from fpt_plugins.errors import FptError
from fpt_plugins.record import RECORD, Evaluation, RunRecord, read_record, record_folder
from fpt_plugins.storage import write_folder


def export(place: Path, destination: Path) -> None:
    """Writes the adapter alone, its record, and a card to read.

    Args:
        place: A run's or an adapter's folder.
        destination: A folder that does not exist yet.

    Raises:
        FptError: ``destination`` exists, or there is no adapter in ``place``.
        IntegrityError: The adapter is damaged.
    """
    if destination.exists():
        raise FptError(f"{destination} is there already", "give the name of a new folder")
    source, description, record = (
        adapter_folder(place),
        read_description(place),
        read_record(record_folder(place)),
    )
    write_folder(
        destination,
        {
            WEIGHTS: read_weights(source, description, most=record.adapter_bytes),
            DESCRIPTION: (source / DESCRIPTION).read_bytes(),
            RECORD: record.to_bytes(),
            "README.md": card(description, record, destination.name).encode(),
        },
    )


def card(description: Mapping[str, Any], record: RunRecord, name: str) -> str:
    """The card as Markdown."""
    configuration, backbone = description["configuration"], description["backbone"]
    options = ", ".join(f"{key}={value}" for key, value in configuration["options"].items())
    plugins = ", ".join(f"{p['distribution']} {p['version']}" for p in description["plugins"].values())
    trained = ", ".join(
        f"{group} ({count.trained_parameters:,})"
        for group, count in record.parameters.items()
        if count.trained
    )
    task = f"`{configuration['task']}`" + (f" with {options}" if options else "")
    frozen = ", ".join(
        f"{group} ({count.parameters - count.trained_parameters:,})"
        for group, count in record.parameters.items()
        if count.parameters > count.trained_parameters
    )
    stops = "".join(
        f"| not bitwise what a run without a stop would be | {reason} |\n" for reason in record.not_bitwise
    )
    return f"""# {name}

An adapter of {record.adapter_bytes / 1000:.0f} KB for {task}
on the body `{backbone["name"]}` ({configuration["init"]}), of which this folder holds what was trained alone;
made with fpt-plugins {description["fpt_plugins"]} and {plugins}.

| | |
|---|---|
| trained | {trained} parameters |
| steps | {record.best_step} of {record.steps}, chosen on validation data |
{stops}| frozen | {frozen or "nothing"} |
| body | {body(backbone, configuration)} |
| source digest of the body | `{record.source_digest}` |
| digest of what was frozen, the same before and after | `{record.held_digest_before}` |
| SHA-256 of `{WEIGHTS}` | `{description["weights_sha256"]}` |

## Scores

{scores(record.evaluations)}
## Load

```python
import fpt_plugins as fpt

arm = fpt.load("{name}")
answers = arm.predict(samples)
```

or `fpt predict {name} FILE`. Either makes the body anew, and refuses one whose digest is another.
"""


def body(backbone: Mapping[str, Any], configuration: Mapping[str, Any]) -> str:
    """Where the body of an adapter comes from, and how it is made again.

    Args:
        backbone: What the adapter's description says of it.
        configuration: The settings of the run.

    Example:
        >>> body({"source": "-"}, {"init": "random", "init_seed": 3})
        'drawn with --init random --init-seed 3: there are no weights to get'
    """
    drawn = f"--init {configuration['init']} --init-seed {configuration['init_seed']}"
    if configuration["init"].startswith(RUN_PREFIX):
        return f"what a run ended with, whose folder must be there: --init {configuration['init']}"
    if configuration["init"] == "random" or backbone["source"] == "-":
        return f"drawn with {drawn}: there are no weights to get"
    revision = f" at {backbone['revision']}" if backbone["revision"] else ""
    source = f"{backbone['source']}{revision}, license: {backbone['license'] or 'none stated'}"
    return source if configuration["init"] == "pretrained" else f"made with {drawn} from {source}"


def scores(evaluations: Mapping[str, Evaluation]) -> str:
    """Each split's scores beside its floors, as a Markdown table."""
    lines = ["| split | metric | score | floors | samples | reads |", "|---|---|---|---|---|---|"]
    for split, evaluation in evaluations.items():
        for metric, value in evaluation.metrics.items():
            floors = "; ".join(f"{f.name} {f.value:.4f}" for f in evaluation.floors if f.metric == metric)
            counts = f"{evaluation.samples} | {evaluation.reads}"
            lines.append(f"| {split} | {metric} | {value:.4f} | {floors or '-'} | {counts} |")
    return "\n".join(lines) + "\n"
