"""Which plugins are installed: read from the metadata of distributions, without importing one."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint

import attrs
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from fpt_plugins import __version__
from fpt_plugins.errors import PluginError, UnknownName
from fpt_plugins.hookspecs import PROJECT

CORE = "fpt-plugins"
"""The distribution that plugins require; the bounds they put on it are their contract."""


@attrs.frozen
class InstalledPlugin:
    """An entry point of the group ``fpt_plugins`` and the distribution that it comes with.

    Args:
        name: The entry point's name, which is the prefix of its tasks: ``"bits"``.
        distribution: ``"fpt-bits"``.
        version: The distribution's.
        contract: The versions of fpt-plugins that it requires: ``">=0.1,<0.2"``; ``""`` is any of
            them, ``None`` means that it requires none.
        entry_point: Names the module of its hooks.
    """

    name: str
    distribution: str
    version: str
    contract: str | None
    entry_point: EntryPoint

    def __str__(self) -> str:
        return f"the plugin {self.name!r} of {self.distribution} {self.version}"

    @property
    def address(self) -> str:
        """Its name where two distributions provide it: ``"fpt-bits:bits"``."""
        return f"{self.distribution}:{self.name}"

    def check_contract(self, core: str = __version__) -> None:
        """Refuse a plugin that is not written for version ``core`` of fpt-plugins.

        Raises:
            PluginError: With what has to be upgraded, or the line that its metadata lack.
        """
        if self.contract is None:
            raise PluginError(
                f"{self} does not say which versions of {CORE} it is written for",
                f'its pyproject.toml needs: dependencies = ["{CORE}{_next_minor(core)}"]',
            )
        unmet = [bound for bound in SpecifierSet(self.contract) if not bound.contains(core, prereleases=True)]
        if unmet:
            older = any(_lies_above(bound, core) for bound in unmet)
            raise PluginError(
                f"{self} is written for {CORE} {self.contract}, and this is {CORE} {core}",
                f"upgrade {CORE if older else self.distribution}",
            )


def core_plugin() -> InstalledPlugin:
    """The core itself, whose backbones and defaults come through the same hooks."""
    entry_point = EntryPoint(PROJECT, "fpt_plugins.hooks", PROJECT)
    return InstalledPlugin(PROJECT, CORE, __version__, f"=={__version__}", entry_point)


def installed_plugins() -> list[InstalledPlugin]:
    """The core and every installed plugin, by name and distribution: the same in every process.

    A distribution that is found twice (an editable install beside its build) counts once: the
    first on the path, which is the one that would be imported.
    """
    found = {(PROJECT, CORE): core_plugin()}
    for distribution in importlib.metadata.distributions():
        for entry_point in _entry_points(distribution):
            plugin = _plugin(distribution, entry_point)
            found.setdefault((plugin.name, canonicalize_name(plugin.distribution)), plugin)
    return [found[key] for key in sorted(found)]


def find_plugin(address: str) -> InstalledPlugin:
    """The plugin of a name, ``bits``, or of a name in one distribution, ``fpt-bits:bits``.

    Raises:
        UnknownName: None has that name.
        PluginError: Several distributions provide it.
    """
    plugins = installed_plugins()
    distribution, _, name = address.rpartition(":")
    found = [plugin for plugin in plugins if plugin.name == name]
    if distribution:
        wanted = canonicalize_name(distribution)
        found = [plugin for plugin in found if canonicalize_name(plugin.distribution) == wanted]
    if not found:
        raise UnknownName("plugin", address, {plugin.name for plugin in plugins})
    if len(found) > 1:
        raise clash(found)
    return found[0]


def clash(plugins: list[InstalledPlugin]) -> PluginError:
    """The refusal of plugins that share one name."""
    providers = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in plugins)
    addresses = " or ".join(plugin.address for plugin in plugins)
    return PluginError(
        f"the plugin {plugins[0].name!r} is provided by {providers}",
        f"uninstall one of them, or say which is meant: {addresses}",
    )


def _entry_points(distribution: Distribution) -> tuple[EntryPoint, ...]:
    try:
        text = distribution.read_text("entry_points.txt") or ""
        # Most distributions have no such group: what is wrong with their files is not our concern.
        return tuple(distribution.entry_points.select(group=PROJECT)) if f"[{PROJECT}]" in text else ()
    except (TypeError, ValueError):  # a file that pip would not have installed
        return ()


def _plugin(distribution: Distribution, entry_point: EntryPoint) -> InstalledPlugin:
    try:
        name, version = distribution.metadata["Name"], distribution.metadata["Version"]
        bounds = [r.specifier for r in _requirements(distribution) if canonicalize_name(r.name) == CORE]
    except (KeyError, TypeError):  # the metadata are missing: what a broken uninstallation leaves
        name, version, bounds = None, None, []
    together = sorted((str(bound) for specifier in bounds for bound in specifier), reverse=True)
    contract = ",".join(together) if bounds else None
    return InstalledPlugin(entry_point.name, name or "unknown", version or "unknown", contract, entry_point)


def _requirements(distribution: Distribution) -> Iterator[Requirement]:
    for line in distribution.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _lies_above(bound: Specifier, core: str) -> bool:
    if bound.operator in {">", ">="}:
        return True
    is_one_version = bound.operator in {"==", "~="}
    return is_one_version and Version(bound.version.removesuffix(".*")) > Version(core)


def _next_minor(core: str) -> str:
    major, minor = (*Version(core).release, 0)[:2]
    return f">={major}.{minor},<{major}.{minor + 1}"
