"""Reversible normalization, floors, and forecasts in the units of the window."""

import numpy as np
import pytest
import torch

from fpt_plugins import InputError, build
from fpt_plugins.prediction import predict, read_files
from fpt_timeseries.forecast import Forecast
from fpt_timeseries.horizon import Horizon
from fpt_timeseries.naive import last_season
from fpt_timeseries.reversible import NormalizedPatches, moments, windows

SMALL = {"context": 24, "horizon": 6, "patch": 8, "stride": 4}


@pytest.fixture(scope="module")
def arm():
    """An untrained model of small windows, on one random block."""
    return build("timeseries/forecast", backbone="gpt2-mini", init="random", backbone_options={"layers": 1},
                 options=SMALL, device="cpu", precision="fp32")  # fmt: skip


def draws(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(("patch", "stride"), [(8, 4), (8, 8), (8, 3), (1, 1)])
def test_patches_are_the_windows_cut_and_joined(patch, stride):
    """Cut by a loop over starts; joined again, the window is what it was, and its moments are numpy's."""
    context = patch + 5 * stride
    task = Forecast(context=context, patch=patch, stride=stride)
    window = draws(context)
    expected = [window[start : start + patch] for start in range(0, context - patch + 1, stride)]
    tokens = task.tokenize(window)
    np.testing.assert_allclose(tokens, expected, rtol=1e-6)
    batch = torch.tensor(tokens)[None]
    np.testing.assert_allclose(windows(batch, stride)[0], window, rtol=1e-6)
    mean, deviation = moments(batch, stride)
    assert (mean.item(), deviation.item()) == pytest.approx((window.mean(), window.std()), rel=1e-5)


def test_the_embedding_sees_normalized_patches():
    """It is its own linear map of ``(x - mean) / deviation``, computed here by numpy."""
    torch.manual_seed(0)
    module = NormalizedPatches(8, 4, 16)
    window = 40 + 3 * draws(24)
    tokens = Forecast(**SMALL).tokenize((window - window.mean()) / window.std())
    found = module(torch.tensor(Forecast(**SMALL).tokenize(window))[None])
    torch.testing.assert_close(found[0], module.linear(torch.tensor(tokens)), atol=1e-4, rtol=1e-4)


def test_the_target_undoes_it():
    """Outputs of 0 are the window's mean and outputs of 1 a deviation above, also for a constant window."""
    window = torch.tensor(40 + 3 * draws(24), dtype=torch.float32)
    tokens = torch.stack([window.unfold(0, 8, 4), torch.full((5, 8), 7.0)])
    target, mask = Horizon(2, 4), torch.ones(2, 5, dtype=torch.bool)
    found = target.restore(torch.tensor([[0.0, 1.0], [0.0, 1.0]], dtype=torch.bfloat16), tokens, mask)
    mean, deviation = window.mean(), window.std(correction=0)
    torch.testing.assert_close(found, torch.tensor([[mean, mean + deviation], [7.0, 8.0]]))


@pytest.mark.parametrize(("factor", "offset"), [(1e-6, 0.0), (1e9, 0.0), (2.5, 400.0)])
def test_another_unit_gives_the_same_forecast_in_that_unit(arm, factor, offset):
    """A window times a factor and plus an offset is forecast by the forecast times the one plus the other."""
    window = draws(24)
    (one,), (other,) = (arm.predict([values]) for values in (window, factor * window + offset))
    np.testing.assert_allclose(
        other["values"], factor * np.array(one["values"]) + offset, rtol=1e-4, atol=1e-4 * factor
    )


def test_floors_are_those_of_a_loop():
    """Each forecast made by hand, window by window, on the default series; the season is 52 weeks."""
    task = Forecast(context=64, horizon=60, patch=8, stride=8)
    found = {(floor.metric, floor.name): floor.value for floor in task.floors("test")}
    errors = {"naive": [], "seasonal naive": [], "window mean": []}
    for window, target in task.split("test"):
        seasonal = [window[64 - 52 + step % 52] for step in range(60)]
        forecasts = {"naive": window[-1], "seasonal naive": np.array(seasonal), "window mean": window.mean()}
        for name, forecast in forecasts.items():
            errors[name].append((target - forecast).astype(np.float64))
    for name, rows in errors.items():
        assert found["mean_squared_error", name] == pytest.approx(np.square(rows).mean(), rel=1e-5)
        assert found["mean_absolute_error", name] == pytest.approx(np.abs(rows).mean(), rel=1e-5)


def test_a_periodic_series_has_a_perfect_seasonal_forecast(tmp_path):
    """With its own period as season the error is 0, the naive one's is not; a season too long is no floor."""
    path = tmp_path / "waves.csv"
    rows = "".join(f"{1700 + year}-01-01,{[3, 1, 4, 1, 5][year % 5]}\n" for year in range(200))
    path.write_text(f"date,x\n{rows}")
    floors = {floor.name: floor.value for floor in Forecast(path=path, season=5, **SMALL).floors("test")}
    assert floors["seasonal naive"] == pytest.approx(0, abs=1e-12)
    assert floors["naive"] > 0.1
    for season in (0, 25):
        names = {floor.name for floor in Forecast(path=path, season=season, **SMALL).floors("test")}
        assert names == {"naive", "window mean"}
    assert last_season(np.arange(6.0)[None], 7, 3).tolist() == [[3, 4, 5, 3, 4, 5, 3]]


def test_a_file_is_continued_column_by_column(arm, tmp_path):
    """The last windows are forecast, in the file's units, from the date that follows its last."""
    path = tmp_path / "mine.csv"
    series = np.stack([1000 + draws(30), 1e-3 * draws(30, seed=1)], axis=1)
    rows = "".join(f"2020-01-{day:02},{a:.12g},{b:.12g}\n" for day, (a, b) in enumerate(series, start=1))
    path.write_text(f"date,power,leak\n{rows}")
    power, leak = predict(arm, read_files(arm.task, [path]))
    assert [power["id"], leak["id"]] == [f"{name}, from 2020-01-31" for name in ("power", "leak")]
    assert len(power["values"]) == len(leak["values"]) == 6
    assert np.ptp([*power["values"], 1000]) < 20
    assert max(map(abs, leak["values"])) < 0.02
    (same,) = arm.predict([series[-24:, 0]])
    np.testing.assert_allclose(same["values"], power["values"], rtol=1e-6)


def test_a_file_shorter_than_the_window_is_refused(arm, tmp_path):
    """With its length and the window's."""
    path = tmp_path / "mine.csv"
    path.write_text("date,x\n2020-01-01,1\n2020-01-02,2\n")
    with pytest.raises(InputError, match=r"mine\.csv: 2 rows, where 24 are seen"):
        list(arm.task.read(path))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0] * 23, "23 values, where 24 are seen"),
        ([1.0] * 23 + [None], r"values\[23\]: None is no finite number"),
        ([True] * 24, "True is no finite number"),
        ("12", "is no list of numbers"),
    ],
)
def test_a_sample_in_json_is_a_window(values, reason):
    """More values than a window are its last ones; what is no number is refused by its place."""
    task = Forecast(**SMALL)
    assert task.parse({"values": list(range(30))}).tolist() == list(range(6, 30))
    with pytest.raises(InputError, match=reason):
        task.parse({"values": values})


def test_what_float32_cannot_tell_apart_is_refused():
    """A window that varies by a thousandth around a million would be noise; a constant one is taken."""
    task = Forecast(**SMALL)
    with pytest.raises(InputError, match="too little for float32\n  take a constant off"):
        task.tokenize(1e6 + 1e-3 * draws(24))
    assert (task.tokenize(np.full(24, 1e6)) == 1e6).all()
