"""An arm: what names and settings go together, and what the core checks of a plugin's parts."""

import attrs
import pytest
import torch

import fpt_plugins as fpt
from fpt_plugins import resolving
from fpt_plugins.precision import choose_precision, computes_in_bf16

TINY = {"backbone": "gpt2-mini", "backbone_options": {"layers": 1}}


class Short(torch.nn.Module):
    """A body of two positions."""

    embed_dim, max_length, causal, source_digest = 8, 2, True, "0" * 64

    def parameter_groups(self):
        return {}

    def forward(self, inputs_embeds, attention_mask):
        return inputs_embeds


def body_of(build, monkeypatch):
    """Makes every backbone's name stand for what ``build`` gives."""
    spec = fpt.BackboneSpec(name="odd", summary="odd", source="-", build=build, inits=("random",))
    monkeypatch.setattr(resolving, "find_backbone", lambda name: spec)
    monkeypatch.setattr(resolving, "backbone_versions", lambda name: {})


@pytest.mark.parametrize("built", [None, torch.nn.Linear(2, 2)])
def test_what_is_no_backbone_is_refused_by_name(monkeypatch, built):
    """A plugin whose backbone builds something else is named, with what it built."""
    body_of(lambda spec, request: built, monkeypatch)
    with pytest.raises(fpt.PluginError, match=f"odd built a {type(built).__name__}"):
        fpt.build("bits/xor", backbone="odd")


def test_a_body_that_is_too_short_is_refused(monkeypatch):
    """The core compares lengths itself: a plugin's body of two positions takes no ten tokens."""
    body_of(lambda spec, request: Short(), monkeypatch)
    with pytest.raises(fpt.ConfigurationError, match=r"the task has 10 tokens, and odd takes 2"):
        fpt.build("bits/xor", backbone="odd")


def test_a_body_that_fails_to_build_is_named(monkeypatch):
    """An exception of a plugin's builder is wrapped with the backbone's name."""
    body_of(lambda spec, request: 1 / 0, monkeypatch)
    with pytest.raises(fpt.PluginError, match="odd failed to build: ZeroDivisionError"):
        fpt.build("bits/xor", backbone="odd")


def test_outputs_that_positions_cannot_share_are_refused():
    """Ten classes over three positions have no linear head in common."""
    from fpt_plugins.defaults import fpt_output_head

    task = type(fpt.build("bits/xor", **TINY).task)
    odd = attrs.make_class("Odd", [], bases=(task,), frozen=True, kw_only=True)
    odd.readout, odd.target = fpt.Last(3), fpt.Classes("0123456789")
    with pytest.raises(fpt.ConfigurationError, match="3 positions, which cannot share 10 outputs"):
        fpt_output_head(odd(), 8)


def test_the_options_of_an_arm_are_all_recorded():
    """What no flag named is recorded too, so that a later default changes no adapter."""
    arm = fpt.build("bits/xor", options={"length": "4"}, **TINY)
    assert arm.configuration.options["length"] == 4
    assert arm.configuration.options["strings"] == 2
    assert arm.configuration.init == "random"
    assert arm.configuration.precision in ("bf16", "fp32")


@pytest.mark.parametrize("backbone", ["lstm", "none"])
def test_controls_train(tmp_path, backbone):
    """The bodies without attention take the same task by the same names."""
    record = fpt.train("bits/xor", backbone=backbone, steps=2, batch_size=4, out=tmp_path / backbone)
    assert record.held_digest_before == record.held_digest_after


def test_auto_is_bf16_where_the_processor_computes_in_it():
    """``auto`` follows the processor's own flags; what is asked for is taken as it is."""
    cpu = torch.device("cpu")
    assert choose_precision("cpu", "auto").name == ("bf16" if computes_in_bf16(cpu) else "fp32")
    assert computes_in_bf16(cpu) == torch.cpu.get_capabilities()["avx512_bf16"]
    assert choose_precision("cpu", "bf16").dtype == torch.bfloat16
    with pytest.raises(fpt.ConfigurationError, match="--device warp:9 is not here"):
        choose_precision("warp:9", "auto")
