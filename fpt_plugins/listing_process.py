"""The child process that imports plugins in order to list them; :mod:`fpt_plugins.listing` watches it."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any, NoReturn

import attrs

from fpt_plugins import options
from fpt_plugins.backbone import BackboneFamily, BackboneSpec
from fpt_plugins.discovery import InstalledPlugin, clash, installed_plugins
from fpt_plugins.errors import PluginError
from fpt_plugins.listing import BackboneListing, PluginListing, TaskListing, read_row, write_row
from fpt_plugins.loading import LoadedPlugin, failure, load, new_manager
from fpt_plugins.options import Option
from fpt_plugins.task import Task

_SHARED_FACTS = ("summary", "source", "revision", "license", "embed_dim", "max_length", "layers", "causal")


def main(start: int) -> NoReturn:
    """Print the rows of the plugins from ``start`` on: before and after the import of each, then null."""
    rows = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a plugin prints is no row
    gc.disable()  # a short life that keeps what it makes: looking for garbage is a tenth of it
    plugins = installed_plugins()
    for plugin in plugins[start:]:
        print(write_row(_announcement(plugin)), file=rows, flush=True)
        rivals = [other for other in plugins if other.name == plugin.name]
        print(write_row(_describe(plugin, rivals)), file=rows, flush=True)
    print(write_row(None), file=rows, flush=True)
    os._exit(0)  # waits for no thread and no exit handler of a plugin


def _announcement(plugin: InstalledPlugin) -> PluginListing:
    return PluginListing(
        plugin=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        contract=plugin.contract,
    )


def _describe(plugin: InstalledPlugin, rivals: list[InstalledPlugin]) -> PluginListing:
    """The finished row of a plugin; ``rivals`` are all that share its name, itself included."""
    row = _announcement(plugin)
    refusal = clash(rivals) if len(rivals) > 1 else None
    try:
        provided = _provided(load(plugin, new_manager()), f"{plugin.distribution}:" if refusal else "")
        row = attrs.evolve(row, **provided)
        read_row(write_row(row))  # what is no JSON is the plugin's fault, too
    except PluginError as error:
        refusal = error
    except (Exception, SystemExit) as error:  # noqa: BLE001 # a plugin may raise anything
        row, refusal = _announcement(plugin), failure(plugin, "cannot be listed", error)
    if refusal is None:
        return row
    return attrs.evolve(row, error=refusal.message.removeprefix(f"{plugin} "), remedy=refusal.remedy)


def _provided(loaded: LoadedPlugin, address: str) -> dict[str, Any]:
    return {
        "hooks": list(loaded.hooks),
        "tasks": [_task(f"{address}{name}", task()) for name, task in loaded.tasks.items()],
        "backbones": [_backbone(f"{address}{name}", spec) for name, spec in loaded.backbones.items()],
    }


def _task(name: str, task: Task) -> TaskListing:
    recipe = options.converter().unstructure(task.recipe)
    return TaskListing(name=name, summary=task.summary, options=_options(task), recipe=recipe)


def _backbone(name: str, backbone: BackboneSpec | BackboneFamily) -> BackboneListing:
    if isinstance(backbone, BackboneFamily):
        return BackboneListing(name=f"{name}:...", summary=backbone.summary)
    facts = {field: getattr(backbone, field) for field in _SHARED_FACTS}
    return BackboneListing(
        name=name,
        inits=list(backbone.inits),
        options=_options(backbone.options()),
        missing=backbone.missing(),
        **facts,
    )


def _options(instance: Any) -> list[Option]:
    defaults = options.values(instance)
    return [attrs.evolve(o, default=defaults[o.name]) for o in options.describe(type(instance))]


if __name__ == "__main__":
    main(int(sys.argv[1]))
