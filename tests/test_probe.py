"""What no digest of tensors sees: hooks, swapped modules and edited attributes in the frozen body."""

import types

import pytest
import torch
from torch import nn

import fpt_plugins as fpt
from fpt_plugins import FrozenError
from fpt_plugins.arm import assemble
from fpt_plugins.configuration import Configuration
from fpt_plugins.freezing import FrozenState
from fpt_plugins.probe import OutputProbe
from fpt_plugins.proof import FrozenProof
from fpt_plugins.run_folder import RunFolder
from fpt_plugins.training_loop import Training

SETTINGS = {
    "backbone": "gpt2-mini",
    "init": "random",
    "backbone_options": {"layers": 1},
    "steps": 8,
    "batch_size": 4,
    "evaluate_every": 3,
    "precision": "fp32",
    "device": "cpu",
}
ATTENTION = "model.h.0.attn"


def build(**changes):
    return fpt.build("bits/xor", **{**SETTINGS, **changes})


class Doubled(nn.Module):
    """Stands in for a module: its tensors under their own names, and twice its output."""

    def __init__(self, module):
        super().__init__()
        self.__dict__.update({**module.__dict__, "inner": (module,)})

    def forward(self, hidden_states):
        return 2 * self.inner[0](hidden_states)


def swap(body):
    body.model.h[0].mlp = Doubled(body.model.h[0].mlp)


def other_class(body):
    block = body.model.h[0]
    block.__class__ = type("Block", (type(block),), {})


def other_forward(body):
    block = body.model.h[0]
    block.forward = types.MethodType(lambda self, hidden_states, *_, **__: hidden_states, block)


def other_attribute(body):
    body.get_submodule(ATTENTION).scaling = 0.25


PLANTED = {
    swap: r"submodule backbone\.model\.h\.0\.mlp was replaced",
    other_class: r"submodule backbone\.model\.h\.0 was replaced",
    other_forward: r"submodule backbone\.model\.h\.0 was replaced",
    other_attribute: r"frozen submodule backbone\.model\.h\.0\.attn changed what it computes",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_what_computes_something_else_is_named(plant):
    """Each leaves every frozen tensor as it was, so that only the probe can tell, and it names the module."""
    arm = build()
    proof, state = FrozenProof(arm), FrozenState(arm.model)
    proof.verify()
    plant(arm.model.backbone)
    state.verify(arm.model)
    with pytest.raises(FrozenError, match=PLANTED[plant]):
        proof.verify()


@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
def test_a_hook_is_refused_by_name(kind):
    """Each kind of hook that torch knows, on any module, before the run and within it."""
    arm = build()
    proof = FrozenProof(arm)
    norm = arm.model.backbone.get_submodule("model.h.0.ln_1")
    handle = getattr(norm, f"register_{kind}_hook")(lambda *_: None)
    for check in (proof.verify, lambda: FrozenProof(arm)):
        with pytest.raises(FrozenError, match=r"submodule backbone\.model\.h\.0\.ln_1 carries a hook"):
            check()
    handle.remove()
    proof.verify()


def test_a_hook_on_every_module_is_seen_in_the_outputs():
    """One that torch applies to all modules is registered on none of them, and changes what they give."""
    probe = OutputProbe(build().model.backbone, build().precision)
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, _, output: output + 1e-3 if isinstance(module, nn.Dropout) else output
    )
    with pytest.raises(FrozenError, match=rf"backbone\.{ATTENTION} changed what it computes"):
        probe.verify()
    handle.remove()
    probe.verify()


def test_one_unit_in_the_last_place_of_a_weight_is_another_output():
    """Outputs are compared bit by bit: the next fp32 number in one weight is another output."""
    body, precision = build().model.backbone, build().precision
    probe = OutputProbe(body, precision)
    bias = body.get_parameter(f"{ATTENTION}.c_proj.bias").data
    bias.fill_(1.0)
    changed = OutputProbe(body, precision)
    bias[0] = torch.nextafter(bias[0], torch.tensor(2.0))
    for each in (probe, changed):
        with pytest.raises(FrozenError, match=rf"backbone\.{ATTENTION} changed"):
            each.verify()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("train", ["fpt", "head"])
def test_training_what_may_train_passes(precision, train):
    """Adam on all that trains, norms between the frozen submodules among it, leaves the proof whole."""
    arm = build(precision=precision, train=train, dropout=0.1)
    arm.model.train()
    proof = FrozenProof(arm)
    optimizer = torch.optim.Adam([p for p in arm.model.parameters() if p.requires_grad], lr=0.01)
    tokens = torch.tensor([[0, 1] * 5, [1, 1, 0, 0, 0] * 2])
    before = arm.model.output_head[0].weight.detach().clone()
    for _ in range(2):
        arm.outputs(fpt.Batch(tokens, torch.ones(2, 10, dtype=torch.bool))).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        proof.verify()
    assert not torch.equal(arm.model.output_head[0].weight, before)


def test_the_probe_leaves_no_trace():
    """It draws nothing from torch's generator, leaves training mode as it was, and registers no hook."""
    arm = build(dropout=0.1)
    arm.model.train()
    before = torch.get_rng_state()
    OutputProbe(arm.model.backbone, arm.precision).verify()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(module.training for module in arm.model.modules())


GPT2_BLOCKS = [f"model.h.{block}.{part}" for block in range(2) for part in ("attn", "mlp")]
MINILM_BLOCK = ("attention.self", "attention.output.dense", "intermediate", "output.dense")
SUBMODULES = [
    (
        "gpt2-mini",
        {"layers": 2},
        "fpt",
        GPT2_BLOCKS,
    ),
    ("minilm", {"layers": 1}, "fpt,token_embedding", [f"model.encoder.layer.0.{p}" for p in MINILM_BLOCK]),
    ("lstm", {"layers": 2, "width": 8}, "fpt", ["layers.0", "layers.1"]),
    ("gpt2-mini", {"layers": 1}, "fpt,attention", ["model.h.0.mlp"]),
    ("gpt2-mini", {"layers": 1}, "full", []),
    ("none", {}, "fpt", []),
]


@pytest.mark.parametrize(("backbone", "options", "train", "expected"), SUBMODULES)
def test_the_frozen_submodules_are_those_of_the_architecture(backbone, options, train, expected):
    """As the library's own source lays out its blocks; what trains is not among them."""
    arm = build(backbone=backbone, backbone_options=options, train=train)
    assert sorted(OutputProbe(arm.model.backbone, arm.precision).names) == sorted(expected)


def test_a_run_stops_at_a_planted_module_and_keeps_its_checkpoint(tmp_path):
    """Planted at step 4, it is caught at the next checkpoint: that of step 3 stays, nothing else is saved."""
    configuration = Configuration.of("bits/xor", **SETTINGS)
    folder = RunFolder.open(configuration, tmp_path / "run", resume=False, given=SETTINGS)
    training = Training(assemble(folder.configuration), folder)
    with pytest.raises(FrozenError, match=r"backbone\.model\.h\.0\.mlp"):  # noqa: PT012 - the rows drive the run
        for row in training.rows():
            if row["step"] == 4 and row["split"] == "train":
                swap(training.arm.model.backbone)
    assert [path.name for path in (folder.path / "checkpoints").iterdir()] == ["step-000000003"]
    assert not (folder.path / "record.json").exists()
    assert not folder.adapter.exists()
