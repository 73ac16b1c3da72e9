"""The conformance suite as authors and users meet it."""

import json
import struct
import zlib

import pytest

from fpt_plugins.errors import ConfigurationError, PluginError, UnknownName
from fpt_plugins.scaffold import new_plugin
from fpt_plugins.testing import (
    NotApplicable,
    check,
    check_backbone,
    damage,
    parametrize_with_checks,
    results_table,
)
from fpt_plugins.testing.backbone_suite import BACKBONE_CHECKS, BACKBONE_SUITES
from fpt_plugins.testing.checking import Check
from fpt_plugins.testing.declaration import read_declarations
from fpt_plugins.testing.result import TIERS, Result
from fpt_plugins.testing.running import reached
from fpt_plugins.testing.subject import Subject
from fpt_plugins.testing.suite import CHECKS, SUITES, checks_of


@parametrize_with_checks("timeseries", suite="1")
def test_timeseries(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)


def test_the_first_suite_is_frozen():
    """Suite 1 is these checks for good: a new one belongs to suite 2."""
    assert SUITES["1"] == (
        "check_metadata",
        "check_import_changes_nothing",
        "check_other_processes",
        "check_hooks",
        "check_options",
        "check_offline_data",
        "check_same_seed_same_data",
        "check_splits_are_disjoint",
        "check_indexing",
        "check_reading_order",
        "check_items_are_copies",
        "check_lengths",
        "check_json_samples",
        "check_damaged_files",
        "check_reading_runs_no_code",
        "check_every_record_is_counted",
        "check_widths",
        "check_parameters",
        "check_frozen",
        "check_gradients",
        "check_batches",
        "check_nothing_leaks",
        "check_known_answers",
        "check_save_and_load",
        "check_earlier_releases",
        "check_answers",
        "check_errors_are_attributed",
        "check_long_runs",
    )
    assert [check.number for check in CHECKS.values()] == [f"C{number:02}" for number in range(1, 29)]


def test_the_first_suite_for_backbones_is_frozen():
    """It likewise."""
    assert BACKBONE_SUITES["1"] == (
        "check_facts",
        "check_building_is_offline",
        "check_shapes",
        "check_padding",
        "check_batches",
        "check_causality",
        "check_max_length",
        "check_evaluation",
        "check_groups",
        "check_blocks",
        "check_gradients",
        "check_parameters_train",
        "check_passes_change_nothing",
        "check_held_matrices",
        "check_dropout",
        "check_seed",
        "check_digest",
    )


def test_every_check_says_what_it_proves():
    """Each has a sentence of its own, which the documentation shows."""
    for checks in (CHECKS, BACKBONE_CHECKS):
        summaries = [check.summary for check in checks.values()]
        assert all(summaries)
        assert len(set(summaries)) == len(summaries)


@pytest.mark.parametrize(
    ("expected", "error"),
    [({"check_no_such": "why"}, UnknownName), ({"check_widths": " "}, ConfigurationError)],
)
def test_an_expected_failure_is_a_check_with_a_reason(expected, error):
    """Neither an unknown check nor one without a reason is taken."""
    with pytest.raises(error):
        parametrize_with_checks("bits", suite="1", expected_failed_checks=expected)


def test_an_expected_failure_is_strict():
    """The check carries pytest's xfail with its reason; it may not pass unnoticed."""
    marked = parametrize_with_checks("bits", suite="1", expected_failed_checks={"check_widths": "narrow"})
    marks = {parameter.id: parameter.marks for parameter in marked.args[1] if parameter.marks}
    (mark,) = marks.pop("check_widths")
    assert (mark.name, mark.kwargs, marks) == ("xfail", {"reason": "narrow", "strict": True}, {})


def test_an_unknown_suite_is_refused():
    """Suites are those that there are."""
    with pytest.raises(UnknownName):
        checks_of("0")


def not_promised(plugin):
    """It promises nothing."""
    raise NotApplicable("nothing is promised")


