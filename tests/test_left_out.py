"""What a task leaves out, and what a reader rejects, is counted: before a run, in records, in predictions."""

import json

import pytest
from rich.console import Console

import fpt_plugins as fpt
from fpt_plugins import cli, display
from fpt_plugins.prediction import predict, read_files
from fpt_plugins.record import read_record
from fpt_plugins.training import open_training

LEFT_OUT = """

@attrs.frozen(kw_only=True)
class Counting(Echo):
    def split(self, name):
        return [([n % 3, n // 3 % 3], n // 3 % 3) for n in range(9)]

    def left_out(self, split):
        counts = {"train": {"in test too": 4, "longer than 8 tokens": 0}, "validation": {"twice": 1}}
        return counts.get(split, {})

    def read(self, path):
        from fpt_plugins import InputError

        for number, word in enumerate(path.read_text().split(), 1):
            bad = InputError(f"{word!r} is none", where=f"{path}, line {number}")
            yield str(number), [int(c) for c in word] if set(word) <= set("012") else bad


def fpt_tasks():
    return [Counting]


fpt_tasks = hookimpl(fpt_tasks)
"""
"""A plugin that leaves out four training records, and one of validation."""

SETTINGS = {
    "backbone": "block-1",
    "backbone_options": {"width": 16, "heads": 2, "positions": 8},
    "steps": 2,
    "device": "cpu",
}


@pytest.fixture
def counting(distributions, healthy_plugin):
    """It, installed."""
    distributions.add("counting", healthy_plugin("counting") + LEFT_OUT)


def test_nothing_is_left_out_where_a_task_says_nothing():
    """The counts of a plain task are empty, and so is the line."""
    task = fpt.build("bits/xor", **SETTINGS | {"backbone_options": {"width": 16, "heads": 2}}).task
    assert [dict(task.left_out(split)) for split in ("train", "validation", "test")] == [{}, {}, {}]
    assert display.left_out_line("train", {}) == ""


def test_a_run_shows_and_keeps_the_counts(counting, tmp_path):
    """They are printed before the first step and with the scores, and stand in the record."""
    console = Console(record=True, width=200)
    with open_training("counting/echo", tmp_path / "run", resume=False, settings=SETTINGS) as training:
        display.announce(training, console)
        list(training.rows())
        training.finish()
    record = read_record(tmp_path / "run")
    display.summarize(record, "run", console)
    shown = console.export_text()
    assert "left out of train: 4 (4 in test too)\n" in shown
    assert shown.count("left out of validation: 1 (1 twice)\n") == 2
    assert record.left_out == {"in test too": 4, "longer than 8 tokens": 0}
    assert record.evaluations["validation"].left_out == {"twice": 1}


def test_a_rejected_record_is_answered_with_its_reason(counting, tmp_path, monkeypatch, capsys):
    """Records in are answers and rejections, in order; the command says how many of each."""
    fpt.train("counting/echo", out=tmp_path / "run", **SETTINGS)
    (tmp_path / "words.txt").write_text("012\nabc\n1\n2x\n")
    arm = fpt.load(tmp_path / "run", device="cpu")
    answers = list(predict(arm, read_files(arm.task, [tmp_path / "words.txt"])))
    assert [answer["id"] for answer in answers] == ["1", "2", "3", "4"]
    assert ["rejected" in answer for answer in answers] == [False, True, False, True]
    assert answers[1]["rejected"] == f"{tmp_path / 'words.txt'}, line 2: 'abc' is none"
    cli.predict(tmp_path / "run", tmp_path / "words.txt", device="cpu")
    shown = capsys.readouterr()
    assert [json.loads(line) for line in shown.out.splitlines()] == answers
    assert "2 answered, 2 rejected" in shown.err
