"""A run's folder: made once, resumed with the same settings, written by one process."""

import json
import subprocess
import sys

import pytest

from fpt_plugins import Configuration, ConfigurationError, FptError, IntegrityError
from fpt_plugins.metric_rows import METRICS
from fpt_plugins.resuming import continued
from fpt_plugins.run_folder import RunFolder
from fpt_plugins.storage import read_sealed

ASKED = {"backbone": "gpt2-mini", "init": "random", "steps": 9, "options": {"length": 4}, "seed": 3}


def begin(out, **given):
    return RunFolder.open(Configuration.of("bits/xor", **given), out, resume=False, given=given)


def resume(out, task="bits/xor", **given):
    return RunFolder.open(Configuration.of(task, **given), out, resume=True, given=given)


@pytest.fixture
def run(tmp_path):
    return begin(tmp_path / "run", **ASKED)


def test_a_new_folder_holds_what_was_asked(run):
    """``run.json`` is sealed and says what was given, and what was not as null."""
    stored = read_sealed(run.path / "run.json")["configuration"]
    assert {name: stored[name] for name in ASKED} == ASKED
    assert (stored["task"], stored["lr"]) == ("bits/xor", None)
    assert run.adapter == run.path / "adapter"


def test_a_folder_that_is_there_is_refused_with_both_ways_on(run):
    """Nothing is overwritten: continue it, or name another."""
    with pytest.raises(
        FptError, match=r"run is there already\n  continue it with --resume --out .*run, or give"
    ):
        begin(run.path, **ASKED)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    """A file where a folder should be is an error with the system's reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FptError, match="run cannot be made: Not a directory"):
        begin(tmp_path / "file" / "run")


def test_a_resumed_run_has_the_settings_that_it_began_with(run):
    """With nothing repeated, or everything repeated, the configuration is the first one."""
    for given in ({}, ASKED, dict.fromkeys(ASKED), {"steps": 9}):
        assert resume(run.path, **given) == run


DIFFERENT = {
    "backbone": "gpt2",
    "init": "pretrained",
    "steps": 10,
    "options": {"length": 5},
    "seed": 0,
    "lr": 0.1,
    "train": "head",
    "dropout": 0.5,
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_another_setting_is_refused_by_name(run, name):
    """The message names the setting, what it was and what it would be."""
    with pytest.raises(ConfigurationError) as caught:
        resume(run.path, **{name: DIFFERENT[name]})
    begun = getattr(run.configuration, name)
    assert caught.value.message.endswith(f"was begun with {name} {begun}, not {DIFFERENT[name]}")
    assert caught.value.remedy.startswith(f"leave {name} out")


def test_another_task_is_refused(run):
    """The folder of one task is no place for another."""
    refused = "was begun with task bits/xor, not bits/memory\n  name bits/xor to continue"
    with pytest.raises(ConfigurationError, match=refused):
        resume(run.path, task="bits/memory")


def test_where_it_runs_may_be_given_anew(run, tmp_path):
    """The device and the data's place say where, not what."""
    resumed = resume(run.path, device="cuda:1", data=tmp_path)
    assert (resumed.configuration.device, resumed.configuration.data) == ("cuda:1", tmp_path)
    assert resume(run.path).configuration.device == "auto"


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path):
    """Neither a folder that is missing nor one that holds something else."""
    for place in (tmp_path / "gone", tmp_path):
        with pytest.raises(FptError, match=f"there is no run to resume in {place}"):
            resume(place)


def test_a_damaged_run_is_not_resumed(run):
    """One changed byte of ``run.json`` is an ``IntegrityError``."""
    path = run.path / "run.json"
    path.write_bytes(path.read_bytes().replace(b'"seed": 3', b'"seed": 4'))
    with pytest.raises(IntegrityError, match=r"run\.json"):
        resume(run.path)


HOLDER = """
import sys, time
from pathlib import Path
from fpt_plugins import Configuration
from fpt_plugins.resuming import continued
from fpt_plugins.run_folder import RunFolder
with RunFolder(Path(sys.argv[1]), Configuration(task="bits/xor")).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_kept_out_until_the_first_is_gone(run):
    """While another process holds the folder it cannot be locked; once that is killed, it can."""
    command = [sys.executable, "-c", HOLDER, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(FptError, match=f"another process works in {run.path}\n"), run.lock():
                pytest.fail("both hold it")
        finally:
            holder.kill()
    with run.lock():
        pass


def test_a_lock_is_released_after_an_error(run):
    """What goes wrong inside comes out as it is, and the folder is free again."""

    def fail():
        raise TimeoutError("the hub is slow")

    with pytest.raises(TimeoutError, match="the hub is slow"), run.lock():
        fail()
    with run.lock(), pytest.raises(FptError), run.lock():
        pytest.fail("held twice")


def test_whoever_locks_sweeps(run):
    """What a dead writer left in the folder is gone; the run's own files stay."""
    (run.path / ".writing-record.json-17").write_bytes(b"half")
    (run.path / ".writing-adapter-17").mkdir()
    with run.lock():
        assert {path.name for path in run.path.iterdir()} == {"run.json", ".lock"}


ROWS = [{"step": step, "split": "train", "loss": 1 / (step + 1), "note": "é\u2028"} for step in range(6)]


