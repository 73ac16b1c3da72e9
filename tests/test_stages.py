"""Staged unfreezing: what each stage trains, how the optimizer goes on, and resuming across a boundary."""

import json

import pytest
import safetensors.torch
import torch

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError, FrozenError
from fpt_plugins.arm import assemble
from fpt_plugins.configuration import Configuration
from fpt_plugins.freezing import FrozenState
from fpt_plugins.run_folder import RunFolder
from fpt_plugins.stages import Stage, check_stages, read_stages
from fpt_plugins.training_loop import Training

TRAIN = "head,@3,head,layer_norm,@5,head,input"
SETTINGS = {
    "backbone": "gpt2-mini",
    "init": "random",
    "backbone_options": {"layers": 1},
    "train": TRAIN,
    "steps": 8,
    "batch_size": 4,
    "evaluate_every": 2,
    "dropout": 0.1,
    "lr": 0.01,
    "clip": 1e9,
    "precision": "fp32",
    "device": "cpu",
}


def begin(path, **changes):
    """A run that has not taken a step."""
    settings = {**SETTINGS, **changes}
    folder = RunFolder.open(Configuration.of("bits/xor", **settings), path, resume=False, given=settings)
    return Training(assemble(folder.configuration), folder)


def drive(training, act):
    """Takes the steps of a run, and acts after each with the number of steps taken."""
    for row in training.rows():
        if row["split"] == "train":
            act(row["step"])


def tensors_of(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def group(name):
    """GPT-2's groups by the names that Hugging Face gives them, as far as they train here."""
    words = {"input_embedding": "input", "output_head": "head", "ln_": "layer_norm"}
    return next((found for word, found in words.items() if word in name), None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fpt", [(0, "fpt")]),
        ("head,layer_norm", [(0, "head,layer_norm")]),
        ("head,@200,fpt", [(0, "head"), (200, "fpt")]),
        (" head , @3 , head , layer_norm,@10,full", [(0, "head"), (3, "head,layer_norm"), (10, "full")]),
    ],
)
def test_a_mark_begins_the_next_stage(words, expected):
    """Commas join what a stage trains; @STEP stands between two stages."""
    assert read_stages(words) == tuple(Stage(step, policy) for step, policy in expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("head,@x,fpt", "'@x' is no step"),
        ("head,@,fpt", "'@' is no step"),
        ("head,@-3,fpt", "'@-3' is no step"),
        ("head,@1.5,fpt", "is no step"),
        ("head,@0,fpt", "a stage at step 0 follows 0"),
        ("head,@5,fpt,@5,full", "a stage at step 5 follows 5"),
        ("head,@5,fpt,@4,full", "a stage at step 4 follows 5"),
    ],
)
def test_steps_that_do_not_rise_are_refused(words, message):
    """Each is one line that names the step."""
    with pytest.raises(ConfigurationError, match=message):
        read_stages(words)


@pytest.mark.parametrize("words", ["@5,fpt", "head,@5", "head,@5,fptt"])
def test_a_stage_needs_a_policy(words):
    """A stage without words, or with a word that is none, is refused before anything is written."""
    with pytest.raises(fpt.UnknownName, match="no freeze policy or parameter group"):
        fpt.build("bits/xor", **{**SETTINGS, "train": words})


def test_each_stage_moves_its_own(tmp_path):
    """Step by step, the tensors that moved are those of the groups that the stage names, and no other."""
    training = begin(tmp_path / "run")
    before, moved = tensors_of(training.arm.model), {}

    def compare(step):
        now = tensors_of(training.arm.model)
        moved[step] = {group(name) for name in now if not torch.equal(now[name], before[name])}
        before.update(now)

    drive(training, compare)
    norms, inputs = {"head", "layer_norm"}, {"head", "input"}
    assert list(moved.values()) == [{"head"}] * 3 + [norms] * 2 + [inputs] * 3


def reference(path, stages):
    """The same run by one torch.optim.Adam for each group and stretch of stages in which it trains."""
    training = begin(path, dropout=0.0)
    model = training.arm.model.train()
    optimizers, kept = {}, set()
    for step in range(SETTINGS["steps"]):
        names = next(groups for start, groups in reversed(stages) if start <= step)
        for each in names - kept:
            members = [p for name, p in model.named_parameters() if group(name) == each]
            optimizers[each] = torch.optim.Adam(members, lr=SETTINGS["lr"])
        kept = names
        batch = training.train_split.batch(training._order.at(step))
        model.requires_grad_()
        outputs = model(batch.tokens, batch.attention_mask)
        model.zero_grad()
        torch.nn.functional.cross_entropy(outputs.flatten(0, 1), batch.targets.flatten()).backward()
        for each in names:
            optimizers[each].step()
    return tensors_of(model)


