"""L4, shares and serves: adapters that load elsewhere, answers that repeat, nothing that piles up."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpt_plugins.task import SPLITS
from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.probes import first_samples
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

ANSWERS = 4
READS = 50
OPEN_FILES = Path("/proc/self/fd")


def check_save_and_load(plugin: Subject) -> None:
    """An adapter gives the same answers in a fresh process, and holds the trained tensors alone."""
    folders = {task.name: _trained(plugin, task) for task in plugin.tasks}
    here = {name: _answers(plugin, name, folder) for name, folder in folders.items()}
    places = [str(folder) for folder in folders.values()]
    there = ask("answers_of_adapters", places, str(plugin.data_root), ANSWERS, seconds=50.0)
    for (name, expected), found in zip(here.items(), there, strict=True):
        if json.loads(json.dumps(expected)) != found:
            raise ContractBroken(
                f"{name}: its adapter answers otherwise in a fresh process",
                "what the outputs depend on must be a parameter, or be made from the seed alone",
            )


def _trained(plugin: Subject, task: Task) -> Path:
    import fpt_plugins

    folder = plugin.folder / f"{task.name.replace('/', '-')}-saved"
    fpt_plugins.train(task.name, out=folder, steps=2, batch_size=4, **plugin.settings(task))
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
    """Answers are plain JSON and are the same when asked again: no dropout, nothing remembered."""
    for task in plugin.tasks:
        arm, samples = plugin.arm(task, dropout=0.5), first_samples(task, ANSWERS)
        declared = plugin.declaration(task.name).sample
        if declared is not None:
            samples.append(task.parse(declared))
        first, again = (json.dumps(arm.predict(samples), allow_nan=False) for _ in range(2))
        if first != again:
            raise ContractBroken(
                f"{task.name} answers otherwise when it is asked again", "dropout only where self.training"
            )


def check_no_assertions(plugin: Subject) -> None:
    """No ``assert`` in its code: python -O drops it, and its error names nothing."""
    for path in plugin.sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert):
                raise ContractBroken(
                    f"{path.name}, line {node.lineno}: an assert", "raise InputError, with what was found"
                )


def check_open_files(plugin: Subject) -> None:
    """Fifty reads of each split leave no more files open than one did."""
    if not OPEN_FILES.is_dir():
        raise NotApplicable("this system does not list a process's open files")
    for task in plugin.tasks:
        for split in SPLITS:
            dataset: Any = task.split(split)
            _ = dataset[0]
            before = len(list(OPEN_FILES.iterdir()))
            for read in range(READS):
                _ = dataset[read % len(dataset)]
            left = len(list(OPEN_FILES.iterdir())) - before
            if left > 0:
                raise ContractBroken(
                    f"{task.name} {split}: {READS} reads leave {left} files open", "close them"
                )
