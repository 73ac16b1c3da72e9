"""The page of a study: caveats first, well-formed, alone, and the same numbers in every form."""

import csv
import re
from html.parser import HTMLParser

import attrs
import pytest

from fpt_plugins import cli
from fpt_plugins.report.analysis import analyze
from fpt_plugins.report.caveats import caveats_of
from fpt_plugins.report.page import page_of
from fpt_plugins.report.section import sections_of
from fpt_plugins.report.writing import write_report
from fpt_plugins.study.selection import RateScore

VOID = {"meta", "link", "br", "hr", "img", "input"}
COMPARED = [{"first": "train=fpt", "second": "train=head", "question": "Does more | help <b>?"}]
PUBLISHED = {
    "source": "a table",
    "differs": "other data",
    "tasks": {"bits/xor": {"values": {"train=fpt": 100, "train=head": 56}}},
}


class Page(HTMLParser):
    """Reads a page, and refuses what is not closed in order or named twice."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[name] for name in ("href", "src") if name in found]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def over(small_study, run_small, new_direct_workers):
    """A study that is over: two arms on one task, two rates, two seeds, one comparison, a published table."""
    tables = {
        "comparisons": COMPARED,
        "question": "Which <b>one</b>?",
        "tasks": {"bits/xor": {"threshold": 0.3}},
    }
    return run_small(small_study(**tables, published=PUBLISHED), new_direct_workers())


@pytest.fixture(scope="module")
def written(over):
    """Its report's folder, and what the page says."""
    path, page = write_report(over.folder, attention=False)
    return path.parent, page


def page_with(results):
    analysis = analyze(results)
    return page_of(analysis, sections_of(analysis, attention=False))


def test_the_page_is_whole_and_alone(written):
    """Every tag is closed, no name stands twice, links lead within the page, and nothing is fetched."""
    text = (written[0] / "report.html").read_text()
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert {link for link in page.links if not link.startswith("data:")} <= {f"#{name}" for name in page.ids}
    assert not re.search(r"https?://|@import|<script|<link", text)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(page.ids)


def test_the_page_can_be_read_by_keyboard_and_aloud(written):
    """It has a language, a skip link, one h1; all that scrolls has a name and a place in the tab order."""
    page = Page((written[0] / "report.html").read_text())
    assert page.all("html") == [{"lang": "en"}]
    assert page.all("a")[0] == {"class": "skip", "href": "#answer"}
    assert len(page.all("h1")) == 1
    scrolling = [each for each in page.all("div") if each.get("class") == "scroll"]
    assert len(scrolling) == len(page.all("table")) + len(page.all("svg"))
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in scrolling)
    assert all(each["role"] == "img" and each["aria-label"] for each in page.all("svg"))
    assert all(each.get("scope") in {"col", "row"} for each in page.all("th"))


def test_words_of_a_study_are_text(written):
    """A question with tags in it is shown as it is."""
    page = Page((written[0] / "report.html").read_text())
    assert "Which <b>one</b>?" in page.words
    assert not page.all("b")


