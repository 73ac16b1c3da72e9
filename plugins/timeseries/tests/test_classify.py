"""Problems of two files: splits, floors, missing values, unequal lengths."""

import csv
from datetime import date

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from fpt_plugins import ConfigurationError, InputError, build
from fpt_plugins.options import values
from fpt_timeseries.archive import SEASONS, read_problem
from fpt_timeseries.classify import Classify
from fpt_timeseries.series import carbon_dioxide

HEADER = "@classLabel true up down\n@data\n"


@pytest.fixture
def problem(tmp_path):
    """Writes the two files of a problem and gives the path of the first."""

    def write(train, test, header=HEADER):
        (tmp_path / "Small_TEST.ts").write_text(header + test)
        path = tmp_path / "Small_TRAIN.ts"
        path.write_text(header + train)
        return path

    return write


UNEQUAL = "".join(
    f"{','.join(map(str, range(n, 2 * n + 2)))}:{('up', 'down')[n % 2]}\n" for n in range(1, 21)
)


def test_options_are_filled_from_the_files_once(problem):
    """Classes, channels and the longest series stand in the options, and need no file any more."""
    path = problem(UNEQUAL, "5,6,7:down\n")
    task = Classify(path=path)
    assert (task.classes, task.channels, task.longest) == (("up", "down"), 1, 22)
    path.unlink()
    assert Classify(**{**values(task), "path": path}) == task


def test_splits_are_apart(problem):
    """A fifth of the training cases validates; a case that the test file has too is in no other split."""
    train, doubled = UNEQUAL + UNEQUAL, UNEQUAL.splitlines()[3]
    task = Classify(path=problem(train, f"{doubled}\n9,9,8:up\n"))
    found = {
        name: [sample.tobytes() for sample, _ in task.split(name)] for name in ("train", "validation", "test")
    }
    assert [len(found[name]) for name in found] == [15, 4, 2]
    assert len({content for contents in found.values() for content in contents}) == 21
    assert [dict(task.left_out(name)) for name in found] == [{"copies of other cases": 21}, {}, {}]
    other = Classify(path=task.path, data_seed=1)
    assert [sample.tobytes() for sample, _ in other.split("validation")] != found["validation"]


def test_a_series_is_cut_into_patches(problem):
    """Normalized by numpy's moments of the whole series; the last patch is filled up with the last step."""
    task = Classify(path=problem("1,2,3,4,5:2,2,2,2,2:up\n" * 2, "1,1:2,3:down\n"), patch=2)
    sample = np.array([[1.0, 2], [2, 2], [3, 2], [4, 2], [5, 2]])
    scaled = (np.arange(1, 6) - 3) / np.std(np.arange(1, 6))
    first, last = task.tokenize(sample)[[0, 2]]
    np.testing.assert_allclose(first, [scaled[0], 0, scaled[1], 0], rtol=1e-6)
    np.testing.assert_allclose(last, [scaled[4], 0, scaled[4], 0], rtol=1e-6)
    assert task.sequence.max_length == 3
    raw = Classify(path=task.path, patch=5, normalize=False).tokenize(sample)
    assert raw.tolist() == [sample.ravel().tolist()]


def test_missing_values_are_filled_or_refused(problem):
    """Filled within the series; refused, the line of the case is named; ``null`` in JSON is missing too."""
    path = problem("1,?,3:up\n" * 2, "?,2,?:down\n")
    assert Classify(path=path).split("test")[0][0].ravel().tolist() == [2, 2, 2]
    refusing = Classify(path=path, missing="refuse")
    with pytest.raises(InputError, match="case of line 3: a value is missing"):
        refusing.split("test")
    sample = {"channels": [[1, None, 3]]}
    assert Classify(path=path).parse(sample).ravel().tolist() == [1, 2, 3]
    with pytest.raises(InputError, match="a value is missing"):
        refusing.parse(sample)


