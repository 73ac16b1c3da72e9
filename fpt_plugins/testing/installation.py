"""L1, safe to install: what its metadata say, and what its import and its options do."""

from __future__ import annotations

import importlib.metadata
import json
import pickle
from typing import TYPE_CHECKING, Any

import attrs
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from fpt_plugins import options
from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.task import SPLITS
from fpt_plugins.testing.fresh_process import ask
from fpt_plugins.testing.probes import item_digest
from fpt_plugins.testing.result import ContractBroken, NotApplicable

if TYPE_CHECKING:
    from fpt_plugins.task import Task
    from fpt_plugins.testing.subject import Subject

LARGEST_PACKAGE_DATA = 2**20
"""Bytes of files beside the code: a sample, not a data set."""


def check_metadata(plugin: Subject) -> None:
    """Without an import: a version, a license, and both bounds on the contract."""
    installed = plugin.installed
    try:
        Version(installed.version)
    except InvalidVersion as error:
        raise ContractBroken(f"{installed} has no valid version") from error
    installed.check_contract()
    operators = {bound.operator for bound in SpecifierSet(installed.contract or "")}
    for side, signs in {"later": {"<", "<="}, "earlier": {">", ">="}}.items():
        if not operators & {*signs, "==", "~=", "==="}:
            raise ContractBroken(
                f"{installed} requires fpt-plugins{installed.contract}: any {side} contract",
                'bound it from both sides: "fpt-plugins>=0.1,<0.2"',
            )
    if not {"License-Expression", "License"} & set(importlib.metadata.metadata(installed.distribution)):
        raise ContractBroken(f"{installed} names no license", 'in its pyproject.toml: license = "MIT"')


def check_import_changes_nothing(plugin: Subject) -> None:
    """Its import takes under two seconds, imports no torch, and leaves the process as it was."""
    effects = ask("import_effects", plugin.name)
    if effects:
        raise ContractBroken(f"importing {plugin.installed}: {'; '.join(effects)}", "do it when it is used")


def check_other_processes(plugin: Subject) -> None:
    """A task and its data set go to another process by pickle, and are there what they are here."""
    path = plugin.folder / "pickled"
    pairs: list[tuple[Task, Any]] = [(task, task.split("train")) for task in plugin.tasks]
    try:
        path.write_bytes(pickle.dumps(pairs))
    except Exception as error:
        raise ContractBroken(
            f"a task of {plugin.name} cannot be pickled: {error}", "keep no lambda and no open file in it"
        ) from error
    for (task, dataset), (text, digest) in zip(pairs, ask("unpickled", str(path)), strict=True):
        if text != repr(task):
            raise ContractBroken(f"{task!r} is another one in another process: {text}")
        if "train" not in task.fresh and digest != item_digest(dataset[0]):
            raise ContractBroken(f"{task.name}: item 0 of its training data is another in another process")


def check_hooks(plugin: Subject) -> None:
    """Its hooks are known ones, with arguments that are known, and return what they should."""
    for name, task_class in plugin.loaded.tasks.items():
        summary = getattr(task_class, "summary", None)
        if not isinstance(summary, str) or not summary.strip():
            raise ContractBroken(f"{name} says nothing of itself", 'summary = "what is asked, in one line"')
        if not plugin.declaration(name).needs:
            task = plugin.task(name)
            plugin.plugins(task).input_embedding(task, 32)
            plugin.plugins(task).output_head(task, 32)


def check_options(plugin: Subject) -> None:
    """Each option has its help, survives JSON, is the same every time, and an unknown one is refused."""
    for name, task_class in plugin.loaded.tasks.items():
        for option in options.describe(task_class):
            if not option.help:
                raise ContractBroken(
                    f"the option {option.name} of {name} says nothing", 'metadata={"help": ...}'
                )
        task = plugin.task(name)
        _check_identity(task, plugin.task(name))
        plain = options.values(task)
        again = plugin.task(name, **json.loads(json.dumps(plain)))
        if again != task or options.values(again) != plain:
            raise ContractBroken(f"{name} made again from its own options is another: {again} for {task}")
        _check_refusal(task_class, name)


def _check_identity(task: Task, twin: Task) -> None:
    if task != twin:
        raise ContractBroken(f"{task.name} made twice with the same options differs: {task} and {twin}")
    for field in attrs.fields(type(task)):
        try:
            setattr(task, field.name, getattr(task, field.name))
        except AttributeError:
            continue
        raise ContractBroken(f"{task.name}: {field.name} can be changed", "@attrs.frozen(kw_only=True)")


def _check_refusal(task_class: type[Task], name: str) -> None:
    try:
        options.build(task_class, {"no_such_option": 1}, owner=name)
    except (UnknownName, ConfigurationError):
        return
    raise ContractBroken(f"{name} takes an option that it does not have")


def check_offline_data(plugin: Subject) -> None:
    """Some task works with what its package carries, of a megabyte at most."""
    if not plugin.loaded.tasks:
        raise NotApplicable(f"{plugin.name} provides no task")
    size = sum(path.stat().st_size for path in plugin.package_data)
    if size > LARGEST_PACKAGE_DATA:
        raise ContractBroken(f"{plugin.installed} carries {size:,} bytes of files", "carry a sample")
    try:
        tasks = plugin.tasks
    except NotApplicable as error:
        raise ContractBroken(str(error), "carry a sample of a megabyte at most, or generate one") from error
    for task in tasks:
        for split in SPLITS:
            dataset: Any = task.split(split)
            if not len(dataset):
                raise ContractBroken(f"the {split} split of {task.name} is empty")