def read_tables(markdown):
    """Each pipe table of a Markdown text, as rows of cells."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", markdown, flags=re.MULTILINE)
    rows = [[re.split(r"(?<!\\)\|", line)[1:-1] for line in block.splitlines()] for block in blocks]
    return [
        [
            [cell.strip().replace(r"\|", "|") for cell in row]
            for number, row in enumerate(table)
            if number != 1
        ]
        for table in rows
    ]


def read_csv(path):
    return list(csv.reader(path.read_text().splitlines()))


def test_every_table_is_the_same_in_markdown_and_csv(written):
    """Cell for cell; and each figure is there as PNG, with the numbers behind it."""
    folder, page = written
    shown = read_tables((folder / "report.md").read_text())
    files = {path.stem: read_csv(path) for path in (folder / "tables").iterdir()}
    tables = [table for section in page.sections for table in section.tables]
    assert shown == [files[table.name] for table in tables]
    assert {figure.data.name for figure in page.figures} == files.keys() - {table.name for table in tables}
    pictures = {path.stem: path.read_bytes()[:4] for path in (folder / "figures").iterdir()}
    assert pictures == {figure.name: b"\x89PNG" for figure in page.figures}
    assert len(pictures) == 2


def test_the_scores_are_those_of_the_records(over, written):
    """The table's means are the records' test scores; published figure and floors are beside them."""
    columns, *rows = read_csv(written[0] / "tables" / "scores-bits-xor.csv")
    found = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    for arm in over.arms:
        values = [cell.test.metrics["accuracy"] for cell in over.select(arm.task, arm.name, "final")]
        assert float(found[arm.name]["test accuracy"]) == pytest.approx(sum(values) / 2, abs=5e-5)
        assert found[arm.name]["each seed"] == " ".join(f"{value:.4f}" for value in values)
    assert found["train=fpt"]["published"] == "1.0000"
    assert found["floor: chance"]["test accuracy"] == "0.5000"


def doctored(results, **changes):
    """The results with the first final cell, or the study, as they might have been."""
    cell = next(cell for cell in results.cells if cell.role == "final")
    changed = attrs.evolve(cell, **changes)
    return attrs.evolve(results, cells=tuple(changed if each == cell else each for each in results.cells))


def failed(results):
    return doctored(results, status="failed", reason="RuntimeError: it is not finite", record=None)


def missing(results):
    return doctored(results, status="missing", reason="stopped at step 2", record=None)


def untested(results):
    cell = next(cell for cell in results.cells if cell.role == "final")
    only = {"validation": cell.record.evaluations["validation"]}
    return doctored(results, record=attrs.evolve(cell.record, evaluations=only))


def read_twice(results):
    cell = next(cell for cell in results.cells if cell.role == "final")
    twice = {**cell.record.evaluations, "test": attrs.evolve(cell.test, reads=2)}
    return doctored(results, record=attrs.evolve(cell.record, evaluations=twice))


def one_seed(results):
    cells = tuple(cell for cell in results.cells if cell.seed == 0)
    return attrs.evolve(results, study=attrs.evolve(results.study, seeds=(0,)), cells=cells)


def no_reason(results):
    return attrs.evolve(results, left_out={})


def smoke(results):
    return attrs.evolve(results, study=attrs.evolve(results.study, scale="smoke"))


def failed_rate(results):
    choice = results.choices[0]
    scores = (*choice.scores, RateScore(rate=1.0, failed="NaN"))
    return attrs.evolve(results, choices=(attrs.evolve(choice, scores=scores), *results.choices[1:]))


def unswept(results):
    single = [attrs.evolve(choice, scores=choice.scores[:1]) for choice in results.choices]
    return attrs.evolve(results, choices=tuple(single))


def no_comparison(results):
    return attrs.evolve(results, study=attrs.evolve(results.study, comparisons=()))


def first_recorded(results, **facts):
    """The results with other facts in the first cell's record."""
    cell = results.cells[0]
    changed = attrs.evolve(cell, record=attrs.evolve(cell.record, **facts))
    return attrs.evolve(results, cells=(changed, *results.cells[1:]))


def other_threads(results):
    return first_recorded(results, machine={**results.cells[0].record.machine, "threads": "64"})


def halved(results):
    return first_recorded(results, micro_batch_sizes={"7": 4})


def resumed_elsewhere(results):
    return first_recorded(results, not_bitwise=("resumed at step 2 with threads 2, before it was 1",))


def unasked(results):
    return attrs.evolve(results, unasked=(results.folder / "cells" / "old",))


CAVEATS = {
    failed: ["1 run failed and was given up", "RuntimeError: it is not finite"],
    missing: ["1 run is missing", "stopped at step 2"],
    untested: ["1 finished run without a test score"],
    read_twice: ["Test data was read more than once for 1 run", "2 times"],
    one_seed: ["There is one seed only"],
    no_reason: ["the body trains too): no reason is given"],
    smoke: ["This is the smoke scale"],
    failed_rate: ["1 learning rate could not be chosen"],
    unswept: ["2 arms had one learning rate only"],
    no_comparison: ["The study names no comparison"],
    other_threads: ["different machines or versions", "threads: 1 and 64"],
    halved: [
        "Memory did not suffice",
        "seed 0: out of memory after step 7; from there on 4 samples at a time",
    ],
    resumed_elsewhere: ["or they were resumed", "seed 0: resumed at step 2 with threads 2, before it was 1"],
    unasked: ["1 further run that the study, as it is now, does not ask for"],
}