@pytest.mark.parametrize(
    "value", [{"channels": [[1], [2]]}, {"channels": [[None]]}, {"channels": 3}, [1, 2], {}]
)
def test_what_is_no_series_is_refused(value):
    """The default problem has one channel; anything else is an InputError."""
    with pytest.raises(InputError):
        Classify().parse(value)


def test_files_that_do_not_belong_together_are_refused(problem, tmp_path):
    """Other classes or channels in the test file, a file of another name, and one that is not there."""
    path = problem("1:up\n", "1:2:up\n")
    with pytest.raises(InputError, match=r"Small_TEST\.ts: 2 channels.*has 1"):
        read_problem(path)
    with pytest.raises(ConfigurationError, match=r"does not end in _TRAIN\.ts"):
        Classify(path=tmp_path / "Small.ts")
    with pytest.raises(InputError, match=r"None_TRAIN\.ts.*cannot be read"):
        Classify(path=tmp_path / "None_TRAIN.ts")


def test_the_nearest_series_is_scipys():
    """The floor's share equals that of scipy's Euclidean distances between normalized series."""
    task = Classify()
    rows = {name: list(task.split(name)) for name in ("train", "test")}
    scaled = {
        name: np.stack([((x - x.mean()) / x.std()).ravel() for x, _ in found]) for name, found in rows.items()
    }
    labels = {name: np.array([label for _, label in found]) for name, found in rows.items()}
    nearest = labels["train"][cdist(scaled["test"], scaled["train"]).argmin(1)]
    floors = {floor.name: floor.value for floor in task.floors("test")}
    commonest = np.bincount(labels["train"]).argmax()
    assert floors == {
        "chance": 1 / 4,
        "majority class": (labels["test"] == commonest).mean(),
        "nearest series": (nearest == labels["test"]).mean(),
    }


def test_series_of_several_lengths_have_no_nearest(problem):
    """Their Euclidean distance is not defined; chance and the commonest class remain."""
    task = Classify(path=problem(UNEQUAL, "1,2:up\n"))
    assert [floor.name for floor in task.floors("test")] == ["chance", "majority class"]


def test_the_default_problem_is_made_of_the_series_of_statsmodels():
    """Every thirteen weeks of it in order, each with the season of its seventh week's month."""
    with carbon_dioxide().open() as file:
        rows = list(csv.reader(file))[1:]
    train, test = read_problem(None)
    seasons = ("winter", "spring", "summer", "autumn")
    expected = []
    for start in range(0, len(rows) - 12, 13):
        block = rows[start : start + 13]
        month = date.fromisoformat(block[6][0]).month
        values_of = [float(word) if word else np.nan for _, word in block]
        if np.isfinite(values_of).sum() > 6:
            expected.append((values_of, month % 12 // 3))
    found = [(case.values.ravel().tolist(), case.label) for case in (*train.cases, *test.cases)]
    assert train.classes == test.classes == seasons == Classify().classes
    assert (train.channels, train.longest, test.longest) == (Classify().channels, 13, Classify().longest)
    np.testing.assert_array_equal([x for x, _ in found], [x for x, _ in expected])
    assert [label for _, label in found] == [label for _, label in expected]
    assert SEASONS.read_text().startswith("# Weekly carbon dioxide over Mauna Loa")


def test_a_file_without_classes_is_answered(tmp_path):
    """Unequal lengths in one batch; each case gets a class of the training files."""
    arm = build("timeseries/classify", backbone="none", backbone_options={"width": 8}, device="cpu")
    path = tmp_path / "new.ts"
    path.write_text("@univariate true\n@classLabel false\n@data\n315,316,317\n320,?,318,317,316\n")
    names, samples = zip(*arm.task.read(path), strict=True)
    assert names == ("case 1", "case 2")
    assert {answer["class"] for answer in arm.predict(samples)} <= set(arm.task.classes)
    path.write_text("@classLabel false\n@data\n1:2\n")
    with pytest.raises(InputError, match=r"new\.ts, line 3: 2 channels, where 1 are taken"):
        list(arm.task.read(path))
