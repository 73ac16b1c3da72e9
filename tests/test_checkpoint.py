"""Checkpoints: a run that stopped continues as if it never had."""

import functools
import json

import pytest
import safetensors.torch
import torch
from torch import nn

import fpt_plugins as fpt
from fpt_plugins import IntegrityError, Metric, accuracy
from fpt_plugins.checkpoint import Checkpoint, newest_checkpoint, restore, save_checkpoint
from fpt_plugins.optimizer import make_optimizer
from fpt_plugins.storage import read_folder, with_manifest, write_folder
from fpt_plugins.trained_tensors import trained_tensors

LOSS = Metric("loss", None, higher_is_better=False)


def begin(seed=0, **settings):
    """An arm and its optimizer. The body is the same for every seed; the embedding and head are not."""
    body = {"backbone": "gpt2-mini", "init": "random", "init_seed": 0, "backbone_options": {"layers": 1}}
    arm = fpt.build("bits/xor", **body, seed=seed, device="cpu", group_lr={"head": 0.01}, **settings)
    return arm, make_optimizer(arm)


def take_steps(arm, optimizer, steps):
    """Plain training on bits that depend on the step alone; the loss of each step."""
    losses = []
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        tokens = torch.randint(0, 2, (8, 10), generator=generator)
        targets = tokens[:, :5] ^ tokens[:, 5:]
        outputs = arm.outputs(fpt.Batch(tokens, torch.ones(8, 10, dtype=torch.bool)))
        loss = arm.task.target.losses(outputs, targets).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def moments(arm, optimizer):
    """Adam's state by parameter name and key, as torch itself holds it."""
    return {
        (name, key): value
        for name in arm.partition.trained_names
        for key, value in optimizer.state[arm.model.get_parameter(name)].items()
    }


def assert_bitwise_equal(first, second):
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert tensor.dtype == second[name].dtype
        assert torch.equal(tensor, second[name]), name


@pytest.fixture(scope="module")
def three_steps():
    """An arm after three steps, and what a run knows by then."""
    arm, optimizer = begin()
    take_steps(arm, optimizer, range(3))
    best = {name: tensor + 1 for name, tensor in trained_tensors(arm).items()}
    metrics = {"accuracy": 1 / 3, "loss": 0.1}
    return (
        arm,
        optimizer,
        Checkpoint(step=3, seconds=1.25, best_step=2, best_metrics=metrics, best_tensors=best),
    )


@pytest.fixture
def saved(three_steps, tmp_path):
    save_checkpoint(tmp_path, *three_steps)
    return tmp_path / "checkpoints" / "step-000000003"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_three_steps_a_stop_and_three_more_are_six_in_a_row(tmp_path, precision):
    """Losses, trained tensors and both of Adam's moments are bitwise those of a run that never stopped."""
    arm, optimizer = begin(precision=precision)
    losses = take_steps(arm, optimizer, range(3))
    save_checkpoint(tmp_path, arm, optimizer, Checkpoint(step=3))
    losses += take_steps(arm, optimizer, range(3, 6))

    again, fresh = begin(seed=1, precision=precision)
    assert not torch.equal(again.model.input_embedding.weight, arm.model.input_embedding.weight)
    state = restore(again, fresh, newest_checkpoint(tmp_path))
    assert (state.step, take_steps(again, fresh, range(3, 6))) == (3, losses[3:])
    assert_bitwise_equal(trained_tensors(again), trained_tensors(arm))
    assert_bitwise_equal(moments(again, fresh), moments(arm, optimizer))


def test_moments_matter(three_steps, saved):
    """Control: with Adam's moments forgotten, the next steps go elsewhere, so the test above would see it."""
    arms = [begin(seed=1) for _ in range(2)]
    for arm, optimizer in arms:
        restore(arm, optimizer, saved)
    arms[1][1].state.clear()
    for arm, optimizer in arms:
        take_steps(arm, optimizer, [3])
    assert not torch.equal(*(arm.model.input_embedding.weight for arm, _ in arms))


def test_what_a_run_knows_comes_back(three_steps, saved):
    """Step, time, the best step with its metrics and tensors: all equal."""
    _, _, state = three_steps
    found = restore(*begin(seed=1), saved)
    assert (found.step, found.seconds, found.saved_step) == (3, 1.25, 3)
    assert (found.best_step, found.best_metrics) == (2, state.best_metrics)
    assert_bitwise_equal(found.best_tensors, state.best_tensors)


def test_the_parts_are_safetensors_and_json(saved):
    """Each part can be read by its own library alone, and no file is a pickle."""
    parts = {path.name: path.read_bytes() for path in saved.iterdir()}
    assert parts.keys() == {
        "manifest.json",
        "state.json",
        "trained.safetensors",
        "best.safetensors",
        "optimizer.safetensors",
    }
    for name, content in parts.items():
        assert json.loads(content) if name.endswith(".json") else safetensors.torch.load(content)


@pytest.mark.parametrize(
    "part", ["trained.safetensors", "best.safetensors", "optimizer.safetensors", "state.json"]
)
def test_a_missing_part_is_refused(saved, tmp_path, part):
    """Whether the file is gone, or nobody ever wrote it, it is named and nothing is filled in."""
    files = read_folder(saved)
    del files[part]
    write_folder(tmp_path / "never", with_manifest(files))
    (saved / part).unlink()
    for place in (saved, tmp_path / "never"):
        with pytest.raises(IntegrityError, match=part):
            restore(*begin(), place)


