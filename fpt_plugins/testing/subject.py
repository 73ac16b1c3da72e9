"""The plugin that is checked, with its tasks at the sizes that it declares."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fpt_plugins import options
from fpt_plugins.discovery import InstalledPlugin
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.loading import LoadedPlugin, load, new_manager
from fpt_plugins.plugins import Plugins, named_plugin
from fpt_plugins.testing.declaration import FILE, Declaration, Declarations, read_declarations
from fpt_plugins.testing.result import NotApplicable

if TYPE_CHECKING:
    from fpt_plugins.arm import Arm
    from fpt_plugins.task import Task

BODY: Mapping[str, Any] = {"backbone": "block-1", "init": "random", "device": "cpu", "precision": "fp32"}
"""The body that everything is checked on: one random block, nothing to download."""

WIDTH, HEADS = 32, 4
"""The body's."""


class Subject:
    """A plugin under check.

    Args:
        name: The plugin's, as ``fpt plugins`` shows it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.close: Callable[[], object] = lambda: None

    @cached_property
    def folder(self) -> Path:
        """A folder of its own, removed with it."""
        folder = Path(tempfile.mkdtemp(prefix="fpt-check-"))
        self.close = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    @property
    def data_root(self) -> Path:
        """Where tasks may write what they generate; empty at first."""
        return self.folder / "data"

    @cached_property
    def installed(self) -> InstalledPlugin:
        """What its metadata say."""
        return named_plugin(self.name)

    @cached_property
    def loaded(self) -> LoadedPlugin:
        """The plugin, imported."""
        return load(self.installed, new_manager())

    @property
    def module(self) -> ModuleType:
        """The module of its hooks."""
        return importlib.import_module(self.installed.entry_point.module)

    @cached_property
    def package(self) -> Path | None:
        """The folder of its package, found without an import of its hooks; none where it is one module."""
        name, _, inner = self.installed.entry_point.module.rpartition(".")
        spec = importlib.util.find_spec(name) if inner and name else None
        places = list(spec.submodule_search_locations or ()) if spec else []
        return Path(places[0]) if places else None

    @cached_property
    def sources(self) -> list[Path]:
        """Its Python files: those of its package, or the one module."""
        return sorted(self.package.rglob("*.py")) if self.package else [Path(str(self.module.__file__))]

    @property
    def package_data(self) -> list[Path]:
        """The files of its package that are no code."""
        files = self.package.rglob("*") if self.package else ()
        return [path for path in files if path.is_file() and path.suffix not in (".py", ".pyc")]

    @cached_property
    def declarations(self) -> Declarations:
        """How it is checked."""
        return read_declarations(self.package) if self.package else Declarations()

    @property
    def expected_failures(self) -> Mapping[str, str]:
        """Reasons by the names of checks that it declares to fail."""
        return self.declarations.expected_failures

    @property
    def declared(self) -> dict[str, Declaration]:
        """How each of its tasks is checked, where it says so.

        Raises:
            ConfigurationError: It says so of a task that it does not provide.
        """
        for task in self.declarations.tasks:
            if task not in self.loaded.tasks:
                raise ConfigurationError(
                    f"{FILE} of {self.installed} declares {task}, which it does not provide"
                )
        return dict(self.declarations.tasks)

    def declaration(self, task: str) -> Declaration:
        """How one task is checked."""
        return self.declared.get(task, Declaration())

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks whose data are at hand, with their declared options.

        Raises:
            NotApplicable: There is none.
        """
        at_hand = [name for name in self.loaded.tasks if not self.declaration(name).needs]
        if not at_hand:
            raise NotApplicable(f"no task of {self.name} has data that its package carries")
        return [self.task(name) for name in at_hand]

    def task(self, name: str, **changes: Any) -> Task:
        """A task with its declared options, some of them changed."""
        given = {**self.declaration(name).options, **changes}
        return options.build(self.loaded.tasks[name], given, owner=name, data_root=self.data_root)

    def plugins(self, task: Task) -> Plugins:
        """Who answers for a task."""
        return Plugins.for_task(self.address(task))

    def arm(self, task: Task, **settings: Any) -> Arm:
        """The task on the tiny random body."""
        from fpt_plugins.arm import build

        return build(self.address(task), **{**self.settings(task), **settings})

    def address(self, task: Task) -> str:
        """Its name where a run finds it, though another distribution provides one of that name."""
        return f"{self.installed.distribution}:{task.name}" if ":" in self.name else task.name

    def settings(self, task: Task) -> dict[str, Any]:
        """What ``fpt.build`` and ``fpt.train`` take for a task on the tiny body."""
        body = {"width": WIDTH, "heads": HEADS, "positions": task.sequence.max_length}
        return {**BODY, "backbone_options": body, "options": options.values(task), "data": self.data_root}