def test_rows_come_back_as_they_were_written(run):
    """Before the first there are none; then all of them, in order, one line each."""
    assert run.rows() == []
    with run.appending() as append:
        for row in ROWS:
            append(row)
            assert run.rows()[-1] == row
    assert run.rows() == ROWS
    text = (run.path / METRICS).read_text()
    assert [json.loads(line) for line in text.removesuffix("\n").split("\n")] == ROWS


@pytest.mark.parametrize("step", [-1, 0, 3, 9])
def test_rows_after_a_step_are_dropped(run, step):
    """What will be written again is gone, the rest stays, and writing goes on."""
    with run.appending() as append:
        for row in ROWS:
            append(row)
    run.keep_rows(step)
    with run.appending() as append:
        append({"step": 99})
    assert run.rows() == [*[row for row in ROWS if row["step"] <= step], {"step": 99}]


def test_a_process_that_does_not_lead_writes_nothing(run):
    """It is given the rows up to the step as the leading one is, and the file stays as it was."""
    with run.appending() as append:
        for row in ROWS:
            append(row)
    written = run.path / METRICS
    before = written.stat().st_ino, written.read_bytes()
    assert run.keep_rows(3, writes=False) == [row for row in ROWS if row["step"] <= 3]
    assert (written.stat().st_ino, written.read_bytes()) == before


def test_a_half_written_last_row_is_left_out(run):
    """A row without its end is that of a dead process; keeping rows removes it from the file."""
    with run.appending() as append:
        append(ROWS[0])
    with (run.path / METRICS).open("a") as file:
        file.write('{"step": 1, "los')
    assert run.rows() == ROWS[:1]
    run.keep_rows(9)
    with run.appending() as append:
        append(ROWS[1])
    assert run.rows() == ROWS[:2]


def test_a_damaged_row_is_named(run):
    """A whole line that is no JSON is an ``IntegrityError`` with file and line."""
    (run.path / METRICS).write_text('{"step": 0}\n{"step": \n{"step": 2}\n')
    with pytest.raises(IntegrityError, match=r"metrics\.jsonl, line 2 is damaged"):
        run.rows()


def test_a_run_without_a_name_gets_one_from_its_settings(tmp_path, monkeypatch):
    """Task, body, initialization, policy and seed; a number where that is taken; the newest resumes."""
    monkeypatch.chdir(tmp_path)
    settings = {"backbone": "hf:me/my body", "init": "random", "train": "head,mlp", "seed": 5}
    name = "runs/bits-xor_hf-me-my-body_random_head,mlp_seed5"
    assert [str(begin(None, **settings).path) for _ in range(3)] == [name, f"{name}-2", f"{name}-3"]
    assert str(resume(None, **settings).path) == f"{name}-3"
    with pytest.raises(FptError, match=r"there is no run to resume in runs/bits-xor_.*_seed6"):
        resume(None, **{**settings, "seed": 6})


def test_rows_are_those_of_the_checkpoint(run):
    """Sealed after some rows, they are kept; with one of them changed or gone they are refused by name."""
    with run.appending() as append:
        for row in ROWS[:3]:
            append(row)
        sha256 = run.seal_rows()
        append(ROWS[3])
    run.keep_rows(2, sha256)
    assert run.rows() == ROWS[:3]
    text = (run.path / METRICS).read_text()
    for damaged in ("".join(text.splitlines(keepends=True)[1:]), text.replace("0.5", "0.6")):
        (run.path / METRICS).write_text(damaged)
        with pytest.raises(IntegrityError, match=r"metrics\.jsonl has not the rows .* up to step 2"):
            run.keep_rows(2, sha256)


@pytest.mark.parametrize(
    ("splits", "aligned", "refused"),
    [
        ([], False, False),
        (["train", "train", "validation"], False, False),
        (["train", "train", "validation", "train"], False, True),
        (["align", "train"], True, True),
    ],
)
def test_rows_beyond_the_first_checkpoint_need_one(run, splits, aligned, refused):
    """Killed before its first checkpoint a run begins anew; one that must have had one is refused."""
    steps = [0, 1, 1, 2] if not aligned else [0, 1]
    with run.appending() as append:
        for step, split in zip(steps, splits, strict=False):
            append({"step": step, "split": split})
    if not refused:
        run.check_not_begun(aligned=aligned)
        return
    with pytest.raises(IntegrityError, match="its checkpoints are missing"):
        run.check_not_begun(aligned=aligned)


def test_a_folder_without_a_run_says_to_remove_it(tmp_path):
    """A run that was killed before its settings were written cannot be continued: nobody is told to."""
    with pytest.raises(FptError, match=r"is there already\n  remove it, for no run has begun there"):
        begin(tmp_path)


def test_a_body_without_a_commit_is_the_one_that_was_pinned(tmp_path):
    """Resumed with the words that began it, a run keeps its commit; another commit is another body."""
    begun, asked, other = (
        Configuration(task="bits/xor", backbone=f"hf:org/name{commit}") for commit in ("@abc", "", "@def")
    )
    assert continued(tmp_path, begun, asked, {"backbone": asked.backbone}).backbone == "hf:org/name@abc"
    with pytest.raises(ConfigurationError, match="was begun with backbone hf:org/name@abc, not"):
        continued(tmp_path, begun, other, {"backbone": other.backbone})
