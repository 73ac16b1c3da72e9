"""The task of a recorded run, for what records do not hold: its metrics' direction, its longest sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fpt_plugins.configuration import Configuration
from fpt_plugins.plugins import Plugins
from fpt_plugins.resolving import build_task
from fpt_plugins.task import Task


def declared_task(configuration: Mapping[str, Any]) -> Task:
    """The task with the options of a run. It reads no data.

    Args:
        configuration: As the run's record holds it.

    Raises:
        FptError: The task's plugin is not installed, or no longer has these options.
    """
    settings = Configuration.from_json(configuration)
    return build_task(Plugins.for_task(settings.task), settings)
