"""From the names of a configuration to what they stand for; nothing is built yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from fpt_plugins import options
from fpt_plugins.additions.addition import Addition
from fpt_plugins.additions.choice import choose_additions
from fpt_plugins.backbone import BackboneSpec
from fpt_plugins.backbones.inits import knows
from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import UnknownName
from fpt_plugins.plugins import Plugins, backbone_versions, find_backbone
from fpt_plugins.precision import Precision, choose_precision
from fpt_plugins.task import Task


@attrs.frozen(kw_only=True, eq=False)
class Resolved:
    """A configuration with nothing left open, and what its names stand for: no body is built yet.

    Args:
        configuration: Every setting, as the run's folder and record hold it.
        plugins: Who answers for the task.
        task: The task with its options.
        spec: The backbone's spec.
        precision: The device and the type.
        additions: What the policy adds to the body.
        versions: The distribution and version of every plugin, by its name.
    """

    configuration: Configuration
    plugins: Plugins
    task: Task
    spec: BackboneSpec
    precision: Precision
    additions: tuple[Addition, ...]
    versions: Mapping[str, Mapping[str, str]]


def resolve(configuration: Configuration, plugins: Plugins | None = None) -> Resolved:
    """Looks up the names of a configuration and fills in what was not given.

    Args:
        configuration: Every setting.
        plugins: The task's, where they are found already.

    Raises:
        UnknownName: A name that nothing provides.
        ConfigurationError: A value that does not fit.
    """
    plugins = plugins or Plugins.for_task(configuration.task, configuration.wrappers)
    task = build_task(plugins, configuration)
    spec = find_backbone(configuration.backbone)
    precision = choose_precision(configuration.device, configuration.precision)
    additions = choose_additions(configuration.train, configuration.policy_options)
    configuration = attrs.evolve(
        configuration.resolve(task.recipe, spec.inits),
        backbone=_pinned(configuration.backbone, spec),
        options=options.values(task),
        backbone_options=options.values(backbone_options(configuration, spec)),
        policy_options={name: value for each in additions for name, value in options.values(each).items()},
        precision=precision.name,
    )
    if not knows(spec.inits, str(configuration.init)):
        raise UnknownName("initialization", str(configuration.init), spec.inits, owner=spec.name)
    return Resolved(
        configuration=configuration,
        plugins=plugins,
        task=task,
        spec=spec,
        precision=precision,
        additions=additions,
        versions={**plugins.versions, **backbone_versions(configuration.backbone)},
    )


def _pinned(name: str, spec: BackboneSpec) -> str:
    """A backbone's name as it finds the same body again: a family's spec names the commit it found."""
    return name if name.endswith(spec.name) else spec.name


def build_task(plugins: Plugins, configuration: Configuration) -> Task:
    """The task with the configuration's options and data root."""
    hidden = {} if configuration.data is None else {"data_root": configuration.data}
    return options.build(plugins.task_class, configuration.options, owner=configuration.task, **hidden)


def backbone_options(configuration: Configuration, spec: BackboneSpec) -> Any:
    """The backbone's options with the configuration's values."""
    return options.build(spec.options, configuration.backbone_options, owner=f"backbone {spec.name}")
