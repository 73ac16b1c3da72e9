"""Policies that select by structure: the last block, the biases, and unions with whole groups."""

import attrs
import pytest
import safetensors.torch
import torch
from torch import nn

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError, FrozenError
from fpt_plugins.freezing import FrozenState, freeze
from fpt_plugins.options import converter
from fpt_plugins.policies import find_policy
from fpt_plugins.record import GroupCount, group_counts, read_record

AROUND = {"input_embedding.weight", "output_head.0.weight", "output_head.0.bias"}
"""Of bits/xor: an embedding of two symbols, and one linear layer before a Flatten."""

BODIES = {
    "gpt2-mini": {"layers": 2},
    "minilm": {"layers": 2},
    "lstm": {"layers": 2, "width": 8, "positions": 10},
}
LAST = {
    "gpt2-mini": "backbone.model.h.1.",
    "minilm": "backbone.model.encoder.layer.1.",
    "lstm": ("backbone.layers.1.", "backbone.norms.1."),
}
"""How the parameters of the second of two blocks begin, as each library names them."""


def build(backbone="gpt2-mini", **settings):
    options = settings.pop("backbone_options", BODIES.get(backbone, {}))
    body = {"backbone": backbone, "init": "random", "backbone_options": options, "device": "cpu"}
    return fpt.build("bits/xor", **body, **settings)


@pytest.fixture(params=BODIES)
def backbone(request):
    return request.param


def test_the_last_block_is_that_of_the_architecture(backbone):
    """The second of two blocks trains whole, with the input embedding and the head, and nothing else."""
    arm = build(backbone, train="last-block")
    names = {name for name, _ in arm.model.named_parameters()}
    expected = {name for name in names if name.startswith(LAST[backbone])} | AROUND
    assert {name for name, p in arm.model.named_parameters() if p.requires_grad} == expected
    assert set(arm.partition.trained_names) == expected
    assert arm.partition.trained_count == sum(arm.model.get_parameter(name).numel() for name in expected)


def test_blocks_are_disjoint_and_leave_what_is_no_block(backbone):
    """No parameter stands in two blocks; what stands in none is tables and the norms around the stack."""
    arm = build(backbone)
    blocks = [{f"backbone.{name}" for name in block} for block in arm.model.backbone.blocks()]
    assert len(blocks) == 2
    assert not blocks[0] & blocks[1]
    rest = {name for name, _ in arm.model.named_parameters()} - AROUND - blocks[0] - blocks[1]
    groups = arm.partition.groups
    assert not rest & {*groups["attention"], *groups["mlp"]}


def biases(model):
    """Of each kind of module by its own definition: torch's layers, and GPT-2's Conv1D, y = x W + b."""
    for owner, module in model.named_modules():
        if isinstance(module, nn.LSTM):
            yield from (f"{owner}.bias_{part}_l0" for part in ("ih", "hh"))
        elif isinstance(module, nn.MultiheadAttention):
            yield f"{owner}.in_proj_bias"
        elif isinstance(module, nn.Linear | nn.LayerNorm) or type(module).__name__ in {
            "Conv1D",
            "PackedLinear",
        }:
            yield f"{owner}.bias"


@pytest.mark.parametrize("body", [*BODIES, "block-1"])
def test_bitfit_trains_every_bias_and_no_matrix(body):
    """The body's biases are those that its layers have by definition; with them the input and the head."""
    arm = build(body, train="bitfit")
    expected = {name for name in biases(arm.model) if name.startswith("backbone.")}
    assert set(arm.partition.trained_names) == expected | AROUND
    assert all(p.ndim == 1 for n, p in arm.model.named_parameters() if p.requires_grad and n not in AROUND)


