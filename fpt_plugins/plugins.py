"""Plugins in a run: the task's own, those that wrap it, and the backbones, each looked up by name.

What is merely installed is not imported here, and never changes a result.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs
import pluggy

from fpt_plugins import registry
from fpt_plugins.backbone import BackboneFamily, BackboneSpec
from fpt_plugins.discovery import InstalledPlugin, core_plugin, find_plugin, installed_plugins
from fpt_plugins.errors import FptError, PluginError, UnknownName
from fpt_plugins.listing import list_plugins
from fpt_plugins.loading import LoadedPlugin, failure, load, new_manager
from fpt_plugins.registry_cards import PluginCard
from fpt_plugins.sequence import Sequences
from fpt_plugins.task import Task

if TYPE_CHECKING:
    from torch.nn import Module

T = TypeVar("T")

WRAPPABLE = ("fpt_tokenize", "fpt_input_embedding", "fpt_output_head")
"""The hooks that are asked about one task: its plugin answers, and others may only wrap the answer."""


@attrs.frozen(eq=False)
class Plugins:
    """Who answers for one task: its plugin, else the core; and around them the wrappers named.

    Args:
        task_class: The task.
        owner: The plugin that provides it.
        wrappers: The plugins that wrap it; a later one is outside an earlier one.
        manager: Holds these and the core, and no other plugin: no bystander can answer.
    """

    task_class: type[Task]
    owner: InstalledPlugin
    wrappers: tuple[InstalledPlugin, ...]
    manager: pluggy.PluginManager

    @classmethod
    def for_task(cls, name: str, wrappers: Iterable[str] = ()) -> Self:
        """Import what a run of one task needs.

        Args:
            name: ``plugin/task``, or ``DISTRIBUTION:plugin/task`` where two distributions
                provide a plugin of that name.
            wrappers: Plugins whose hook wrappers apply, by name.

        Raises:
            UnknownName: With the nearest names, or the package that provides this one.
            PluginError: A plugin cannot be used, or is no wrapper.

        Example:
            >>> Plugins.for_task("bits/xor").task_class.name
            'bits/xor'
        """
        owner, around = _owner(name), tuple(map(named_plugin, dict.fromkeys(wrappers)))
        manager = new_manager()
        loaded = [load(plugin, manager) for plugin in dict.fromkeys((owner, core_plugin()))]
        task_class = loaded[0].tasks.get(name.rpartition(":")[2])
        if task_class is None:
            raise _unknown_task(name)
        for wrapper in around:
            _load_wrapper(wrapper, manager)
        return cls(task_class, owner, around, manager)

    @property
    def versions(self) -> dict[str, dict[str, str]]:
        """The distribution and version of each plugin by the plugin's name, for the record."""
        return {plugin.name: _origin(plugin) for plugin in (self.owner, *self.wrappers)}

    def tokenize(self, task: Task, samples: Sequence[Any]) -> Sequences:
        """Samples as a ragged batch of token ids or vectors.

        Raises:
            InputError: A sample cannot be a sequence.
            PluginError: The plugin fails.
        """
        return self._answer("fpt_tokenize", Sequences, task=task, samples=samples)

    def input_embedding(self, task: Task, embed_dim: int) -> Module:
        """The module from tokens ``[B, T]`` or ``[B, T, width]`` to ``[B, T, embed_dim]``."""
        from torch.nn import Module

        return self._answer("fpt_input_embedding", Module, task=task, embed_dim=embed_dim)

    def output_head(self, task: Task, embed_dim: int) -> Module:
        """The module from hidden states ``[B, n, embed_dim]`` to the target's outputs."""
        from torch.nn import Module

        return self._answer("fpt_output_head", Module, task=task, embed_dim=embed_dim)

    def _answer(self, hook: str, kind: type[T], **arguments: Any) -> T:
        try:
            answer = getattr(self.manager.hook, hook)(**arguments)
        except FptError:
            raise
        except Exception as error:
            raise failure(self._culprit(hook, error), f"failed in {hook}", error) from error
        if not isinstance(answer, kind):
            wrapped = "".join(f", wrapped by {wrapper.name}" for wrapper in self.wrappers)
            found = f"gave a {type(answer).__name__} in place of a {kind.__name__}"
            raise PluginError(f"{self.owner}{wrapped}: {hook} {found}")
        return answer

    def _culprit(self, hook: str, error: Exception) -> InstalledPlugin:
        """The plugin whose implementation is the innermost one in the traceback."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        plugin_of = {getattr(i.function, "__code__", None): i.plugin_name for i in implementations}
        running = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
        names = [plugin_of[code] for code in running if code in plugin_of] or [self.owner.name]
        plugins = (core_plugin(), self.owner, *self.wrappers)
        return next(plugin for plugin in plugins if plugin.name == names[-1])


def named_plugin(address: str) -> InstalledPlugin:
    """The installed plugin of a name, as :func:`fpt_plugins.discovery.find_plugin` finds it.

    Raises:
        UnknownName: None has that name; where the registry has a card of it, with the install line.
        PluginError: Several distributions provide it.
    """
    try:
        return find_plugin(address)
    except UnknownName as error:
        card = _plugin_card(address)
        if card is None:
            raise
        raise UnknownName("plugin", address, remedy=_comes_with(card)) from error


def find_backbone(name: str) -> BackboneSpec:
    """The spec of a backbone.

    Args:
        name: ``gpt2``, a built-in; ``hf:PATH-OR-NAME``, a member of a family; ``plugin:name``, an
            outsider's.

    Raises:
        UnknownName: With the nearest names.
        PluginError: The plugin that it names cannot be used.
    """
    core = load(core_plugin(), new_manager())
    spec = _spec(name, core)
    if spec is None and ":" in name:
        spec = _outsider(name)
    if spec is None:
        known = {backbone.name for row in list_plugins() for backbone in row.backbones}
        card = _plugin_card(name.partition(":")[0])
        raise UnknownName("backbone", name, known, remedy=_comes_with(card) if card else "")
    return spec


def backbone_versions(name: str) -> dict[str, dict[str, str]]:
    """The distribution and version of the plugin that provides a backbone; empty for the core's own."""
    provider = None if _spec(name, load(core_plugin(), new_manager())) else _provider(name)
    return {} if provider is None else {provider[0].name: _origin(provider[0])}


