"""Generated sets and the release on disk: determinism, records, caches, and damage that is noticed."""

import hashlib
import json
import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from fpt_listops.generated import generate
from fpt_listops.parsed import load_table
from fpt_listops.tables import FILES
from fpt_listops.tasks import Lra
from fpt_plugins import ConfigurationError, InputError

GOLDEN = "2995c9eb70bf03806bf1e81d09f08c61b27a45f532d84196f09ce344c06bff67"
"""SHA-256 of ``SMALL``'s training table as generator version 1 wrote it, on x86-64 with NumPy 2.4."""
SMALL = {"min_length": 5, "max_length": 40, "max_depth": 4, "max_args": 5}
SIZES = {"train_size": 300, "validation_size": 50, "test_size": 40}


def small(root, **options):
    return Lra(data_root=root, **SMALL | SIZES | options)


def folder_of(task):
    return task.data_root / "listops" / task.generation.name


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES.values()}


def test_the_same_bytes_for_any_number_of_workers(tmp_path):
    """One process and three write the same files."""
    generation = small(tmp_path, train_size=6000).generation  # enough rows for processes to be started
    generate(tmp_path / "one", generation, workers=1)
    generate(tmp_path / "three", generation, workers=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


def test_the_same_bytes_in_another_process(tmp_path):
    """A fresh interpreter with another hash seed writes what generator version 1 has always written."""
    code = (
        "import sys; from pathlib import Path; from fpt_listops.tasks import Lra\n"
        f"Lra(data_root=Path(sys.argv[1]), **{SMALL | SIZES}).split('test')"
    )
    subprocess.run(
        [sys.executable, "-c", code, tmp_path], check=True, env=os.environ | {"PYTHONHASHSEED": "7"}
    )
    record = json.loads((folder_of(small(tmp_path)) / "generated.json").read_text())
    assert record["sha256"]["basic_train.tsv"] == GOLDEN
    assert record["generator_version"] == 1
    assert record["grammar"]["max_args"] == 5
    assert record["rows"] == {"train": 300, "validation": 50, "test": 40}


def test_another_seed_draws_other_expressions(tmp_path):
    """Two seeds share next to no expressions."""
    first, second = (
        {ids.tobytes() for ids, _ in small(tmp_path, min_length=20, data_seed=seed).split("train")}
        for seed in (0, 1)
    )
    assert len(first & second) < 5


def test_the_test_set_stays_when_training_grows(tmp_path):
    """The size of the training split changes neither of the others."""
    few, many = small(tmp_path, train_size=100), small(tmp_path, train_size=400)
    few.split("test"), many.split("test")
    of_few, of_many = contents(folder_of(few)), contents(folder_of(many))
    assert of_few.pop("basic_train.tsv") != of_many.pop("basic_train.tsv")
    assert of_few == of_many


def test_splits_are_disjoint_by_content(tmp_path):
    """No expression occurs twice, in one split or in two, even where the grammar has few of them."""
    task = small(tmp_path, max_length=9, min_length=3)
    everything = [ids.tobytes() for split in ("train", "validation", "test") for ids, _ in task.split(split)]
    assert len(everything) == len(set(everything)) == 390


def test_too_few_expressions_are_refused(tmp_path):
    """A grammar with a hundred expressions (one digit, or an operator and two) cannot fill 390 rows."""
    task = Lra(data_root=tmp_path, min_length=0, max_length=2, max_depth=2, max_args=2, **SIZES)
    with pytest.raises(ConfigurationError, match="only 10 different expressions"):
        task.split("test")
    assert list((tmp_path / "listops").iterdir()) == []  # nothing half done is left


def test_reduced_sets_say_so(tmp_path):
    """A set that is not LRA's size is labeled in its folder's name and in its floors."""
    assert folder_of(small(tmp_path)).name.startswith("not-lra-size-length5-40-depth4-args5")
    assert folder_of(Lra()).name.startswith("lra-size-length500-2000-depth10-args10-operators0.25-rows96000")
    assert Lra(data_seed=4).generation.is_lra_size
    floors = small(tmp_path).floors("validation")
    assert all("not LRA's size" in floor.source for floor in floors if floor.name != "chance")


def test_a_changed_table_is_refused(tmp_path):
    """One digit changed in a generated file is noticed, cached or not, with the file's name."""
    task = small(tmp_path)
    task.split("test")
    path = folder_of(task) / "basic_test.tsv"
    path.write_bytes(path.read_bytes()[:-3] + b"x\r\n")
    with pytest.raises(InputError, match=r"basic_test\.tsv: its SHA-256 is"):
        task.split("test")


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"sha256": {}}'])
def test_a_damaged_record_is_refused(tmp_path, content):
    """A set whose record is gone or says nothing is refused, with what to remove."""
    task = small(tmp_path)
    task.split("test")
    record = folder_of(task) / "generated.json"
    record.unlink() if content is None else record.write_bytes(content)
    with pytest.raises(InputError, match=r"remove .* generated anew"):
        task.split("test")


