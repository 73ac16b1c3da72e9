"""From a study to its arms: each named arm and control, crossed with the axes that it leaves open."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from fpt_plugins.configuration import Configuration
from fpt_plugins.errors import UnknownName
from fpt_plugins.study.controls import controls_of
from fpt_plugins.study.definition import NamedArm, Study, StudyTask
from fpt_plugins.study.layers import merge, sets

Role = Literal["before", "sweep", "final"]


@attrs.frozen(kw_only=True)
class StudyArm:
    """One arm on one task: a line of the study's table.

    Args:
        task: The task's label.
        name: The arm's name with its place on the axes: ``"random, layers=2"``.
        base: The name without it: what comparisons name.
        control: The control that it is, or ``""``.
        axes: Its place on the axes that it does not decide itself.
        settings: Of its cells, but for learning rate and seed.
        rates: That it is swept over.
    """

    task: str
    name: str
    base: str
    control: str
    axes: Mapping[str, Any]
    settings: Mapping[str, Any]
    rates: tuple[float, ...]

    @property
    def place(self) -> str:
        """Its place on the axes in words: ``"layers=2, train=head"``."""
        return place_words(self.axes)


@attrs.frozen
class Arms:
    """The arms of a study.

    Args:
        arms: Task by task.
        left_out: The reason by the name of each control that is not among them.
    """

    arms: tuple[StudyArm, ...]
    left_out: Mapping[str, str]


def arms_of(study: Study) -> Arms:
    """Every arm of a study. A control that equals a named arm is that arm.

    Raises:
        UnknownName: A comparison names no arm; the nearest are offered.
    """
    controls = controls_of(study)
    taken = {arm.name for arm in study.arms}
    named = (*study.arms, *(_renamed(control, taken) for control in controls.arms))
    arms = tuple(arm for task in study.tasks for arm in _distinct(_crossed(study, task, named)))
    known = {name for arm in arms for name in (arm.base, arm.name)}
    for comparison in study.comparisons:
        for name in (comparison.first, comparison.second):
            if name not in known:
                raise UnknownName("arm to compare", name, known)
    return Arms(arms, controls.left_out)


def _renamed(control: NamedArm, taken: set[str]) -> NamedArm:
    """A control whose name an arm of the study has; where both are the same they become one again."""
    return attrs.evolve(control, name=f"{control.name} (control)") if control.name in taken else control


def _crossed(study: Study, task: StudyTask, named: tuple[NamedArm, ...]) -> Iterator[StudyArm]:
    for arm in named:
        open_axes = {name: values for name, values in study.axes.items() if not sets(arm.settings, name)}
        for values in itertools.product(*open_axes.values()):
            place = dict(zip(open_axes, values, strict=True))
            layers = (study.settings, task.settings, place, arm.settings)
            yield StudyArm(
                task=task.label,
                name=", ".join(filter(None, (arm.name, place_words(place))))
                or str(study.settings.get("train", "fpt")),
                base=arm.name,
                control=arm.control,
                axes=place,
                settings={"task": task.task, **merge(layers)},
                rates=arm.rates or study.sweep.rates,
            )


def place_words(axes: Mapping[str, Any]) -> str:
    """A place on axes in words, each axis by its last name."""
    return ", ".join(f"{axis.rpartition('.')[2]}={value}" for axis, value in axes.items())


def _distinct(arms: Iterator[StudyArm]) -> Iterator[StudyArm]:
    """Every named arm; a control that equals one before it is that one, by another name."""
    found: list[StudyArm] = []
    for arm in arms:
        same = next((place for place, each in enumerate(found) if _whole(each) == _whole(arm)), None)
        if same is None or not arm.control:
            found.append(arm)
        elif not found[same].control:
            found[same] = attrs.evolve(found[same], control=arm.control)
    yield from found


def _whole(arm: StudyArm) -> dict[str, Any]:
    """An arm's settings and those that it leaves as they are: ``train`` is ``fpt`` whether said or not."""
    fields = attrs.fields_dict(Configuration).items()
    return {**{name: field.default for name, field in fields}, **arm.settings}