def _outsider(name: str) -> BackboneSpec | None:
    provider = _provider(name)
    return None if provider is None else _spec(provider[1], load(provider[0], new_manager()))


def _provider(name: str) -> tuple[InstalledPlugin, str] | None:
    """The plugin that a backbone's name begins with, and its name there."""
    plugin, _, rest = name.partition(":")
    if plugin not in {installed.name for installed in installed_plugins()}:  # a distribution, then
        plugin, name = f"{plugin}:{rest.partition(':')[0]}", rest
    try:
        return find_plugin(plugin), name
    except UnknownName:
        return None


def _origin(plugin: InstalledPlugin) -> dict[str, str]:
    return {"distribution": plugin.distribution, "version": plugin.version}


def _spec(name: str, plugin: LoadedPlugin) -> BackboneSpec | None:
    exact = plugin.backbones.get(name)
    if isinstance(exact, BackboneSpec):
        return exact
    prefixes = [p for p in plugin.backbones if name.startswith(f"{p}:")]
    family = plugin.backbones[max(prefixes, key=len)] if prefixes else None
    if not isinstance(family, BackboneFamily):
        return None
    try:
        return family.spec(name.removeprefix(f"{family.prefix}:"))
    except FptError:
        raise
    except Exception as error:
        raise failure(plugin.installed, f"failed on the backbone {name}", error) from error


def _load_wrapper(plugin: InstalledPlugin, manager: pluggy.PluginManager) -> None:
    if manager.has_plugin(plugin.name):
        raise PluginError(
            f"{plugin} answers already and cannot wrap itself", f"leave out --with {plugin.name}"
        )
    load(plugin, manager)
    implementations = [
        (hook, implementation.wrapper)
        for hook in WRAPPABLE
        for implementation in getattr(manager.hook, hook).get_hookimpls()
        if implementation.plugin_name == plugin.name
    ]
    if not implementations:
        raise PluginError(f"{plugin} wraps none of {', '.join(WRAPPABLE)}", f"leave out --with {plugin.name}")
    for hook, is_wrapper in implementations:
        if not is_wrapper:
            raise PluginError(
                f"{plugin} answers {hook} and does not wrap it",
                "only the task's own plugin answers; a wrapper is marked @hookimpl(wrapper=True)",
            )


def _owner(task: str) -> InstalledPlugin:
    try:
        return find_plugin(task.partition("/")[0])
    except UnknownName as error:
        raise _unknown_task(task) from error


def _unknown_task(name: str) -> UnknownName:
    card = registry.plugin_for_task(name)
    if card is not None:
        return UnknownName("task", name, remedy=_comes_with(card))
    listed = {task.name for row in list_plugins() for task in row.tasks}
    carded = {task for card in registry.cards(PluginCard) for task in card.tasks}
    return UnknownName("task", name, listed | carded)


def _plugin_card(name: str) -> PluginCard | None:
    return next((card for card in registry.cards(PluginCard) if card.name == name), None)


def _comes_with(card: PluginCard) -> str:
    return f"it comes with {card.distribution}: {card.install}"