def test_a_name_that_holds_the_word_is_no_bias():
    """The attribute's own name decides: a parameter ``bias_scale`` or a module ``bias`` is none."""

    class Body(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias_scale, self.bias = nn.Parameter(torch.ones(2)), nn.Linear(2, 2, bias=False)
            self.mix = nn.Linear(2, 2)

        def parameter_groups(self):
            return {"mlp": ["bias_scale", "bias.weight", "mix.weight", "mix.bias"]}

    model = nn.Module()
    model.input_embedding, model.backbone, model.output_head = nn.Identity(), Body(), nn.Identity()
    assert freeze(model, "bitfit").trained_names == ("backbone.mix.bias",)


@pytest.mark.parametrize("train", ["head,bitfit", "last-block,layer_norm", "bitfit,last-block,position"])
def test_unions_add_up(backbone, train):
    """What any of the words selects trains, each parameter once."""
    model = build(backbone).model
    partition = freeze(model, train)
    parts = [find_policy(word).select(model) for word in train.split(",")]
    assert set(partition.trained_names) == set().union(*parts)
    assert len(partition.trained_names) == len(set(partition.trained_names))


def test_a_group_that_trains_in_part_is_counted_exactly():
    """GPT-2's attention of width 256 has biases of 3 x 256 and 256 a block; its counts say so."""
    counts = group_counts(build(train="bitfit").partition)
    attention = 2 * (256 * 3 * 256 + 3 * 256 + 256 * 256 + 256)
    assert counts["attention"] == GroupCount(parameters=attention, trained=True, partly=2 * (3 * 256 + 256))
    assert counts["attention"].trained_parameters == 2 * (3 * 256 + 256)
    assert counts["position"] == GroupCount(parameters=10 * 256, trained=False)
    assert counts["head"].trained_parameters == counts["head"].parameters == 2 * 256 + 2
    arm = build(train="bitfit")
    total = sum(p.numel() for p in arm.model.parameters() if p.requires_grad)
    assert sum(count.trained_parameters for count in counts.values()) == total


def test_counts_written_before_are_read():
    """A record that knows whole groups alone still says how many trained."""
    old = converter().structure({"parameters": 12, "trained": True}, GroupCount)
    assert (old.trained_parameters, attrs.evolve(old, trained=False).trained_parameters) == (12, 0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("train", ["last-block", "bitfit"])
def test_each_trains_on_every_body(backbone, train, precision, tmp_path):
    """Two steps move every selected tensor; the file holds these alone, in fp32, and predicts again."""
    settings = {"steps": 2, "batch_size": 8, "lr": 0.01, "precision": precision}
    body = {"backbone": backbone, "init": "random", "backbone_options": BODIES[backbone], "device": "cpu"}
    fpt.train("bits/xor", out=tmp_path / "run", train=train, **settings, **body)
    start = build(backbone, train=train, precision=precision)
    arm = fpt.load(tmp_path / "run", device="cpu", precision=precision)
    tensors = safetensors.torch.load_file(tmp_path / "run" / "adapter" / "adapter.safetensors")
    assert set(tensors) == set(start.partition.trained_names)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    moved = {n for n, p in start.model.named_parameters() if not torch.equal(p, arm.model.get_parameter(n))}
    assert moved == set(tensors)
    record = read_record(tmp_path / "run")
    assert record.held_digest_before == record.held_digest_after == FrozenState(start.model).held_digest
    assert arm.predict([arm.task.parse({"strings": ["01010", "11001"]})])


def test_a_body_that_declares_no_blocks_is_refused():
    """One line that says what it lacks and what to do; a body of no blocks has no last one to train."""
    with pytest.raises(ConfigurationError, match="last-block: the body NoBody does not declare its blocks"):
        build("none", train="last-block")
    arm = build(backbone_options={"layers": 0}, train="last-block")
    assert set(arm.partition.trained_names) == AROUND


def test_blocks_that_name_what_is_not_there_are_refused(monkeypatch):
    """A body that declares its blocks wrongly is an error that names the parameter."""
    model = build().model
    monkeypatch.setattr(type(model.backbone), "blocks", lambda self: [["model.h.9.mlp"]])
    with pytest.raises(FrozenError, match=r"declares backbone\.model\.h\.9\.mlp, which is not there"):
        freeze(model, "last-block")
