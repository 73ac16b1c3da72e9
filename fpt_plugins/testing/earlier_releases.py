"""L4, shares and serves: adapters of earlier releases answer as they did; a newer format is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fpt_plugins.errors import FptError, IntegrityError
from fpt_plugins.storage import sealed
from fpt_plugins.testing.learning_probes import first_samples
from fpt_plugins.testing.result import ContractBroken, NotApplicable
from fpt_plugins.testing.sharing import trained
from fpt_plugins.testing.subject import Subject

if TYPE_CHECKING:
    from fpt_plugins.task import Task

ANSWERS = "answers.json"
SAMPLES = 4
TOLERANCE = 1e-5
"""Between answers, in fp32, of two machines."""


def check_earlier_releases(plugin: Subject) -> None:
    """Adapters in ``tests/releases`` beside the package answer as recorded, and a newer one is refused."""
    for task in plugin.tasks:
        _check_newer(plugin, task)
    folder = plugin.package and plugin.package.parent / "tests" / "releases"
    kept = sorted(folder.glob(f"*/*/{ANSWERS}")) if folder else []
    if not kept:
        raise NotApplicable("no earlier release: tests/releases holds no adapter")
    for place in kept:
        _check_kept(plugin, place.parent)


def save_release(name: str, folder: Path) -> Path:
    """Keeps an adapter of each task, with its answers, for the releases to come.

    Args:
        name: The plugin's.
        folder: ``tests/releases`` of its repository; a folder of the version is made in it.

    Returns:
        The folder of the version.

    Example:
        >>> save_release("bits", Path("tests/releases"))  # doctest: +SKIP
        PosixPath('tests/releases/0.1.0')
    """
    plugin = Subject(name)
    version = folder / plugin.installed.version
    for task in plugin.tasks:
        place = version / task.name.replace("/", "-")
        shutil.copytree(trained(plugin, task) / "adapter", place)
        (place / ANSWERS).write_text(json.dumps(_answers(plugin, place), indent=1), encoding="utf-8")
    plugin.close()
    return version


def _answers(plugin: Subject, place: Path) -> list[dict[str, Any]]:
    import fpt_plugins

    arm = fpt_plugins.load(place, device="cpu", precision="fp32", data=plugin.data_root)
    return arm.predict(first_samples(arm.task, SAMPLES))


def _check_kept(plugin: Subject, place: Path) -> None:
    name = f"the adapter {place.parent.name}/{place.name}"
    try:
        found = _answers(plugin, place)
    except FptError as error:
        raise ContractBroken(
            f"{name} does not load: {error.message}", "keep the names of parameters, options and tasks"
        ) from error
    if not _alike(json.loads((place / ANSWERS).read_text(encoding="utf-8")), json.loads(json.dumps(found))):
        raise ContractBroken(
            f"{name} answers otherwise than it did", "a change of what is computed is another task"
        )


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= TOLERANCE * max(1.0, abs(one))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)


def _check_newer(plugin: Subject, task: Task) -> None:
    """An adapter that a later version wrote is refused, and so says."""
    import fpt_plugins
    from fpt_plugins.adapter_files import DESCRIPTION, FORMAT, read_description

    folder = plugin.folder / f"{task.name.replace('/', '-')}-newer"
    shutil.copytree(trained(plugin, task) / "adapter", folder, dirs_exist_ok=True)
    description = {**read_description(folder), "format": FORMAT + 1}
    (folder / DESCRIPTION).write_bytes(sealed(description))
    try:
        fpt_plugins.load(folder, device="cpu", data=plugin.data_root)
    except IntegrityError:
        return
    raise ContractBroken(f"{task.name}: an adapter of a later format is loaded")