@pytest.mark.parametrize("change", CAVEATS, ids=lambda change: change.__name__)
def test_what_limits_a_report_stands_at_its_top(over, change):
    """Before the answer and every number, on the page and in Markdown; and not where it is not so."""
    page = page_of(analyze(change(over)), ())
    for text, answer in ((page.html(), '<h2 id="answer">'), (page.markdown(), "## What the results say")):
        top, _, _ = text.partition(answer)
        assert all(words in top for words in CAVEATS[change])
    plain = " ".join(words for caveat in caveats_of(over) for words in (caveat.text, *caveat.details))
    assert not any(words in plain for words in CAVEATS[change])


def test_a_control_that_is_left_out_is_named_with_its_reason(over):
    """Each of the five, as the study says."""
    (found,) = [caveat for caveat in caveats_of(over) if "control" in caveat.text]
    assert found.text == "Left out of 5 controls: none, random, statistics, linear-probe and full."
    assert len(found.details) == 5
    assert all(text.endswith("): a test of the grid") for text in found.details)


def test_a_rate_at_the_edge_is_named(over):
    """With two rates every best one is at an edge."""
    (edge,) = [caveat for caveat in caveats_of(over) if "edge" in caveat.text]
    assert edge.details == tuple(f"{each.task}, {each.arm}: {each.rate:g}" for each in over.choices)


@pytest.mark.parametrize("change", [failed, missing, untested])
def test_an_arm_with_a_hole_has_no_mean_and_no_test(over, change):
    """The table says how many seeds are known, and the comparison that nothing can be said."""
    page = page_with(change(over))
    cell = next(cell for cell in over.cells if cell.role == "final")
    overview = next(table for table in page.tables if table.name == "overview")
    assert dict(overview.rows)[cell.arm] == "- (1 of 2)"
    (line,) = page.answers[0].lines
    assert "cannot be said, a seed has no test score" in line


def test_one_seed_has_neither_interval_nor_test(over):
    """The score stands alone, and the sentence says that nothing was tested."""
    page = page_with(one_seed(over))
    scores = next(table for table in page.tables if table.name == "scores-bits-xor")
    assert all(row[2:4] == ("-", "-") for row in scores.rows[:2])
    assert "untested: one seed" in page.answers[0].lines[0]


def test_a_study_with_nothing_done_has_a_report(over):
    """It says what is missing, and shows no number."""
    none = tuple(
        attrs.evolve(cell, status="missing", record=None, folder=None, reason="not begun")
        for cell in over.cells
    )
    open_ = tuple(
        attrs.evolve(each, rate=None, scores=tuple(RateScore(rate=score.rate) for score in each.scores))
        for each in over.choices
    )
    page = page_with(attrs.evolve(over, cells=none, choices=open_))
    assert page.standing == "0 of 6 runs done, 6 missing"
    assert "are missing: the study is not over" in page.caveats[0].text
    assert page.figures == ()
    Page(page.html())


def test_attention_maps_are_drawn_from_the_adapters_of_the_study(over):
    """Of both arms of the first comparison at their first seeds that are done; else the reason is there."""
    first, second = (cell for cell in over.cells if cell.role == "final" and cell.arm == "train=fpt")
    one = attrs.evolve(over, cells=tuple(cell for cell in over.cells if cell != first))
    titles = [figure.title for figure in attention(one).figures]
    assert titles == ["Attention: bits/xor, train=fpt, seed 1", "Attention: bits/xor, train=head, seed 0"]
    weights = attention(one).figures[0].data
    assert len(weights.columns) == 2 + 10  # two strings of five bits
    assert len(weights.rows) == 5  # one layer, and a bit is read out of each of the last five
    assert all(sum(map(float, row[2:])) == pytest.approx(1, abs=1e-3) for row in weights.rows)
    none = attrs.evolve(one, cells=tuple(cell for cell in one.cells if cell != second))
    assert len(attention(none).figures) == 1
    assert "bits/xor, train=fpt: no run is done." in attention(none).text


def attention(results):
    return next(each for each in sections_of(analyze(results)) if each.title == "Attention")


def test_the_command_writes_the_report_and_says_what_limits_it(over, capsys):
    """One line for each caveat, then the page's place; the second report replaces the first."""
    old = over.folder / "report" / "tables" / "old.csv"
    old.parent.mkdir(parents=True, exist_ok=True)
    old.touch()
    cli.app(["study", "report", str(over.folder), "--no-attention"], result_action="return_value")
    shown = capsys.readouterr().out.splitlines()
    assert shown[:-1] == [f"- {caveat.text}" for caveat in caveats_of(over)]
    assert shown[-1] == str(over.folder / "report" / "report.html")
    assert not old.exists()
