"""L4, shares and serves: adapters that load elsewhere, answers that repeat, errors that name their plugin."""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpt_plugins.errors import ConfigurationError, FptError
from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.learning_probes import first_samples
from fpt_plugins.testing.probes import item_digest
from fpt_plugins.testing.result import ContractBroken

if TYPE_CHECKING:
    from fpt_plugins.arm import Arm
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

ANSWERS = 4
THREADS = 8


def check_save_and_load(plugin: Subject) -> None:
    """An adapter gives the same answers in a fresh process, and holds the trained tensors alone."""
    folders = {task.name: trained(plugin, task) for task in plugin.tasks}
    here = {name: _answers(plugin, name, folder) for name, folder in folders.items()}
    places = [str(folder) for folder in folders.values()]
    words = (places, str(plugin.data_root), ANSWERS)
    there = ask("learning_probes.answers_of_adapters", *words, seconds=150.0)
    for (name, expected), found in zip(here.items(), there, strict=True):
        if json.loads(json.dumps(expected)) != found:
            raise ContractBroken(
                f"{name}: its adapter answers otherwise in a fresh process",
                "what the outputs depend on must be a parameter, or be made from the seed alone",
            )


def trained(plugin: Subject, task: Task) -> Path:
    """The folder of a run of two steps on the tiny body; made once."""
    import fpt_plugins

    folder = plugin.folder / f"{task.name.replace('/', '-')}-saved"
    if not folder.exists():
        fpt_plugins.train(plugin.address(task), out=folder, steps=2, batch_size=4, **plugin.settings(task))
    return folder


def _answers(plugin: Subject, name: str, folder: Path) -> list[dict[str, Any]]:
    import safetensors.torch

    import fpt_plugins

    arm = fpt_plugins.load(folder, device="cpu", precision="fp32", data=plugin.data_root)
    saved = safetensors.torch.load_file(folder / "adapter" / "adapter.safetensors")
    if set(saved) != set(arm.partition.trained_names):
        raise ContractBroken(f"{name}: its adapter holds other tensors than those that train")
    return arm.predict(first_samples(arm.task, ANSWERS))


def check_answers(plugin: Subject) -> None:
    """Answers are JSON, the same when asked again and by eight threads, and what is declared lossless is."""
    for task in plugin.tasks:
        arm, samples = plugin.arm(task, dropout=0.5), first_samples(task, ANSWERS)
        declaration = plugin.declaration(task.name)
        if declaration.sample is not None:
            samples.append(task.parse(declaration.sample))
        _check_repeated(task, arm, samples)
        if declaration.decode:
            _check_lossless(plugin, task, samples, _function(plugin, declaration.decode))


def _check_repeated(task: Task, arm: Arm, samples: list[Any]) -> None:
    before = item_digest(samples) if len({str(type(s)) for s in samples}) == 1 else repr(samples)
    first, again = (json.dumps(arm.predict(samples), allow_nan=False) for _ in range(2))
    if first != again:
        raise ContractBroken(
            f"{task.name} answers otherwise when it is asked again", "dropout only where self.training"
        )
    after = item_digest(samples) if len({str(type(s)) for s in samples}) == 1 else repr(samples)
    if before != after:
        raise ContractBroken(f"{task.name} writes into the samples that it is asked about", "copy them")
    arm.model.eval()  # as a server holds it: threads may not switch it
    with ThreadPoolExecutor(THREADS) as threads:
        asked = [threads.submit(_separately, arm, samples, turn) for turn in range(THREADS)]
        found = [each.result() for each in asked]
    if any(answers != _separately(arm, samples, 0) for answers in found):
        raise ContractBroken(
            f"{task.name} answers otherwise in one of {THREADS} threads", "keep nothing between two calls"
        )


def _separately(arm: Arm, samples: list[Any], turn: int) -> list[str]:
    """The answer to each sample alone, asked in an order of this turn's own."""
    places = [(turn + place) % len(samples) for place in range(len(samples))]
    answers = {place: json.dumps(arm.predict([samples[place]])) for place in places}
    return [answers[place] for place in range(len(samples))]


def _function(plugin: Subject, declared: str) -> Callable[[Any], Any]:
    module, _, name = declared.partition(":")
    package = plugin.package.name if plugin.package else ""
    if module.partition(".")[0] != package:
        raise ConfigurationError(f"decode = {declared!r} names no function of the package {package}")
    found: Callable[[Any], Any] = getattr(importlib.import_module(module), name)
    return found


def _check_lossless(plugin: Subject, task: Task, samples: list[Any], decode: Callable[[Any], Any]) -> None:
    from fpt_plugins.data import tokenize

    for sample, tokens in zip(samples, tokenize(plugin.plugins(task), task, samples), strict=True):
        if item_digest([decode(tokens)]) != item_digest([sample]):
            raise ContractBroken(
                f"{task.name}: decoding the tokens of {sample!r:.40} gives {decode(tokens)!r:.40}",
                "where something is lost on purpose, declare no decode",
            )


def check_errors_are_attributed(plugin: Subject) -> None:
    """No ``assert`` in its code, and what it fails on, missing data too, is an error of ours."""
    for path in plugin.sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert):
                raise ContractBroken(
                    f"{path.name}, line {node.lineno}: an assert", "raise InputError, with what was found"
                )
    for task_name, outcome in ask("probes.outcomes_without_data", plugin.name).items():
        if outcome:
            raise ContractBroken(
                f"{task_name} without its data and without a network: {outcome}",
                "raise InputError, with the file that is missing and where to get it",
            )
    for task in plugin.tasks:
        _check_failure(plugin, task)


def _check_failure(plugin: Subject, task: Task) -> None:
    """What is no sample at all is refused by an error of ours; a failure names the plugin."""
    from fpt_plugins.data import tokenize

    for value in (object(), [object()]):
        try:
            tokenize(plugin.plugins(task), task, [value])
        except FptError:
            continue
        raise ContractBroken(f"{task.name} makes tokens of {value!r:.40}", "raise InputError")