def test_what_is_not_promised_is_no_failure():
    """The outcome is its own status, with the reason."""
    result = Check("C00", not_promised, "L1").run(Expecting({}))
    assert (result.status, result.reason) == ("not applicable", "nothing is promised")


class Expecting:
    """Something to check, with its expected failures."""

    def __init__(self, expected_failures):
        self.expected_failures = expected_failures


def check_broken(plugin):
    """It fails."""
    raise ConfigurationError("too wide", "narrow it")


def check_kept(plugin):
    """It passes."""


@pytest.mark.parametrize(
    ("function", "status", "words"),
    [
        (check_broken, "expected failure", "JPEG is lossy (too wide)"),
        (check_kept, "failed", "is expected to fail (JPEG is lossy), and is passed"),
        (not_promised, "failed", "and is not applicable"),
    ],
)
def test_a_declared_failure_is_counted_apart_and_is_strict(function, status, words):
    """Its reason stands beside what was found; a check that does not fail fails for that."""
    expected = Expecting(dict.fromkeys(["check_broken", "check_kept", "not_promised"], "JPEG is lossy"))
    result = Check("C00", function, "L1").run(expected)
    assert result.status == status
    assert words in result.reason


def test_what_conformance_toml_expects_is_marked(tmp_path, install_project):
    """Pytest and the command read the same table."""
    folder = new_plugin("birds", tmp_path / "fpt-birds")
    declared = folder / "fpt_birds" / "conformance.toml"
    declared.write_text(declared.read_text() + '\n[expected_failures]\ncheck_widths = "narrow"\n')
    install_project(folder)
    marked = parametrize_with_checks("birds", suite="1")
    assert [parameter.id for parameter in marked.args[1] if parameter.marks] == ["check_widths"]
    assert CHECKS["check_widths"].run(Subject("birds")).status == "failed"  # it passes, and was to fail


def test_a_bomb_is_small_and_says_or_becomes_gigabytes():
    """Three MB of gzip unpack to three GiB, by gzip's own trailer; a PNG's header says 60,000 pixels."""
    made = dict(damage._damaged(b"\x89PNG\r\n\x1a\n" + bytes(100)))
    assert len(made["bomb-gzip"]) < 2**22
    members = made["bomb-gzip"].count(b"\x1f\x8b\x08")
    assert members * int.from_bytes(made["bomb-gzip"][-4:], "little") == 3 * 2**30
    assert struct.unpack(">II", made["bomb-png"][16:24]) == (60_000, 60_000)
    checksum = zlib.crc32(made["bomb-png"][12:29])
    assert struct.unpack(">I", made["bomb-png"][29:33]) == (checksum,)


def result_of(status, tier):
    return Result(number="C00", check="check_x", tier=tier, status=status)


@pytest.mark.parametrize(
    ("statuses", "tier"),
    [
        (("passed", "passed", "passed", "passed"), "L4"),
        (("passed", "not applicable", "failed", "passed"), "L2"),
        (("passed", "expected failure", "passed", "failed"), "L3"),
        (("failed", "passed", "passed", "passed"), None),
    ],
)
def test_a_tier_is_reached_with_all_below_it(statuses, tier):
    """What does not apply is no failure; a failure ends the climb."""
    assert reached(list(map(result_of, statuses, TIERS))) == tier


