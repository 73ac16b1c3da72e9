"""CSV in the layout of ETT: what is read, and what is refused with its line."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from fpt_plugins import InputError, UnknownName
from fpt_timeseries.dated_csv import read_table
from fpt_timeseries.forecast import Forecast
from fpt_timeseries.series import read_series
from fpt_timeseries.steps import Step, find_step

HEADER = "date,HUFL,OT\n"
FIRST = datetime.fromisoformat("2016-07-01")


def hours(count, values="1.5,-2"):
    """Lines of hourly values."""
    return [f"{FIRST + timedelta(hours=place)},{values}\n" for place in range(count)]


@pytest.fixture
def write(tmp_path):
    """Writes a CSV and gives its path."""

    def write(text):
        path = tmp_path / "a.csv"
        path.write_text(text)
        return path

    return write


def test_a_table_is_read(write):
    """Names, numbers, lines, step and next date are those of the text, whatever byte-order mark."""
    path = write("\ufeff" + HEADER + "".join(hours(2)) + "\n2016-07-01 02:00:00,?,1e3\n")
    table = read_table(path, regular=True)
    assert table.columns == ("HUFL", "OT")
    np.testing.assert_array_equal(table.values, [[1.5, -2], [1.5, -2], [np.nan, 1000]])
    assert (table.lines, table.step) == ([2, 3, 5], Step(timedelta(hours=1)))
    assert table.next_date == "2016-07-01 03:00:00"


LINES = hours(4)
REFUSED = {
    "unsorted": ([LINES[0], LINES[2], LINES[1]], "line 4: 2016-07-01 01:00:00 comes after .*sort"),
    "twice": ([LINES[0], LINES[0]], "line 3: 2016-07-01 00:00:00 stands twice.*keep one"),
    "a gap": ([*LINES[:3], "2016-07-01 05:00:00,1,1\n"], "line 5: .* is 3:00:00 after .*regular=false"),
    "no date": (["yesterday,1,2\n"], "line 2: 'yesterday' is no date.*ISO 8601"),
    "time zones": ([LINES[0], "2016-07-01 01:00:00+00:00,1,1\n"], "line 3: this date has a time zone"),
    "a word": (["2016-07-01,1,warm\n"], "line 2: OT is 'warm', which is no finite number"),
    "infinity": (["2016-07-01,inf,1\n"], "line 2: HUFL is 'inf'"),
    "too large": (["2016-07-01,1e30,1\n"], "line 2: HUFL is '1e30'"),
    "a short line": (["2016-07-01,1\n"], "line 2: 2 fields, where the header has 3"),
    "a long line": (["2016-07-01,1,2,3\n"], "line 2: 4 fields"),
    "nothing": ([], "the file has no line of values"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_refused_by_its_line(write, what):
    """File, line and reason are named, and a remedy where there is one."""
    lines, message = REFUSED[what]
    with pytest.raises(InputError, match=rf"(?s)a\.csv.*{message}"):
        read_table(write(HEADER + "".join(lines)), regular=True)


@pytest.mark.parametrize("header", ["\n", "date\n", "date,\n", "date,a,a\n"])
def test_a_header_names_different_columns(write, header):
    """A header without values' names, or with one twice, is refused."""
    with pytest.raises(InputError, match=r"a\.csv, line 1"):
        read_table(write(header + "2016-07-01,1,2\n"), regular=True)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    """A binary file is named, and not a traceback shown."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"date,x\n\xff\xfe\x00")
    with pytest.raises(InputError, match=r"a\.csv, after line \d+: the file cannot be read"):
        read_table(path, regular=True)


def test_irregular_steps_are_taken_where_asked(write):
    """Lines are steps then, and no date follows."""
    table = read_table(write(HEADER + LINES[0] + LINES[1] + LINES[3]), regular=False)
    assert (len(table), table.step, table.next_date) == (3, None, "")


def test_missing_values_are_refused_or_filled(write):
    """The first one's line is named; filled, they are numpy's linear interpolation, ends held."""
    path = write(
        "date,x\n" + "".join(f"2016-07-0{day},{x}\n" for day, x in enumerate(("", 1, "", "", 4, ""), 1))
    )
    with pytest.raises(InputError, match=r"(?s)line 2: x is missing, and 3 more.*missing=interpolate"):
        read_series(path, (), "refuse", regular=True)
    filled = read_series(path, (), "interpolate", regular=True).values
    assert filled.ravel().tolist() == [1, 1, 2, 3, 4, 4]


def test_a_column_without_a_value_is_refused(write):
    """It cannot be filled, and the remedy leaves it out."""
    path = write(HEADER + "".join(hours(3, "1,")))
    with pytest.raises(InputError, match="OT has no value at all"):
        read_series(path, (), "interpolate", regular=True)
    assert read_series(path, ("HUFL",), "interpolate", regular=True).values.tolist() == [[1], [1], [1]]


def test_an_unknown_column_is_refused_with_the_nearest(write):
    """A misspelt name is answered with the one that was meant."""
    with pytest.raises(UnknownName, match="did you mean HUFL"):
        Forecast(path=write(HEADER + "".join(LINES)), columns=("HUFLL",)).split("train")


def dates(*words):
    return [datetime.fromisoformat(word) for word in words]


STEPS = {
    "months": (dates("2001-01-01", "2001-02-01", "2001-03-01"), Step(months=1), 12, "2001-04-01"),
    "ends of months": (dates("2001-01-31", "2001-02-28", "2001-03-31"), Step(months=1), 12, "2001-04-30"),
    "quarters": (dates("2001-01-01", "2001-04-01", "2001-07-01"), Step(months=3), 4, "2001-10-01"),
    "years": (dates("1999-07-01", "2000-07-01", "2001-07-01"), Step(months=12), 0, "2002-07-01"),
    "weeks": (dates("2000-02-19", "2000-02-26", "2000-03-04"), Step(timedelta(7)), 52, "2000-03-11"),
    "days": (dates("2000-02-28", "2000-02-29", "2000-03-01"), Step(timedelta(1)), 7, "2000-03-02"),
    "minutes": (dates("2000-01-01T00", "2000-01-01T00:15"), Step(timedelta(0, 900)), 96, "2000-01-01T00:30"),
}  # fmt: skip


@pytest.mark.parametrize("what", STEPS)
def test_steps_are_those_of_the_calendar(what):
    """Months count as steps though their days differ; each step has its season and its next date."""
    found, step, season, following = STEPS[what]
    assert (find_step(found), step.season) == (step, season)
    after = step.after(found[-1])
    assert after == datetime.fromisoformat(following)
    assert step.written(after) == following.replace("T", " ") + ":00" * ("T" in following)


def test_no_step_fits_other_dates():
    """Months on other days, and the last date that there is."""
    assert find_step(dates("2001-01-01", "2001-02-02", "2001-03-01")) is None
    assert find_step(dates("2001-01-30", "2001-02-28", "2001-03-30")) is None
    assert Step(timedelta(1)).after(datetime.fromisoformat("9999-12-31")) is None


def test_a_line_that_no_table_has_is_not_read_whole(write, monkeypatch):
    """Beyond the longest line nothing is taken into memory."""
    monkeypatch.setattr("fpt_timeseries.text_lines.LONGEST", 200)
    with pytest.raises(InputError, match=r"a\.csv, line 2: a line of 200 characters or more"):
        read_table(write(HEADER + "1," * 200), regular=True)