def test_a_table_is_parsed_once(tmp_path, parsed, monkeypatch):
    """The second reading comes from our own folder and is the first one, array by array."""
    task = small(tmp_path)
    read = task.split("train")
    monkeypatch.setattr("fpt_listops.parsed.read_table", None)
    cached = task.split("train")
    assert len(list(parsed.iterdir())) == 1
    for name in ("ids", "ends", "labels"):
        np.testing.assert_array_equal(getattr(read, name), getattr(cached, name))
        assert getattr(read, name).dtype == getattr(cached, name).dtype


def test_what_lies_beside_a_table_is_not_believed(tmp_path):
    """HDF5 that an archive ships beside its table, whole by its own digest, changes no label."""
    task = Lra(source="release", data_root=tmp_path)
    path = tmp_path / "lra_release" / "listops-1000" / "basic_val.tsv"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"Source\tTarget\r\n" + b"( ( ( [MAX 7 ) 3 ) ] )\t7\r\n" * 2000)
    arrays = {
        "ids": np.tile(np.array([1, 12, 8, 4], np.uint8), 2000),
        "ends": np.arange(4, 8001, 4),
        "labels": np.zeros(2000, np.uint8),  # every one is 7
    }
    table = hashlib.sha256(path.read_bytes()).hexdigest()
    with h5py.File(path.with_suffix(".parsed.h5"), "w") as file:  # as version 1 of the reader kept it
        for name, array in arrays.items():
            file[name] = array
        file.attrs["source"] = f"fpt-listops parsed 1, at most 1999 tokens, {table}"
        file.attrs["sha256"] = hashlib.sha256(b"".join(map(np.ndarray.tobytes, arrays.values()))).hexdigest()
    assert set(task.split("validation").labels.tolist()) == {7}


def test_a_table_is_checked_anew_for_another_limit(tmp_path):
    """What was read with room for long expressions does not spare a shorter limit its refusal."""
    path = tmp_path / "table.tsv"
    path.write_bytes(b"Source\tTarget\r\n( ( ( [MAX 7 ) 3 ) ] )\t7\r\n")
    assert len(load_table(path, sha256="ab" * 32, rows=1, limit=4)) == 1
    with pytest.raises(InputError, match="4 tokens; it may have 1 to 3"):
        load_table(path, sha256="ab" * 32, rows=1, limit=3)


def test_a_data_root_that_cannot_be_written_is_refused(tmp_path):
    """Where the data root's place is taken by a file, the message names the folder."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        small(tmp_path / "file").split("test")


def test_a_script_without_a_guard_is_told(tmp_path):
    """A script whose workers would import it again is told about __name__, in one error."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        from pathlib import Path
        from fpt_listops.generated import generate
        from fpt_listops.tasks import Lra
        task = Lra(**{SMALL | SIZES | {"train_size": 6000}})
        generate(Path({str(tmp_path)!r}) / "set", task.generation, workers=2)
        """)
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert 'keeps its own work under: if __name__ == "__main__":' in ran.stderr


def test_the_release_is_asked_for_by_name(tmp_path):
    """A missing release is one line that says which file to put where."""
    with pytest.raises(InputError) as refusal:
        Lra(source="release", data_root=tmp_path).split("validation")
    assert refusal.value.message == f"there is no {tmp_path}/lra_release/listops-1000/basic_val.tsv"
    assert "lra_release.gz" in refusal.value.remedy


def test_the_release_is_read_and_counted(tmp_path):
    """2,000 rows where the release has them are read; one row less is refused."""
    task = Lra(source="release", data_root=tmp_path)
    path = tmp_path / "lra_release" / "listops-1000" / "basic_val.tsv"
    path.parent.mkdir(parents=True)
    lines = [
        b"Source\tTarget\r\n",
        *(b"( ( ( [MAX %d ) 3 ) ] )\t%d\r\n" % (n % 10, max(n % 10, 3)) for n in range(2000)),
    ]
    path.write_bytes(b"".join(lines))
    split = task.split("validation")
    assert len(split) == 2000
    assert split[-1][0].tolist() == [1, 14, 8, 4]
    path.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(InputError, match=r"basic_val\.tsv: 1999 rows, where 2000 are asked for"):
        task.split("validation")


@pytest.mark.parametrize("option", [{"min_length": 100}, {"data_seed": 1}, {"train_size": 5}])
def test_the_release_takes_no_generator_options(option):
    """An option that would not be honored is refused rather than ignored."""
    with pytest.raises(ConfigurationError, match="source=release"):
        Lra(source="release", **option)
