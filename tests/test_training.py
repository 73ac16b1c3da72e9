"""The loop: its arithmetic, its seeds, its resumption, and the proof of frozenness that it carries."""

import json
import signal
from contextlib import suppress

import pytest
import torch

import fpt_plugins as fpt
from fpt_plugins.arm import assemble
from fpt_plugins.configuration import Configuration
from fpt_plugins.run_folder import RunFolder
from fpt_plugins.streams import stream_seed
from fpt_plugins.training import Training

SETTINGS = {
    "backbone": "gpt2-mini",
    "init": "random",
    "backbone_options": {"layers": 1},
    "steps": 8,
    "batch_size": 4,
    "evaluate_every": 3,
    "dropout": 0.1,
    "precision": "fp32",
}


def begin(path, **changes):
    """A run that has not taken a step."""
    settings = {**SETTINGS, **changes}
    folder = RunFolder.open(Configuration.of("bits/xor", **settings), path, resume=False, given=settings)
    return Training(assemble(folder.configuration), folder)


def drive(training, step, act=lambda: None):
    """Takes the steps of a run, and acts once when a step is done."""
    for row in training.rows():
        if row["step"] == step and row["split"] == "train":
            act()


def rows_without_time(path):
    """The metrics of a run but for the seconds, which no two runs share."""
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def adapter_bytes(path):
    """The trained tensors as they are on disk."""
    return (path / "adapter" / "adapter.safetensors").read_bytes()


def test_a_step_is_that_of_a_plain_loop(tmp_path):
    """Three steps give the parameters of torch.optim.Adam and clip_grad_norm_ in a loop written out here."""
    training = begin(tmp_path / "ours", dropout=0.0, steps=3, clip=0.5)
    plain = begin(tmp_path / "plain", dropout=0.0, steps=3, clip=0.5).arm.model.train()
    optimizer = torch.optim.Adam([p for p in plain.parameters() if p.requires_grad], lr=training.settings.lr)
    for step in range(3):
        batch = training.train_split.batch(training._order.at(step))
        outputs = plain(batch.tokens, batch.attention_mask)
        loss = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), batch.targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        optimizer.step()
    drive(training, 0)
    ours = dict(training.arm.model.named_parameters())
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(ours[name], parameter, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_resumed_is_uninterrupted(tmp_path, stop):
    """A run that was stopped after some steps ends with the bits and the rows of one that was not."""
    fpt.train("bits/xor", out=tmp_path / "calm", **SETTINGS)
    training = begin(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        drive(training, stop, lambda: signal.raise_signal(signal.SIGINT))
    fpt.train("bits/xor", out=tmp_path / "stopped", resume=True)
    assert adapter_bytes(tmp_path / "stopped") == adapter_bytes(tmp_path / "calm")
    assert rows_without_time(tmp_path / "stopped") == rows_without_time(tmp_path / "calm")


def test_the_seed_decides(tmp_path):
    """Two runs of one seed have the same adapter bit for bit; another seed has another."""
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        fpt.train("bits/xor", out=tmp_path / name, seed=seed, init_seed=0, **SETTINGS)
    assert adapter_bytes(tmp_path / "a") == adapter_bytes(tmp_path / "b")
    assert adapter_bytes(tmp_path / "a") != adapter_bytes(tmp_path / "c")


def test_dropout_draws_by_step():
    """The dropout of a step is drawn from a stream that names the step, so nothing is carried over."""
    assert len({stream_seed(0, "dropout", step, 0) for step in range(1000)}) == 1000


@pytest.mark.parametrize(
    "name", ["backbone.model.h.0.attn.c_attn.weight", "backbone.model.h.0.mlp.c_fc.bias"]
)
def test_one_unit_in_the_last_place_is_caught(tmp_path, name):
    """A frozen element moved by one unit in the last place stops the run, is named, and saves nothing."""
    training = begin(tmp_path / "run")

    def tamper():
        tensor = training.arm.model.get_parameter(name).data.view(-1)
        tensor[0] = torch.nextafter(tensor[0], torch.tensor(torch.inf))

    with pytest.raises(fpt.FrozenError, match=name):
        drive(training, 4, tamper)
    saved = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert saved == ["step-000000003"]
    assert not (tmp_path / "run" / "record.json").exists()


def test_the_record_proves_frozenness(tmp_path):
    """The digest of what is frozen is the same before and after, and the source digest is the body's."""
    record = fpt.train("bits/xor", out=tmp_path / "run", **SETTINGS)
    assert record.held_digest_before == record.held_digest_after
    arm = fpt.build("bits/xor", **SETTINGS)
    assert record.source_digest == arm.model.backbone.source_digest
    total = sum(parameter.numel() for parameter in arm.model.parameters())
    assert sum(count.parameters for count in record.parameters.values()) == total


def test_the_two_digests_of_a_record_are_taken_apart(tmp_path):
    """A frozen element that changes after the last verification shows as a second digest that differs."""
    training = begin(tmp_path / "run", steps=1, evaluate_every=1)
    drive(training, 0)
    verify = training.frozen.verify

    def verify_and_tamper():
        verify()
        training.arm.model.get_parameter("backbone.model.h.0.mlp.c_fc.weight").data[0, 0] += 1

    training.frozen.verify = verify_and_tamper
    record = training.finish()
    assert record.held_digest_before != record.held_digest_after


def test_every_trained_tensor_moves_and_no_other(tmp_path):
    """After the run each tensor of the trained groups differs from its start, and each other is the same."""
    training = begin(tmp_path / "run")
    before = {name: p.detach().clone() for name, p in training.arm.model.named_parameters()}
    drive(training, 0)
    moved = {n for n, p in training.arm.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved == set(training.arm.partition.trained_names)


def test_a_loss_that_is_no_number_stops_before_the_step(tmp_path):
    """With a parameter that is not finite the run stops, the step is not taken, and the error says so."""
    training = begin(tmp_path / "run")
    before = {}

    def poison():
        training.arm.model.output_head[0].weight.data[0, 0] = torch.nan
        before.update({n: p.detach().clone() for n, p in training.arm.model.named_parameters()})

    with pytest.raises(fpt.NonFiniteError, match=r"at step 5 the loss is nan.*checkpoint of step 3"):
        drive(training, 4, poison)
    for name, parameter in training.arm.model.named_parameters():
        torch.testing.assert_close(parameter, before[name], rtol=0, atol=0, equal_nan=True)


def test_every_process_knows_which_checkpoint_there_is(tmp_path):
    """None before the first; then that of step 0, as after alignment, also where another process wrote it."""
    training = begin(tmp_path / "run")
    training.processes.index = 1
    assert training._kept.where() == "at step 1 (and there is no checkpoint yet)"
    training.save()
    assert "the checkpoint of step 0 is in" in training._kept.where()


@pytest.mark.parametrize(("steps", "stamps"), [(8, 0), (3, 1)])
def test_only_what_takes_steps_elsewhere_is_stamped(tmp_path, monkeypatch, steps, stamps):
    """A run that was stopped after its last step computes nothing anew: its bits are those that they were."""
    training = begin(tmp_path / "run")
    with suppress(KeyboardInterrupt):
        drive(training, steps, lambda: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr("fpt_plugins.kept_run.circumstances", lambda *_: {"threads": "many"})
    record = fpt.train("bits/xor", out=tmp_path / "run", resume=True)
    assert len(record.not_bitwise) == stamps


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"batch_size": 2}, "batch size 2, before it was 4"),
        ({"micro_batch_size": 1}, "micro-batch size 1, before it was none"),
        ({"batch_size": 4}, None),
    ],
)
def test_other_batches_go_on_with_a_stamp(tmp_path, changes, reason):
    """A run resumed with smaller batches takes the steps that are left so, and its record says since when."""
    training = begin(tmp_path / "run")
    with suppress(KeyboardInterrupt):
        drive(training, 3, lambda: signal.raise_signal(signal.SIGINT))
    record = fpt.train("bits/xor", out=tmp_path / "run", resume=True, **changes)
    assert record.not_bitwise == ((f"resumed at step 3 with {reason}",) if reason else ())
    assert {name: record.configuration[name] for name in changes} == changes
    assert rows_without_time(tmp_path / "run")[-1]["step"] == 8


