"""From a finished run to its card in the registry: facts of its record and its adapter, and no others."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fpt_plugins.adapter_files import read_description
from fpt_plugins.backbones.inits import RUN_PREFIX
from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import ConfigurationError, FptError
from fpt_plugins.record import Evaluation, RunRecord, read_record, record_folder
from fpt_plugins.registry import card_text
from fpt_plugins.registry_cards import RunCard
from fpt_plugins.storage import write_file

_RECIPE = (
    *("steps", "batch_size", "lr", "group_lr", "dropout", "clip", "evaluate_every", "cache_features"),
    *("batching", "data_fraction", "align", "align_steps", "seed", "init_seed", "wrappers"),
    *("micro_batch_size", "gradient_checkpointing", "compile", "fast", "quantize"),
)
"""Settings of a card's recipe; with the precision, that the run computed in."""
_FLAGS = (
    *("backbone", "init", "train", "steps", "batch_size", "lr", "dropout", "evaluate_every"),
    *("batching", "align", "align_steps", "seed", "init_seed", "micro_batch_size", "compile"),
)


def record_run(place: Path, out: Path | None = None, *, reads: int = 1) -> str:
    """The card of a run as TOML, written to a file where one is named.

    Args:
        place: A run's folder, or an exported adapter's.
        out: The card's file: ``registry/runs/NAME.toml``. Without it, the card is named after the
            folder.
        reads: How often the test split was read; the record must say the same.

    Raises:
        FptError: The test split was not read, or not ``reads`` times; the run stands on files that
            others do not have; or there is a file in the place of ``out``.
        IntegrityError: The record or the adapter's description is damaged.
    """
    if out is not None and (out.suffix != ".toml" or out.exists()):
        found = "is there already" if out.exists() else "does not end in .toml"
        raise FptError(f"{out} {found}", "give a new file: --out registry/runs/NAME.toml")
    text = card_text(run_card(place, out.stem if out else record_folder(place).resolve().name, reads=reads))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_file(out, text.encode())
    return text


def run_card(place: Path, name: str, *, reads: int = 1) -> RunCard:
    """The card of a run.

    Args:
        place: A run's folder, or an exported adapter's.
        name: Of the card.
        reads: As for :func:`record_run`.

    Raises:
        FptError: As for :func:`record_run`.
        IntegrityError: As for :func:`record_run`.
    """
    record, description = read_record(record_folder(place)), read_description(place)
    test = _test(record, place, reads)
    configuration = Configuration.from_json(record.configuration)
    _refuse_private(configuration)
    facts = {
        "name": name,
        "command": command(configuration, record.machine["precision"], name),
        "task": configuration.task,
        "options": _given(configuration.options),
        "backbone": configuration.backbone,
        "backbone_options": _given(configuration.backbone_options),
        "init": configuration.init,
        "policy": configuration.train,
        "policy_options": _given(configuration.policy_options),
        "recipe": {**_recipe(record.configuration), "precision": record.machine["precision"]},
        "best_step": record.best_step,
        "source_digest": record.source_digest,
        "held_digest": record.held_digest_after,
        "adapter_sha256": description["weights_sha256"],
        "trained": {g: c.trained_parameters for g, c in record.parameters.items() if c.trained_parameters},
        "scores": test.metrics,
        "samples": test.samples,
        "reads": test.reads,
        "floors": test.floors,
        "versions": record.versions,
    }
    try:
        return RunCard(**facts)
    except ValueError as error:
        raise ConfigurationError(f"no card can be made of {place}: {error.args[0]}") from error


def command(configuration: Configuration, precision: str, out: str) -> str:
    """What trains the run again, every setting given.

    Args:
        configuration: Resolved.
        precision: What the run computed in.
        out: The new run's folder.

    Example:
        >>> shlex.split(command(Configuration(task="bits/xor", lr=0.1), "fp32", "a run"))[-4:]
        ['--precision', 'fp32', '--out', 'a run']
    """
    words = ["fpt", "train", configuration.task]
    for name in _FLAGS:
        value = getattr(configuration, name)
        words += [] if value is None else [_flag(name), str(value)]
    words += ["--precision", precision]
    for flag, assigned in (
        ("--option", configuration.options),
        ("--backbone-option", configuration.backbone_options),
        ("--policy-option", configuration.policy_options),
        ("--group-lr", configuration.group_lr),
    ):
        words += _assignments(flag, assigned)
    if configuration.cache_features is not None:
        words.append("--cache-features" if configuration.cache_features else "--no-cache-features")
    words += ["--gradient-checkpointing"] if configuration.gradient_checkpointing else []
    words += ["--quantize", configuration.quantize] if configuration.quantize != "none" else []
    if configuration.data_fraction < 1:
        words += ["--set", f"data_fraction={configuration.data_fraction}"]
    words += ["--fast", *configuration.fast] if configuration.fast else []
    words += ["--with", *configuration.wrappers] if configuration.wrappers else []
    return shlex.join([*words, "--out", out])


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _assignments(flag: str, values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in _given(values).items():
        yield from (flag, f"{name}={_word(value)}")


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """TOML and the command line have no word for an option without a value."""
    return {name: value for name, value in values.items() if value is not None}


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _recipe(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What was set; a record of an older version knows fewer settings."""
    given = {name: settings.get(name) for name in _RECIPE}
    return {name: value for name, value in given.items() if value not in (None, {}, [], ())}


def _test(record: RunRecord, place: Path, reads: int) -> Evaluation:
    test = record.evaluations.get("test")
    if test is None:
        raise FptError(f"the test split of {place} was not read", f"read it, once: fpt evaluate {place}")
    if test.reads != reads:
        often = f"the test split of {place} was read {test.reads} times"
        raise FptError(f"{often}, and --reads says {reads}", f"say so on the card: --reads {test.reads}")
    return test


def _refuse_private(configuration: Configuration) -> None:
    """A card is for what others can have: no folder of this machine stands on it."""
    given = {"--backbone": configuration.backbone, "--init": configuration.init or ""}
    given |= {f"--option {name}": value for name, value in configuration.options.items()}
    for flag, value in given.items():
        words = str(value)
        unpinned = words.startswith(("hf:", "timm:")) and "@" not in words
        if words.startswith(("/", "~", RUN_PREFIX)) or unpinned:
            raise FptError(
                f"{flag} {words} is a place of this machine, or is not pinned to a revision",
                "a card is for runs that others can repeat: name data and weights that are published",
            )