@pytest.mark.parametrize("key", ["step", "exp_avg", "exp_avg_sq"])
def test_a_missing_moment_is_refused(saved, tmp_path, key):
    """One moment of one parameter is enough: it is named."""
    files = read_folder(saved)
    tensors = safetensors.torch.load(files["optimizer.safetensors"])
    del tensors[f"output_head.0.bias/{key}"]
    files["optimizer.safetensors"] = safetensors.torch.save(tensors)
    write_folder(tmp_path / "other", with_manifest(files))
    with pytest.raises(IntegrityError, match=f"the optimizer's {key} of output_head.0.bias is missing"):
        restore(*begin(), tmp_path / "other")


@pytest.mark.parametrize("settings", [{"train": "head"}, {"train": "fpt,mlp"}, {"options": {"length": 4}}])
def test_a_checkpoint_of_another_arm_is_refused(saved, settings):
    """Other trained tensors, or the same with other shapes, are named."""
    with pytest.raises(IntegrityError, match=r"the tensor .* (is missing|is not of this arm|has shape)"):
        restore(*begin(**settings), saved)


@pytest.mark.parametrize(
    "part", ["trained.safetensors", "optimizer.safetensors", "state.json", "manifest.json"]
)
def test_a_damaged_part_is_refused(saved, part):
    """One flipped bit in the middle of any file is noticed, and the file is named."""
    content = bytearray((saved / part).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / part).write_bytes(content)
    with pytest.raises(IntegrityError, match=part):
        restore(*begin(), saved)


def test_a_checkpoint_before_the_first_look_comes_back(tmp_path):
    """Ctrl-C may come before anything was validated: there is no best step yet."""
    arm, optimizer = begin()
    take_steps(arm, optimizer, [0])
    save_checkpoint(tmp_path, arm, optimizer, Checkpoint(step=1))
    found = restore(*begin(seed=1), newest_checkpoint(tmp_path))
    assert (found.step, found.best_step, found.best_metrics, found.best_tensors) == (1, 0, {}, {})


def test_a_parameter_that_no_gradient_reached_does_not_stop_resuming(tmp_path):
    """A plugin's embedding may have a part that is not used yet; later its first step is Adam's first."""
    arms = []
    for _ in range(2):
        arm, optimizer = begin()
        arm.model.input_embedding.forward = functools.partial(
            nn.functional.embedding, weight=torch.ones(2, 256)
        )
        take_steps(arm, optimizer, [0])
        arms.append((arm, optimizer))
    (arm, optimizer), (again, fresh) = arms
    assert not optimizer.state.get(arm.model.input_embedding.weight)
    save_checkpoint(tmp_path, arm, optimizer, Checkpoint(step=1))
    restore(again, fresh, newest_checkpoint(tmp_path))
    for each in (arm, again):
        del each.model.input_embedding.forward
    assert take_steps(again, fresh, [1, 2]) == take_steps(arm, optimizer, [1, 2])
    assert_bitwise_equal(trained_tensors(again), trained_tensors(arm))


def test_one_checkpoint_is_kept(three_steps, tmp_path):
    """A newer one replaces the older once it is whole; saving a step twice changes nothing."""
    arm, optimizer, state = three_steps
    assert newest_checkpoint(tmp_path) is None
    for step in (3, 9, 10, 10):
        save_checkpoint(tmp_path, arm, optimizer, Checkpoint(step=step, best_tensors=state.best_tensors))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000000010"]


def test_the_newest_whole_checkpoint_is_found(tmp_path):
    """By its step, and half-written ones are swept away."""
    for name in ("step-000000200", "step-000001000", "step-000000999", ".writing-step-000002000-17"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    assert newest_checkpoint(tmp_path).name == "step-000001000"
    assert not list((tmp_path / "checkpoints").glob(".writing-*"))


@pytest.mark.parametrize(
    ("metric", "found", "best", "better"),
    [
        (accuracy, {"accuracy": 0.1, "loss": 9.0}, {}, True),
        (accuracy, {"accuracy": 0.6, "loss": 9.0}, {"accuracy": 0.5, "loss": 1.0}, True),
        (accuracy, {"accuracy": 0.4, "loss": 0.1}, {"accuracy": 0.5, "loss": 1.0}, False),
        (accuracy, {"accuracy": 0.5, "loss": 0.9}, {"accuracy": 0.5, "loss": 1.0}, True),
        (accuracy, {"accuracy": 0.5, "loss": 1.0}, {"accuracy": 0.5, "loss": 1.0}, False),
        (LOSS, {"loss": 0.9}, {"loss": 1.0}, True),
        (LOSS, {"loss": 1.1}, {"loss": 1.0}, False),
    ],
)
def test_the_best_step_is_chosen_by_the_metric_then_by_the_loss(metric, found, best, better):
    """The first look is the best so far; a tie goes to the smaller loss; equals change nothing."""
    assert Checkpoint(best_metrics=best).is_better(found, metric) is better
