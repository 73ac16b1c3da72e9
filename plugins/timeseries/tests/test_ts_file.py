"""The ``.ts`` format, byte for byte as sktime's documentation has it, and what is refused with its line."""

import numpy as np
import pytest

from fpt_plugins import InputError
from fpt_timeseries.ts_file import read_ts

HEADER = """# a comment
@problemName Motions
@timeStamps false
@missing true
@univariate false
@dimensions 2
@equalLength false
@classLabel true Standing Running

@data
"""
GOOD = "1,2,3:4,?,6:Standing\n-1.5,2e3:NaN,0:Running\n"


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""

    def write(text):
        path = tmp_path / "Motions_TRAIN.ts"
        path.write_text(text)
        return path

    return write


def test_cases_are_read(write):
    """Channels, missing values, lengths, classes and lines are those of the text."""
    found = read_ts(write(HEADER + GOOD))
    assert (found.classes, found.channels, found.longest) == (("Standing", "Running"), 2, 3)
    assert [(case.label, case.line) for case in found.cases] == [(0, 11), (1, 12)]
    np.testing.assert_array_equal(found.cases[0].values, [[1, 4], [2, np.nan], [3, 6]])
    np.testing.assert_array_equal(found.cases[1].values, [[-1.5, np.nan], [2000, 0]])


def test_cases_without_classes_are_read(write):
    """``@classLabel false``: the last channel is no class, and upper case in names is no matter."""
    found = read_ts(write("@UNIVARIATE true\n@classLabel false\n@DATA\n1,2\n3\n"))
    assert found.classes == ()
    assert [(case.label, case.values.ravel().tolist()) for case in found.cases] == [(-1, [1, 2]), (-1, [3])]


EQUAL = HEADER.replace("@equalLength false", "@equalLength true\n@seriesLength 3")
REFUSED = {
    "an unknown class": (
        HEADER + "1:2:Sitting\n",
        "line 11: the class 'Sitting' is none of Standing, Running",
    ),
    "too few channels": (HEADER + "1,2:Standing\n", "line 11: 1 channels, where the header has 2"),
    "channels of two lengths": (HEADER + "1,2:1:Standing\n", r"line 11: channels of \[1, 2\] values"),
    "another length": (
        EQUAL + "1,2:3,4:Standing\n",
        r"line 12: channels of \[2\] values, where the header has 3",
    ),
    "a word": (HEADER + "1,x:1,2:Standing\n", "line 11: 'x' is no finite number"),
    "an empty value": (HEADER + "1,:1,2:Standing\n", "line 11: '' is no finite number"),
    "infinity": (HEADER + "1,inf:1,2:Standing\n", "line 11: 'inf' is no finite number"),
    "an empty channel": (HEADER + "?,?:1,2:Standing\n", "line 11: a channel has no value at all"),
    "time stamps": ("@timeStamps true\n@data\n(0,1):a\n", "line 1: values with time stamps are not read"),
    "a real target": ("@targetLabel true\n@data\n1:2.5\n", "line 1: a real target is not a class"),
    "one class": ("@classLabel true A\n@data\n1:A\n", "above line 2: @classLabel names 1 classes"),
    "a length that is none": (
        "@equalLength true\n@seriesLength x\n@data\n1\n",
        "above line 3: @serieslength is 'x'",
    ),
    "no data": ("@problemName a\n1,2\n", "line 2: '1,2' stands before @data"),
    "no line of data": ("@problemName a\n", "no line @data"),
    "no case": (HEADER, "no case after @data"),
    "channels that change": (
        "@classLabel false\n@data\n1:2\n1\n",
        "line 4: 1 channels, where the first case has 2",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_refused_by_its_line(write, what):
    """File, line and reason are named."""
    text, message = REFUSED[what]
    with pytest.raises(InputError, match=rf"Motions_TRAIN\.ts.*{message}"):
        read_ts(write(text))


def test_a_line_that_no_archive_has_is_not_read_whole(write, monkeypatch):
    """Beyond the longest line nothing is taken into memory, and a lone @ is a header line without a name."""
    monkeypatch.setattr("fpt_timeseries.text_lines.LONGEST", 200)
    with pytest.raises(InputError, match=r"Motions_TRAIN\.ts, line 11: a line of 200 characters or more"):
        read_ts(write(HEADER + "1," * 200))
    assert read_ts(write("@\n" + HEADER + GOOD)).classes == ("Standing", "Running")
