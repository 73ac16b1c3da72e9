"""More arms for a study that was begun: ``fpt study add DIR AXIS=VALUE``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import ConfigurationError
from fpt_plugins.study.arms import arms_of
from fpt_plugins.study.definition import NamedArm, Study, StudyTask
from fpt_plugins.study.layers import check_setting, sets
from fpt_plugins.study.study_file import load_study, save_study


def add_to_study(folder: Path, word: str) -> Study:
    """Adds one value to an axis of a study; what is trained stays as it is, but for a bank that grows by it.

    Args:
        folder: The study's.
        word: ``seed=3``, ``lr=0.03``, ``task=bits/xor``, or ``FIELD=VALUE`` for any setting:
            a further value of that axis, or, where the arms themselves decide it, a further arm.

    Raises:
        ConfigurationError: The value is there already, or does not fit.
        UnknownName: There is no such axis; the nearest are offered.
    """
    axis, equals, value = word.partition("=")
    if not equals or not value:
        raise ConfigurationError(f"{word!r} is no AXIS=VALUE", "for example: seed=3, or init=shuffled")
    study = _extended(load_study(folder), axis.replace("-", "_"), value)
    arms_of(study)  # refuses what cannot be
    save_study(study, folder)
    return study


def _extended(study: Study, axis: str, value: str) -> Study:
    if axis == "seed":
        return attrs.evolve(study, seeds=_with(study.seeds, _number(int, value, axis), axis))
    if axis == "lr":
        rates = _with(study.sweep.rates, _number(float, value, axis), axis)
        return attrs.evolve(study, sweep=attrs.evolve(study.sweep, rates=rates))
    if axis == "task":
        _with(tuple(task.label for task in study.tasks), value, axis)
        tasks = [*study.tasks, StudyTask(label=value, task=value)]
        return attrs.evolve(study, tasks=tuple(tasks))
    check_setting(axis, "fpt study add")
    read = _read(value)
    if axis not in study.axes and any(sets(arm.settings, axis) for arm in study.arms):
        _with(tuple(arm.name for arm in study.arms), value, axis)
        arms = [*study.arms, NamedArm(name=value, settings={axis: read})]
        return attrs.evolve(study, arms=tuple(arms))
    values = _with(study.axes.get(axis, _present(study, axis)), read, axis)
    return attrs.evolve(study, axes={**study.axes, axis: values})


def _with(values: tuple[Any, ...], value: Any, axis: str) -> tuple[Any, ...]:
    if value in values:
        raise ConfigurationError(f"the study has {axis}={value} already")
    return (*values, value)


def _present(study: Study, axis: str) -> tuple[Any, ...]:
    """The value of what is no axis yet: as the study's settings say, else as a run has it by itself."""
    field, dot, option = axis.partition(".")
    default = attrs.fields_dict(Configuration)[field].default
    if dot:
        settings = study.settings.get(field, {})
        if option not in settings:
            raise ConfigurationError(
                f"the study does not say what {axis} is now", f'say it in its file: [axes] "{axis}" = [...]'
            )
        return (settings[option],)
    return (study.settings.get(field, default),)


def _number(kind: type, word: str, axis: str) -> Any:
    try:
        return kind(word)
    except ValueError as error:
        raise ConfigurationError(f"{axis}={word} is no number") from error


def _read(word: str) -> Any:
    """A word as TOML would have it: a number, true or false, else text."""
    try:
        return json.loads(word)
    except ValueError:
        return word
