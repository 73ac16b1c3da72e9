"""Loads one plugin: imports it, holds it to the contract, and takes it out again where it fails."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import attrs
import pluggy

from fpt_plugins import hookspecs
from fpt_plugins.backbone import BackboneFamily, BackboneSpec
from fpt_plugins.discovery import InstalledPlugin
from fpt_plugins.errors import FptError, PluginError, UnknownName
from fpt_plugins.hookspecs import PROJECT
from fpt_plugins.task import Task

HOOKS = tuple(name for name, value in vars(hookspecs).items() if name.startswith("fpt_") and callable(value))
"""The hooks that a plugin may implement."""


@attrs.frozen(eq=False)
class LoadedPlugin:
    """A plugin that keeps the contract.

    Args:
        installed: What it is and where it comes from.
        hooks: The names of the hooks that it implements.
        tasks: By name.
        backbones: By name; a family is under its prefix.
    """

    installed: InstalledPlugin
    hooks: tuple[str, ...]
    tasks: dict[str, type[Task]]
    backbones: dict[str, BackboneSpec | BackboneFamily]


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def load(plugin: InstalledPlugin, manager: pluggy.PluginManager) -> LoadedPlugin:
    """Import a plugin and register it with ``manager``, whole or not at all.

    Raises:
        PluginError: It fits another version of fpt-plugins, cannot be imported or breaks the
            contract; the exception that it raised is the cause.
    """
    plugin.check_contract()
    try:
        module = plugin.entry_point.load()
        manager.register(module, name=plugin.name)
        return _loaded(plugin, module, manager)
    except (Exception, SystemExit) as error:  # an interruption by the user is not the plugin's fault
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
        raise failure(plugin, "cannot be used", error) from error


def failure(plugin: InstalledPlugin, what: str, error: BaseException) -> PluginError:
    """The error that names the plugin, its distribution and its version beside the reason."""
    if isinstance(error, FptError):
        return PluginError(f"{plugin} {what}: {error.message}", error.remedy)
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return PluginError(f"{plugin} {what}: {reason}")


def _loaded(plugin: InstalledPlugin, module: ModuleType, manager: pluggy.PluginManager) -> LoadedPlugin:
    hooks = _hooks(module, manager)
    tasks = _answers("fpt_tasks", module, manager)
    backbones = _answers("fpt_backbones", module, manager)
    for task in tasks:
        _check_task(task, plugin)
    for backbone in backbones:
        _check_backbone(backbone, plugin)
    if tasks and "fpt_tokenize" not in hooks:
        raise PluginError("it provides tasks and does not implement fpt_tokenize")
    return LoadedPlugin(
        plugin,
        hooks,
        _by_name([task.name for task in tasks], tasks),
        _by_name([_backbone_name(backbone) for backbone in backbones], backbones),
    )


def _hooks(module: ModuleType, manager: pluggy.PluginManager) -> tuple[str, ...]:
    callers = manager.get_hookcallers(module) or []
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        misspelt = next(caller.name for caller in callers if not caller.has_spec())
        raise UnknownName("hook", misspelt, HOOKS) from error
    if not callers:
        raise PluginError(f"{module.__name__} implements no hook", "mark them: @fpt_plugins.hookimpl")
    return tuple(sorted(caller.name for caller in callers))


def _answers(hook: str, module: ModuleType, manager: pluggy.PluginManager) -> list[Any]:
    others = [other for other in manager.get_plugins() if other is not module]
    answers = manager.subset_hook_caller(hook, others)()
    return [provided for answer in answers for provided in answer]


def _check_task(task: Any, plugin: InstalledPlugin) -> None:
    if not (inspect.isclass(task) and issubclass(task, Task)):
        raise PluginError(f"fpt_tasks returned {task!r}, which is no subclass of fpt_plugins.Task")
    name, prefix = getattr(task, "name", None), f"{plugin.name}/"
    if not (isinstance(name, str) and name.startswith(prefix) and name != prefix):
        raise PluginError(f"its task {task.__name__} is named {name!r}", f"name it {prefix}NAME")
    if inspect.isabstract(task):
        missing = ", ".join(sorted(task.__abstractmethods__))
        raise PluginError(f"its task {name} does not define: {missing}")
    for field in attrs.fields(task):
        if field.default is attrs.NOTHING:
            raise PluginError(f"the option {field.name} of its task {name} has no default")


def _check_backbone(backbone: Any, plugin: InstalledPlugin) -> None:
    if not isinstance(backbone, BackboneSpec | BackboneFamily):
        raise PluginError(f"fpt_backbones returned {backbone!r}, which is no BackboneSpec or BackboneFamily")
    name = _backbone_name(backbone)
    place = f"{name}:" if isinstance(backbone, BackboneFamily) else name
    if plugin.name != PROJECT and not place.startswith(f"{plugin.name}:"):
        raise PluginError(f"its backbone is named {name!r}", f"name it {plugin.name}:NAME")


def _backbone_name(backbone: BackboneSpec | BackboneFamily) -> str:
    return backbone.name if isinstance(backbone, BackboneSpec) else backbone.prefix


def _by_name(names: Sequence[str], provided: Sequence[Any]) -> dict[str, Any]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PluginError(f"it provides {' and '.join(twice)} more than once")
    return dict(zip(names, provided, strict=True))