ENDINGS = {
    "signal 9": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "signal 9 (Killed)"),
    "exit": ("import os\nos._exit(3)", "exit code 3"),
    "hang": ("import time\ntime.sleep(600)", "took more than 8 s"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_end_of_a_process_is_a_result(tmp_path, install_project, monkeypatch, ending):
    """A plugin that kills, leaves or holds the process fails the check that ran; the next ones run."""
    source, reason = ENDINGS[ending]
    folder = new_plugin("birds", tmp_path / "fpt-birds")
    hooks = folder / "fpt_birds" / "hooks.py"
    body = "\n    ".join(source.splitlines())
    hooks.write_text(hooks.read_text().replace('"""The one task."""', f'"""The one task."""\n    {body}'))
    install_project(folder)
    monkeypatch.setitem(SUITES, "tried", ("check_hooks", "check_metadata"))
    begun = []
    results = check("birds", suite="tried", patience=8, watcher=lambda *facts: begun.append(facts))
    assert begun == [(1, 2, "check_hooks"), (2, 2, "check_metadata")]
    assert [(each.check, each.status) for each in results] == [
        ("check_hooks", "failed"),
        ("check_metadata", "passed"),
    ]
    assert reason in results[0].reason


def test_a_broken_import_is_a_result(tmp_path, install_project, monkeypatch):
    """A plugin that cannot be imported still has its metadata checked, and every result has its reason."""
    folder = new_plugin("birds", tmp_path / "fpt-birds")
    (folder / "fpt_birds" / "hooks.py").write_text("import no_such_module")
    install_project(folder)
    monkeypatch.setitem(SUITES, "tried", ("check_metadata", "check_hooks", "check_widths"))
    results = check("birds", suite="tried")
    assert [result.status for result in results] == ["passed", "failed", "failed"]
    assert all("no_such_module" in result.reason for result in results[1:])


RESULTS = [
    Result(number="C01", check="check_metadata", tier="L1", status="passed", seconds=1.25),
    Result(number="C12", check="check_lengths", tier="L2", status="not applicable", reason="no [sequences]"),
    Result(
        number="C14", check="check_damaged_files", tier="L2", status="expected failure", reason="as known"
    ),
    Result(
        number="C17", check="check_widths", tier="L3", status="failed", reason="too wide", remedy="narrow it"
    ),
]


def test_the_table_has_every_result_and_the_counts(monkeypatch, capsys):
    """Names, reasons and remedies are shown, then the tier; a failure is an error with its remedy."""
    monkeypatch.setattr(results_table, "check", lambda name, watcher: RESULTS)
    with pytest.raises(PluginError, match="birds fails check_widths\n  narrow it"):
        results_table.print_asked("birds", None)
    shown = capsys.readouterr().out
    counts = "1 passed, 1 failed, 1 not applicable, 1 expected failures, 1.2 s of processor time"
    assert f"suite 1, L2: {counts}" in " ".join(shown.split())
    assert all(word in shown for word in ("check_lengths", "no [sequences]", "too wide", "narrow it", "C17"))


def test_json_is_a_list_of_records(monkeypatch, capsys):
    """Standard output has each result as an object, and nothing else."""
    monkeypatch.setattr(results_table, "check", lambda name, watcher: RESULTS[:1])
    results_table.print_asked("birds", None, as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {
            "number": "C01",
            "check": "check_metadata",
            "tier": "L1",
            "status": "passed",
            "reason": "",
            "remedy": "",
            "seconds": 1.25,
        }
    ]


def test_an_unknown_plugin_or_backbone_is_refused():
    """There is nothing to check."""
    with pytest.raises(UnknownName):
        check("no-such-plugin")
    with pytest.raises(UnknownName):
        check_backbone("no-such-body")


@pytest.mark.parametrize(("plugin", "backbone"), [(None, None), ("bits", "lstm")])
def test_one_thing_is_checked_at_a_time(plugin, backbone):
    """Neither nothing nor both."""
    with pytest.raises(ConfigurationError, match="a plugin, or a backbone"):
        results_table.print_asked(plugin, backbone)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[", "conformance.toml"),
        ('["a/b"]\nfiles = "x"', "there is no key of conformance.toml 'files'"),
        ('["a/b"]\nfile = "x"', "names x, which is not there"),
        ("[expected_failures]\ncheck_widths = 1", "conformance.toml"),
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path, text, message):
    """The file and what is wrong with it are named."""
    (tmp_path / "conformance.toml").write_text(text)
    with pytest.raises((ConfigurationError, UnknownName), match=message.replace("[", r"\[")):
        read_declarations(tmp_path)
