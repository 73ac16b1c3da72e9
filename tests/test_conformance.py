"""The conformance suite as authors and users meet it, and the plugins of this tree in it."""

import json

import pytest

from fpt_plugins.errors import ConfigurationError, PluginError, UnknownName
from fpt_plugins.scaffold import new_plugin
from fpt_plugins.testing import NotApplicable, check, parametrize_with_checks, results_table, running
from fpt_plugins.testing.declaration import read_declarations
from fpt_plugins.testing.result import Result
from fpt_plugins.testing.running import reached
from fpt_plugins.testing.suite import CHECKS, SUITES, Check, checks_of


@parametrize_with_checks("bits", suite="1")
def test_bits(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)


@parametrize_with_checks("images", suite="1")
def test_images(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)


@parametrize_with_checks("listops", suite="1")
def test_listops(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)


@parametrize_with_checks("proteins", suite="1")
def test_proteins(plugin, check):
    """The plugin keeps the contract."""
    check(plugin)


@parametrize_with_checks("text", suite="1")
def test_text(plugin, check):
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
        "check_errors_name_the_place",
        "check_widths",
        "check_parameters",
        "check_frozen",
        "check_gradients",
        "check_batches",
        "check_scores",
        "check_learning",
        "check_target_is_not_in_the_input",
        "check_save_and_load",
        "check_answers",
        "check_no_assertions",
        "check_open_files",
    )


def test_every_check_says_what_it_proves():
    """Each has a sentence of its own, which the documentation shows."""
    summaries = [check.summary for check in CHECKS.values()]
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
    result = Check(not_promised, "L1").run(None)
    assert (result.status, result.reason) == ("not applicable", "nothing is promised")


def result_of(status, tier):
    return Result(check="check_x", tier=tier, status=status)


@pytest.mark.parametrize(
    ("statuses", "tier"),
    [
        (("passed", "passed", "passed", "passed"), "L4"),
        (("passed", "not applicable", "failed", "passed"), "L2"),
        (("failed", "passed", "passed", "passed"), None),
    ],
)
def test_a_tier_is_reached_with_all_below_it(statuses, tier):
    """What does not apply is no failure; a failure ends the climb."""
    assert reached(list(map(result_of, statuses, running.TIERS))) == tier


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
    results = check("birds", suite="tried", patience=8)
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
    Result(check="check_metadata", tier="L1", status="passed", seconds=1.25),
    Result(check="check_lengths", tier="L2", status="not applicable", reason="no [sequences]"),
    Result(check="check_widths", tier="L3", status="failed", reason="too wide", remedy="narrow it"),
]


def test_the_table_has_every_result_and_the_counts(monkeypatch, capsys):
    """Names, reasons and remedies are shown, then the tier; a failure is an error with its remedy."""
    monkeypatch.setattr(results_table, "check", lambda name: RESULTS)
    with pytest.raises(PluginError, match="birds fails check_widths\n  narrow it"):
        results_table.print_check("birds")
    shown = capsys.readouterr().out
    assert "suite 1, L2: 1 passed, 1 failed, 1 not applicable, 1.2 s" in shown
    assert all(word in shown for word in ("check_lengths", "no [sequences]", "too wide", "narrow it"))


def test_json_is_a_list_of_records(monkeypatch, capsys):
    """Standard output has each result as an object, and nothing else."""
    monkeypatch.setattr(results_table, "check", lambda name: RESULTS[:1])
    results_table.print_check("birds", as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {
            "check": "check_metadata",
            "tier": "L1",
            "status": "passed",
            "reason": "",
            "remedy": "",
            "seconds": 1.25,
        }
    ]


def test_an_unknown_plugin_is_refused():
    """There is nothing to check."""
    with pytest.raises(UnknownName):
        check("no-such-plugin")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[", "conformance.toml"),
        ('["a/b"]\nfiles = "x"', "there is no key of conformance.toml 'files'"),
        ('["a/b"]\nfile = "x"', "names x, which is not there"),
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path, text, message):
    """The file and what is wrong with it are named."""
    (tmp_path / "conformance.toml").write_text(text)
    with pytest.raises((ConfigurationError, UnknownName), match=message.replace("[", r"\[")):
        read_declarations(tmp_path)