@pytest.mark.parametrize(
    ("train", "stages"),
    [
        (TRAIN, [(0, {"head"}), (3, {"head", "layer_norm"}), (5, {"head", "input"})]),
        ("head,input,@2,head,@4,head,input", [(0, {"head", "input"}), (2, {"head"}), (4, {"head", "input"})]),
    ],
    ids=["what is kept goes on", "what comes back begins anew"],
)
def test_the_optimizer_goes_on_for_what_is_kept_and_begins_for_what_is_new(tmp_path, train, stages):
    """Eight steps end where optimizers of their own end, made anew where a group begins to train."""
    training = begin(tmp_path / "ours", train=train, dropout=0.0)
    drive(training, lambda step: None)
    expected = reference(tmp_path / "reference", stages)
    for name, parameter in training.arm.model.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name], rtol=1e-5, atol=1e-6)


def rows_without_time(path):
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def files(path):
    return (path / "adapter" / "adapter.safetensors").read_bytes()


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A run that was never stopped, and its record."""
    path = tmp_path_factory.mktemp("runs") / "calm"
    return path, fpt.train("bits/xor", out=path, **SETTINGS)


@pytest.mark.parametrize("stop", [2, 3, 4, 5, 7])
def test_resumed_is_uninterrupted(calm, tmp_path, stop):
    """Stopped before, at or after a boundary, the run ends with the bits, rows and digests of a calm one."""
    training = begin(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        drive(training, lambda step: interrupt(step, stop))
    record = fpt.train("bits/xor", out=tmp_path / "run", resume=True)
    path, expected = calm
    assert files(tmp_path / "run") == files(path)
    assert rows_without_time(tmp_path / "run") == rows_without_time(path)
    assert record.stages == expected.stages


def interrupt(step, stop):
    """Ctrl-C as the shell sends it, once the step is done."""
    import signal

    if step == stop:
        signal.raise_signal(signal.SIGINT)


def test_the_adapter_holds_all_that_ever_trained(calm):
    """Groups of every stage are in the file, and a load gives the model of the best step."""
    path, record = calm
    tensors = safetensors.torch.load_file(path / "adapter" / "adapter.safetensors")
    arm = fpt.load(path, device="cpu")
    assert {group(name) for name in tensors} == {"head", "layer_norm", "input"}
    assert all(torch.equal(arm.model.get_parameter(name), tensor) for name, tensor in tensors.items())
    trained = {name for name, count in record.parameters.items() if count.trained}
    assert trained == {"head", "layer_norm", "input"}


def test_each_stage_has_its_own_digest(tmp_path):
    """The record has what FrozenState finds at each stage's last step, and the three differ."""
    training, found = begin(tmp_path / "run"), {}
    drive(training, lambda step: found.update({step: FrozenState(training.arm.model).held_digest}))
    stages = training.finish().stages
    assert [(s.step, s.policy) for s in stages] == [(0, "head"), (3, "head,layer_norm"), (5, "head,input")]
    assert [stage.held_digest for stage in stages] == [found[3], found[5], found[8]]
    assert len({stage.held_digest for stage in stages}) == 3


def test_a_change_before_a_boundary_is_not_the_next_stage_s_beginning(tmp_path):
    """What was frozen until then is verified before the next stage takes it as its own."""
    training = begin(tmp_path / "run", evaluate_every=8)

    def tamper(step):
        if step == 3:
            training.arm.model.get_parameter("backbone.model.h.0.ln_1.weight").data[0] += 1

    with pytest.raises(FrozenError, match=r"the frozen tensor backbone\.model\.h\.0\.ln_1\.weight changed"):
        drive(training, tamper)
    assert training.state.step == 3


def test_a_stage_after_the_end_is_refused(tmp_path):
    """It would have no effect; the folder is not left behind."""
    with pytest.raises(ConfigurationError, match="would begin at step 5, and the run has 5"):
        fpt.train("bits/xor", out=tmp_path / "run", **{**SETTINGS, "steps": 5})
    assert not (tmp_path / "run").exists()


def test_stages_in_several_processes_are_refused():
    """What several processes average is fixed before the first step; one stage is as it ever was."""
    stages = fpt.build("bits/xor", **SETTINGS).partition.stages
    with pytest.raises(ConfigurationError, match="runs in one process, and here are 2"):
        check_stages(stages, 8, processes=2)
    check_stages(stages[:1], 8, processes=2)
