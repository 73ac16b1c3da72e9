"""From a study to its arms: axes, controls, and what an arm decides itself."""

import pytest

from fpt_plugins import UnknownName
from fpt_plugins.study.arms import arms_of
from fpt_plugins.study.layers import merge, sets

BODY = {"backbone": "minilm"}


def names(study):
    return [arm.name for arm in arms_of(study).arms]


def test_arms_are_crossed_with_the_axes_that_they_leave_open(small_study):
    """Two arms on two axes, one of which an arm decides itself: 2 x 2 and 2 places."""
    study = small_study(
        settings=BODY,
        arms={"free": {"init": "random"}, "head": {"init": "random", "train": "head"}},
        axes={"train": ["fpt", "full"], "backbone_options.layers": [1, 2]},
    )
    assert names(study) == [
        *(f"free, train={train}, layers={layers}" for train in ("fpt", "full") for layers in (1, 2)),
        *(f"head, layers={layers}" for layers in (1, 2)),
    ]


def test_another_backbone_has_no_place_on_the_bodys_axes(small_study):
    """Neither layers nor initializations of the study's body are asked of a control without a body."""
    axes = {"init": ["pretrained", "random"], "backbone_options.layers": [1, 2]}
    study = small_study(settings=BODY, axes=axes, **{"leave-out": {"linear-probe": "a test"}})
    (control,) = (arm for arm in arms_of(study).arms if arm.control == "none")
    assert (control.name, control.axes) == ("none", {})
    assert control.settings["backbone_options"] == {"width": 384}
    assert "init" not in control.settings


def test_controls_join_by_themselves(small_study):
    """A study of one arm has five controls beside it, and their settings are what their names say."""
    study = small_study(settings=BODY, axes={}, arms={"ours": {}}, **{"leave-out": {}})
    found = {arm.control: arm.settings for arm in arms_of(study).arms}
    assert found.pop("") == {"task": "bits/xor", "backbone": "minilm"}
    assert found.pop("none")["backbone"] == "none"
    assert found.pop("random")["init"] == "random"
    assert found.pop("statistics")["init"] == "statistics"
    assert {k: found["linear-probe"][k] for k in ("backbone", "train")} == {
        "backbone": "linear",
        "train": "full",
    }
    assert found.pop("full")["train"] == "full"
    assert set(found) == {"linear-probe"}


def test_a_control_that_is_an_arm_already_is_that_arm(small_study):
    """An arm with a control's settings is marked as that control, and not trained twice."""
    arms = {"drawn": {"init": "random"}, "pretrained": {"init": "pretrained"}}
    left_out = {"none": "t", "statistics": "t", "linear-probe": "t", "full": "t"}
    study = small_study(settings=BODY, axes={}, arms=arms, **{"leave-out": left_out})
    assert [(arm.name, arm.control) for arm in arms_of(study).arms] == [
        ("drawn", "random"),
        ("pretrained", ""),
    ]


def test_a_control_is_the_arm_that_says_what_it_leaves_unsaid(small_study):
    """An arm that names the default policy is still the control that does not."""
    left_out = {"none": "t", "statistics": "t", "linear-probe": "t", "full": "t"}
    arms = {"drawn": {"init": "random", "train": "fpt"}, "pretrained": {}}
    study = small_study(settings=BODY, axes={}, arms=arms, **{"leave-out": left_out})
    assert [(arm.name, arm.control) for arm in arms_of(study).arms] == [
        ("drawn", "random"),
        ("pretrained", ""),
    ]


def test_an_arm_with_a_controls_name_does_not_hide_the_control(small_study):
    """What is called random and is not stands beside the control."""
    left_out = {"none": "t", "statistics": "t", "linear-probe": "t", "full": "t"}
    arms = {"random": {"init": "random", "train": "head"}}
    study = small_study(settings=BODY, axes={}, arms=arms, **{"leave-out": left_out})
    assert names(study) == ["random", "random (control)"]


def test_what_a_body_cannot_have_is_left_out_with_the_reason(small_study):
    """A body that was never trained has no statistics to match: said, not skipped."""
    study = small_study(axes={}, settings={"backbone": "gpt2-mini"}, **{"leave-out": {"full": "too long"}})
    assert arms_of(study).left_out == {
        "statistics": "gpt2-mini has no initialization statistics",
        "full": "too long",
    }


def test_a_comparison_names_arms(small_study):
    """A comparison of an arm that is not there is refused, with the nearest."""
    study = small_study(comparisons=[{"first": "train=head", "second": "train=ftp"}])
    with pytest.raises(UnknownName, match="train=fpt"):
        arms_of(study)


def test_an_arm_may_have_rates_of_its_own(small_study):
    """They stand in place of the study's."""
    study = small_study(axes={}, arms={"a": {"rates": [0.5]}, "b": {"train": "head"}})
    assert [arm.rates for arm in arms_of(study).arms] == [(0.5,), (1e-3, 1e-2)]


def test_two_arms_may_differ_in_their_rates_alone(small_study):
    """Neither is dropped: an arm that a study names is in its table."""
    study = small_study(axes={}, arms={"tuned": {}, "fixed": {"rates": [1e-3]}})
    assert names(study) == ["tuned", "fixed"]


def test_layers_of_settings():
    """Tables add up, a dot names one entry, and another policy drops the options of the one below."""
    below = {"options": {"length": 5}, "train": "lora", "policy_options": {"rank": 2}, "steps": 3}
    merged = merge([below, {"options.patch": 2, "train": "head"}, {"steps": 4}])
    assert merged == {"options": {"length": 5, "patch": 2}, "train": "head", "steps": 4}


@pytest.mark.parametrize(
    ("settings", "axis", "decided"),
    [
        ({"init": "random"}, "init", True),
        ({"backbone": "none"}, "init", True),
        ({"backbone": "none"}, "train", False),
        ({"backbone_options": {"layers": 1}}, "backbone_options.layers", True),
        ({"backbone_options": {"layers": 1}}, "backbone_options.causal", False),
        ({"options": {"length": 1}}, "options.length", True),
    ],
)
def test_which_axes_an_arm_decides(settings, axis, decided):
    """A field, an option, or what belongs to the backbone that it names."""
    assert sets(settings, axis) is decided
