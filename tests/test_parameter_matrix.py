"""Runs whose parameters lie in one matrix take the steps that PyTorch's own Adam takes for each alone."""

import copy

import pytest
import torch

from fpt_plugins.errors import NonFiniteError
from fpt_plugins.parameter_matrix import ParameterMatrix

RATES = (1e-3, 1e-2, 3e-2)
CLIP = 0.5


def run(number):
    """A small model and its optimizer, with a rate of its own and another for its last layer."""
    torch.manual_seed(number)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 2))
    inner = [*model[0].parameters(), *model[1].parameters()]
    groups = [{"params": inner, "lr": RATES[number]}, {"params": [*model[2].parameters()], "lr": 2e-3}]
    return model, torch.optim.Adam(groups, fused=True)


def step_alone(model, optimizer, batch):
    """A step by PyTorch's clipping and its optimizer; the gradient's norm."""
    optimizer.zero_grad()
    model(batch).square().mean().backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    return norm


def step_together(matrix, models, step, batches, which):
    """A step of some of the runs; the norms of their gradients."""
    losses = torch.stack([models[place](batches[place]).square().mean() for place in which])
    matrix.backward(losses)
    return [matrix.steps[place].take(step, loss, CLIP) for place, loss in zip(which, losses, strict=True)]


@pytest.fixture
def runs():
    """Three runs, twice: to be taken alone, and together."""
    alone = [run(number) for number in range(3)]
    return alone, copy.deepcopy(alone)


def batches(step):
    return torch.randn(3, 16, 4, generator=torch.Generator().manual_seed(step))


def assert_equal(alone, together):
    for (one, its), (other, theirs) in zip(alone, together, strict=True):
        for own, expected in zip(other.parameters(), one.parameters(), strict=True):
            torch.testing.assert_close(own, expected)
            for name in ("exp_avg", "exp_avg_sq"):
                torch.testing.assert_close(theirs.state[own][name], its.state[expected][name])
            assert theirs.state[own]["step"] == its.state[expected]["step"]


def test_steps_are_those_of_torchs_adam_for_each_alone(runs):
    """Weights, moments, numbers of steps and norms, from a matrix that is made after two steps alone."""
    alone, together = runs
    models = [model for model, _ in together]
    for step in range(2):
        for each in (alone, together):
            for (model, optimizer), batch in zip(each, batches(step), strict=True):
                step_alone(model, optimizer, batch)
    matrix = ParameterMatrix([optimizer for _, optimizer in together])
    assert_equal(alone, together)
    for step in range(2, 8):
        norms = step_together(matrix, models, step + 1, batches(step), [0, 1, 2])
        expected = [step_alone(*each, batch) for each, batch in zip(alone, batches(step), strict=True)]
        torch.testing.assert_close(norms, expected)
        assert max(norms) > CLIP
    assert_equal(alone, together)


def test_who_takes_no_step_stays_where_it_is(runs):
    """Of three runs the second waits: neither its weights nor its moments move."""
    alone, together = runs
    matrix = ParameterMatrix([optimizer for _, optimizer in together])
    for step in range(3):
        step_together(matrix, [model for model, _ in together], step + 1, batches(step), [0, 2])
        for place in (0, 2):
            step_alone(*alone[place], batches(step)[place])
    assert_equal([alone[0], alone[2]], [together[0], together[2]])
    for own, begun in zip(together[1][0].parameters(), alone[1][0].parameters(), strict=True):
        assert torch.equal(own, begun)
        assert not together[1][1].state[own]["exp_avg"].any()


def test_what_is_read_stacked_gets_the_gradient_that_each_would(runs):
    """One piece of the matrix in the place of three weights, beside a layer that each reads for itself.

    A pass by other means before it, and a first one by the matrix, leave nothing behind.
    """
    alone, together = runs
    models = [model for model, _ in together]
    matrix = ParameterMatrix([optimizer for _, optimizer in together])
    weights, biases = (matrix.stacked(each) for each in models[0][1].parameters())

    def losses(given):
        hidden = torch.stack([models[place][0](given[place]) for place in range(3)])
        normed = torch.nn.functional.layer_norm(hidden, (8,)) * weights[:, None] + biases[:, None]
        return torch.stack([models[place][2](normed[place]).square().mean() for place in range(3)])

    losses(batches(1)).sum().backward()
    matrix.backward(losses(batches(2)))
    matrix.backward(losses(batches(0)))
    for (model, _), (one, its), batch in zip(together, alone, batches(0), strict=True):
        its.zero_grad()
        one(batch).square().mean().backward()
        for own, expected in zip(model.parameters(), one.parameters(), strict=True):
            torch.testing.assert_close(own.grad, expected.grad)


def test_a_loss_that_is_no_number_stops_its_own_run_alone(runs):
    """It takes that step no more, and none after; the host hears of it when it asks."""
    alone, together = runs
    models = [model for model, _ in together]
    matrix = ParameterMatrix([optimizer for _, optimizer in together])
    poisoned = batches(0).clone()
    poisoned[1, 0, 0] = torch.nan
    step_together(matrix, models, 1, poisoned, [0, 1, 2])
    step_together(matrix, models, 2, batches(1), [0, 1, 2])
    for place in (0, 2):
        matrix.steps[place].check()
        step_alone(*alone[place], batches(0)[place])
        step_alone(*alone[place], batches(1)[place])
    assert_equal([alone[0], alone[2]], [together[0], together[2]])
    for own, begun in zip(models[1].parameters(), alone[1][0].parameters(), strict=True):
        assert torch.equal(own, begun)
    with pytest.raises(NonFiniteError, match="at step 1 the loss is nan"):
        matrix.steps[1].check()
