"""The ``fpt`` command as a user meets it: in processes of its own.

They are forked from a warm one; tests/test_wheels.py starts the command anew.
"""

import json
import os
import re
import signal
import time

import pytest

from tests import warm_processes
from tests.warm_processes import FPT, started

TINY = ["--backbone", "gpt2-mini", "--backbone-option", "layers=1", "--batch-size", "4"]


def fpt(*words, stdin="", cwd=None):
    """Runs ``fpt``."""
    return warm_processes.run(*FPT, *words, stdin=stdin, cwd=cwd)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of four steps, made by the command."""
    path = tmp_path_factory.mktemp("runs") / "xor"
    found = fpt("train", "bits/xor", *TINY, "--steps", 4, "--evaluate-every", 2, "--out", path)
    assert found.returncode == 0, found.stderr
    return path, found


def test_train_says_what_will_train_and_what_came_out(run):
    """The parameters per group and the adapter's size stand before the run; what is next, after."""
    shown = run[1].stderr
    for words in ("layer_norm", "trains", "frozen", "adapter", "4 steps of 4", "fpt evaluate"):
        assert words in shown
    assert shown.index("layer_norm") < shown.index("step 2: validation")


def test_evaluate_prints_json_and_reads_the_test_split_once(run):
    """Fractions by name with floors; a second call returns the stored result, --again counts a read."""
    first, second = (json.loads(fpt("evaluate", run[0], "--json").stdout) for _ in range(2))
    assert first == second
    assert 0 <= first["accuracy"] <= 1
    assert {"chance"} <= {floor["name"] for floor in first["floors"]}
    assert first["reads"] == 1
    assert json.loads(fpt("evaluate", run[0], "--json", "--again").stdout)["reads"] == 2


def test_predict_answers_json_lines_and_files(run, tmp_path):
    """The same sample on standard input and in a file has the same answer."""
    lines = fpt("predict", run[0], stdin='{"strings": ["01010", "11001"], "id": "a"}\n')
    file = tmp_path / "samples.txt"
    file.write_text("01010 11001\n")
    files = fpt("predict", run[0], file)
    answer, again = json.loads(lines.stdout), json.loads(files.stdout)
    assert answer.pop("id") == "a"
    assert again.pop("id") == "samples.txt:1"
    assert answer == again


def test_a_wrong_line_is_named(run):
    """A line that is no sample is refused with its number and an exit code of its own."""
    found = fpt("predict", run[0], stdin='{"strings": ["01010", "11001"]}\n{"strings": ["0x", "1"]}\n')
    assert found.returncode == 4
    assert "standard input, line 2" in found.stderr
    assert "Traceback" not in found.stderr


