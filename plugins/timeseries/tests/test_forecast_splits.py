"""Which windows a split has: the standard splits of ETT, and shares of any other file."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from fpt_plugins import ConfigurationError, InputError
from fpt_timeseries.borders import borders
from fpt_timeseries.forecast import Forecast
from fpt_timeseries.series import carbon_dioxide

SPLITS = ("train", "validation", "test")
COLUMNS = ("HUFL", "OT")


@pytest.fixture(scope="module")
def ett(tmp_path_factory):
    """A file as long as ETTh1, 17,420 hours: the number of the row, and its negative after a jump."""
    path = tmp_path_factory.mktemp("ett") / "ETTh1.csv"
    first = datetime.fromisoformat("2016-07-01")
    rows = (f"{first + timedelta(hours=row)},{row},{-3 * row}\n" for row in range(17_420))
    path.write_text("date,HUFL,OT\n" + "".join(rows))
    return path


def rows_of(task, name):
    """The first and the last row that are forecast, by undoing the standardization of the first column."""
    split = task.split(name)
    count = len(split) // len(COLUMNS)
    train = np.arange(8640)
    unit = lambda values: np.rint(values.astype(np.float64) * train.std() + train.mean()).astype(int)  # noqa: E731
    return count, unit(split[0][1])[0], unit(split[count - 1][1])[-1]


def test_the_splits_of_ett_are_the_published_ones(ett):
    """12, 4 and 4 months of 30 days; at 336 and 96 hours 8,209, 2,785 and 2,785 windows of each column.

    The counts are those of the closed form ``months * 720 - (context where training) - horizon + 1``;
    validation and test windows reach back into the rows before, as in Informer's loader.
    """
    task = Forecast(path=ett)
    assert rows_of(task, "train") == (8640 - 336 - 96 + 1, 336, 8639)
    assert rows_of(task, "validation") == (2880 - 96 + 1, 8640, 11_519)
    assert rows_of(task, "test") == (2785, 11_520, 14_399)


def test_minutes_have_four_times_the_rows(tmp_path):
    """ETTm's borders are those of ETTh times four, and a file that is too short for them is refused."""
    found = borders(tmp_path / "ETTm2.csv", 69_680, 0.1, 0.2)
    assert [(rows.start, rows.stop) for rows in found.values()] == [
        (0, 34_560),
        (34_560, 46_080),
        (46_080, 57_600),
    ]
    with pytest.raises(InputError, match=r"1,000 rows, where the standard splits of ETTm2 take 57,600"):
        borders(tmp_path / "ETTm2.csv", 1000, 0.1, 0.2)


def test_other_files_are_cut_by_shares(tmp_path):
    """Seven, one and two tenths in the order of time, without a gap, as in Informer's loader."""
    found = borders(tmp_path / "weather.csv", 1003, 0.1, 0.2)
    train, tested = int(1003 * 0.7), int(1003 * 0.2)
    assert found == {
        "train": range(train),
        "validation": range(train, 1003 - tested),
        "test": range(1003 - tested, 1003),
    }


def test_a_window_is_followed_by_its_target(ett):
    """Sample and target are consecutive rows of one column; the columns come one after the other."""
    task = Forecast(path=ett, context=16, horizon=4, patch=8, stride=8)
    split = task.split("validation")
    count = len(split) // 2
    for index in (0, 5, count - 1, count, 2 * count - 1):
        window, target = split[index]
        joined = np.concatenate([window, target]).astype(np.float64)
        sign = 1 if index < count else -1
        np.testing.assert_allclose(
            np.diff(joined), sign / np.arange(8640).std(), rtol=2e-3
        )  # float32 of order 1
    assert split[-1][1].tolist() == split[2 * count - 1][1].tolist()


def test_training_rows_are_standard():
    """By the training rows alone each column has mean 0 and deviation 1; a constant one is 0."""
    from fpt_timeseries.windows import standardized

    values = np.random.default_rng(0).normal(50, 7, size=(100, 2))
    values[:, 1] = 3.0
    found = standardized(values, range(70)).astype(np.float64)
    assert found[:70, 0].mean() == pytest.approx(0, abs=1e-6)
    assert found[:70, 0].std() == pytest.approx(1, abs=1e-6)
    assert not found[:, 1].any()


def test_the_default_series_is_that_of_statsmodels():
    """Its 2,284 weeks are what ``statsmodels.datasets.co2`` loads, 59 of them filled."""
    from statsmodels.datasets import co2

    loaded = co2.load_pandas().data["co2"]
    table = Forecast()._table(None)
    assert (len(table), int(loaded.isna().sum())) == (2284, 59)
    np.testing.assert_allclose(table.values[:, 0], loaded.interpolate(limit_direction="both").to_numpy())
    assert table.next_date == str((loaded.index[-1] + timedelta(weeks=1)).date())
    assert carbon_dioxide().is_file()


def test_a_short_series_is_refused_with_the_remedy(tmp_path):
    """The split that has no window is named, and what to change."""
    path = tmp_path / "short.csv"
    path.write_text("date,x\n" + "".join(f"2016-07-{day:02},{day}\n" for day in range(1, 31)))
    with pytest.raises(InputError, match=r"(?s)short\.csv: 30 rows leave 21 to train.*context and horizon"):
        Forecast(path=path).split("train")
    assert len(Forecast(path=path, context=8, horizon=2, patch=4, stride=2).split("test")) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 100}, "do not fill context=100.*context=96"),
        ({"context": 8}, "do not fill context=8.*context=16"),
        ({"stride": 17}, "stride=17 leaves values out"),
    ],
)
def test_patches_that_do_not_fill_the_window_are_refused(options, message):
    """With the nearest context that they fill."""
    with pytest.raises(ConfigurationError, match=f"(?s){message}"):
        Forecast(**options)
