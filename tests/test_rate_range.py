"""The learning-rate range test."""

import itertools

import pytest

from fpt_plugins import Configuration, ConfigurationError, cli
from fpt_plugins.rate_range import DIVERGED, SMOOTHING, RangePoint, RateRange, find_rates

ARM = Configuration.of(
    "bits/xor", backbone="gpt2-mini", init="random", backbone_options={"layers": 1}, batch_size=8
)


@pytest.fixture(scope="module")
def found():
    return find_rates(ARM, low=1e-5, high=100.0, steps=36)


def test_rates_grow_by_one_factor(found):
    """From the first, by the 35th root of the range, until the loss has grown beyond measure."""
    rates = [point.rate for point in found.points]
    assert rates[0] == 1e-5
    ratios = [b / a for a, b in itertools.pairwise(rates)]
    assert ratios == pytest.approx([1e7 ** (1 / 35)] * len(ratios))
    least = min(point.smoothed for point in found.points)
    assert all(point.smoothed <= DIVERGED * least for point in found.points)
    assert 1e-4 < found.least < 10


def test_the_average_is_unbiased(found):
    """Adam's corrected average of the losses, written out: weights fall by 0.9 and sum to one."""
    losses = [point.loss for point in found.points]
    weights = [SMOOTHING**age for age in range(5)]
    expected = sum(w * loss for w, loss in zip(weights, reversed(losses[:5]), strict=True)) / sum(weights)
    assert found.points[4].smoothed == pytest.approx(expected)


def test_the_sweep_lies_around_the_steepest_rate():
    """Two rates per decade, from a tenth of the steepest to the least loss."""
    points = (RangePoint(rate=1e-3, loss=1.0, smoothed=1.0),)
    assert RateRange(points=points, steepest=1e-2, least=1e-1).sweep == (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)


def test_a_sweep_has_no_rate_below_those_tested():
    """Where the first rates are the steepest, a tenth of them was never tried."""
    points = (RangePoint(rate=1e-3, loss=1.0, smoothed=1.0),)
    assert RateRange(points=points, steepest=2e-3, least=1e-2).sweep == (1e-3, 3e-3, 1e-2)


@pytest.mark.parametrize("wrong", [{"low": 0.0}, {"low": 1.0, "high": 0.1}, {"steps": 2}])
def test_an_empty_range_is_refused(wrong):
    """Before anything is built."""
    with pytest.raises(ConfigurationError, match="no range"):
        find_rates(ARM, **wrong)


def test_the_command_draws_and_prints(tmp_path, capsys):
    """The picture is a PNG, and the printed rates are numbers."""
    words = [
        "lr-find",
        "bits/xor",
        "--set",
        "backbone=none",
        "--steps",
        "5",
        "--out",
        str(tmp_path / "a.png"),
    ]
    cli.app(words, result_action="return_value")
    assert (tmp_path / "a.png").read_bytes()[1:4] == b"PNG"
    assert "rates for a sweep: " in capsys.readouterr().out