def test_show_and_export(run, tmp_path):
    """The export is the adapter, its record and a card; show reads it."""
    exported = tmp_path / "adapter"
    assert fpt("export", run[0], exported).returncode == 0
    names = {path.name for path in exported.iterdir()}
    assert names == {"adapter.json", "adapter.safetensors", "record.json", "README.md"}
    card = (exported / "README.md").read_text()
    drawn = "drawn with --init random --init-seed 0: there are no weights to get"
    for words in ("bits/xor", "gpt2-mini", "source digest", "fpt.load", "validation", drawn):
        assert words in card
    record, shown = json.loads(fpt("show", exported, "--json").stdout), fpt("show", exported).stdout
    assert "layer_norm" in shown
    labeled = (
        "held digest",
        "before training",
        record["held_digest_before"],
        "after it",
        record["held_digest_after"],
    )
    assert "".join(labeled).replace(" ", "") in re.sub(r"[\s│]", "", shown)
    assert json.loads(fpt("show", exported, "--json").stdout)["configuration"]["task"] == "bits/xor"


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["train", "bits/xro"], 2, "did you mean bits/xor"),
        (["train", "smells/flowers"], 2, "there is no task 'smells/flowers'"),
        (["train", "bits/xor", "--backbone", "gtp2"], 2, "gpt2"),
        (["train", "bits/xor", "--train", "layernorm"], 2, "did you mean layer_norm?"),
        (["train", "bits/xor", "--option", "lenght=4"], 2, "did you mean length?"),
        (["train", "bits/xor", "--option", "length"], 2, "write --option length=VALUE"),
        (["train", "bits/xor", "--lr", "fast"], 2, "fast"),
        (["train", "bits/xor", "--init", "warm"], 2, "warm"),
        (["evaluate", "nowhere"], 1, "nowhere holds no record.json"),
        (["shwo", "nowhere"], 2, "shwo"),
        (["backbones", "gpt2"], 2, "fpt COMMAND --help"),
        (["predict-many"], 2, "name the folder of a run"),
        (
            ["study", "run", "nowhere.toml"],
            2,
            "the study nowhere.toml: No such file or directory\n  give",
        ),
        (["lr-find", "bits/xor", "--steps", "1"], 2, "3 --steps or more"),
    ],
)
def test_errors_are_one_message(tmp_path, words, code, expected):
    """What was asked, found and to do: in one screen, without a traceback, leaving nothing behind."""
    found = fpt(*words, cwd=tmp_path)
    assert found.returncode == code
    assert expected in found.stderr
    assert "Traceback" not in found.stderr
    assert len(found.stderr.splitlines()) < 12
    assert list(tmp_path.rglob("*")) == []


def test_debug_shows_the_traceback():
    """With --debug the same error comes with its traceback."""
    assert "Traceback" in fpt("train", "bits/xro", "--debug").stderr


def test_a_task_longer_than_the_positions_is_refused_with_the_flag(tmp_path):
    """1,248 tokens (6 strings of 1,040 bits, 5 to a token) on 1,024 positions name the flag to add."""
    words = ["train", "bits/memory", *TINY, "--option", "length=1040", "--option", "patch=5", "--steps", 1]
    found = fpt(*words, "--out", tmp_path / "long")
    assert found.returncode == 2
    assert "--backbone-option max_length=1248" in found.stderr


def test_settings_come_from_a_file_and_flags_win(tmp_path):
    """A TOML file sets what no flag names."""
    (tmp_path / "run.toml").write_text(
        'backbone = "gpt2-mini"\nsteps = 9\nbatch-size = 4\nevaluate-every = 1\n'
        "[options]\nlength = 3\n[backbone-options]\nlayers = 1\n[group-lr]\nhead = 0.01\n"
    )
    out = tmp_path / "run"
    assert (
        fpt("train", "bits/xor", "--config", tmp_path / "run.toml", "--steps", 2, "--out", out).returncode
        == 0
    )
    settings = json.loads((out / "record.json").read_text())["configuration"]
    assert (settings["steps"], settings["options"]["length"], settings["group_lr"]) == (2, 3, {"head": 0.01})


def test_interrupted_and_resumed_is_uninterrupted(run, tmp_path):
    """Ctrl-C leaves a run that --resume ends with the very bits of one that was left alone."""
    out = tmp_path / "stopped"
    words = ["train", "bits/xor", *TINY, "--steps", "200", "--evaluate-every", "100", "--out", str(out)]
    metrics = out / "metrics.jsonl"
    deadline = time.monotonic() + 60
    with started(*FPT, *words) as program:
        while time.monotonic() < deadline and not (
            metrics.exists() and len(metrics.read_text().splitlines()) > 3
        ):
            time.sleep(0.02)
        os.kill(program.pid, signal.SIGINT)
        stopped = program.end()
    assert stopped.returncode == 130, stopped.stderr
    assert "--resume --out" in stopped.stderr
    assert fpt("train", "bits/xor", "--resume", "--out", out).returncode == 0
    calm = tmp_path / "calm"
    assert fpt(*words[:-1], calm).returncode == 0
    weights = [(path / "adapter" / "adapter.safetensors").read_bytes() for path in (out, calm)]
    assert weights[0] == weights[1]