def test_the_test_split_is_not_read(tmp_path, monkeypatch):
    """Training asks its task for the training and the validation split, and for no other."""
    task = type(fpt.build("bits/xor", **SETTINGS).task)
    asked, split = [], task.split
    monkeypatch.setattr(task, "split", lambda self, name: asked.append(name) or split(self, name))
    fpt.train("bits/xor", out=tmp_path / "run", **SETTINGS)
    assert set(asked) == {"train", "validation"}


def test_the_adapter_is_that_of_the_best_step(tmp_path):
    """The recorded step is the one whose validation row is best, by accuracy and then by loss."""
    record = fpt.train("bits/xor", out=tmp_path / "run", **{**SETTINGS, "lr": 0.05})
    looks = [row for row in rows_without_time(tmp_path / "run") if row["split"] == "validation"]
    best = max(looks, key=lambda row: (row["accuracy"], -row["loss"]))
    assert record.best_step == best["step"]
    assert record.evaluations["validation"].metrics["accuracy"] == best["accuracy"]


def test_group_rates(tmp_path):
    """A group that is named learns at its own rate; the rest at the common one."""
    training = begin(tmp_path / "run", lr=1e-3, group_lr={"head": 0.5})
    head = set(training.arm.model.output_head.parameters())
    for group in training.optimizer.param_groups:
        assert group["lr"] == (0.5 if head & set(group["params"]) else 1e-3)


def test_folders_are_not_shared(tmp_path):
    """A second run in the same folder is refused, with what to do."""
    fpt.train("bits/xor", out=tmp_path / "run", **SETTINGS)
    with pytest.raises(fpt.FptError, match="is there already"):
        fpt.train("bits/xor", out=tmp_path / "run", **SETTINGS)


def test_a_rate_of_a_frozen_group_is_refused(tmp_path):
    """A learning rate that would have no effect is an error, and leaves no folder."""
    with pytest.raises(fpt.ConfigurationError, match="--group-lr attention has no effect"):
        fpt.train("bits/xor", out=tmp_path / "run", group_lr={"attention": 1e-4}, **SETTINGS)
    assert not (tmp_path / "run").exists()


def test_options_may_be_spelled_otherwise_when_resuming(tmp_path):
    """A number and its word are the same option; another number is refused by name."""
    fpt.train("bits/xor", out=tmp_path / "run", options={"length": 4}, **SETTINGS)
    record = fpt.train("bits/xor", out=tmp_path / "run", resume=True, options={"length": "4"})
    assert record.steps == SETTINGS["steps"]
    with pytest.raises(fpt.ConfigurationError, match="was begun with options"):
        fpt.train("bits/xor", out=tmp_path / "run", resume=True, options={"length": "3"})
