"""``fpt study`` and ``fpt lr-find``: thin functions, each calling one of ours."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from rich.console import Console

from fpt_plugins.options import from_assignments

app = App(
    name="study",
    help="Grids of runs: each arm with its own learning rate, seeds and controls.\n\n"
    "Start with: fpt study run examples/studies/language-or-random.toml --scale smoke",
)

Folder = Annotated[Path, Parameter(help="A study's folder.")]
Data = Annotated[Path | None, Parameter(help="Where data files are.")]
Words = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]
Scale = Annotated[Literal["smoke", "laptop", "paper"], Parameter(help="Which of the file's sizes.")]


@app.command
def run(
    study: Annotated[Path, Parameter(help="A study's TOML file, or the folder of one that was begun.")],
    *,
    scale: Scale = "laptop",
    task: Annotated[str | None, Parameter(help="This one of its tasks alone.")] = None,
    out: Annotated[Path | None, Parameter(help="Its folder (default: studies/NAME-SCALE).")] = None,
    engine: Annotated[
        Literal["local", "ray"], Parameter(help="local: one cell at a time; ray: many, on many machines.")
    ] = "local",
    address: Annotated[
        str | None, Parameter(help="Of a running Ray cluster; else one is begun here.")
    ] = None,
    workers: Annotated[int, Parameter(help="Cells at once.")] = 1,
    threads: Annotated[int | None, Parameter(help="Of each cell (default: cores, shared).")] = None,
    bank: Annotated[
        bool, Parameter(negative="", help="An arm's rates and seeds in one pass, where its policy allows.")
    ] = False,
    retry: Annotated[bool, Parameter(negative="", help="Try again what was marked as failed.")] = False,
    data: Data = None,
) -> None:
    """Train what is missing of a study. Ctrl-C stops it; the same command continues."""
    from fpt_plugins.study.session import Means, run_study
    from fpt_plugins.study.study_file import read_study

    _end_on(signal.SIGTERM)
    asked = read_study(study, scale) if task is None else read_study(study, scale).of_task(task)
    folder = out or (study if study.is_dir() else Path("studies") / f"{asked.name}-{asked.scale}")
    share = {} if threads is None else {"threads": threads}
    means = Means(engine=engine, address=address, workers=workers, bank=bank, data=data, **share)
    run_study(asked, folder, means, _console(stderr=True), retry=retry)
    _console(stderr=True).print(f"in {folder}; next: fpt study report {folder}", soft_wrap=True)


@app.command
def status(
    folder: Folder, *, cells: Annotated[bool, Parameter(negative="", help="One line each.")] = False
) -> None:
    """Show how far a study is: sweeps, chosen learning rates, seeds, failures."""
    from fpt_plugins.study.display import cell_table, status_table
    from fpt_plugins.study.results import read_results

    results = read_results(folder)
    _console().print(cell_table(results) if cells else status_table(results))


@app.command
def report(
    folder: Folder,
    *,
    attention: Annotated[bool, Parameter(help="Load bodies to draw where they look.")] = True,
) -> None:
    """Write a study's report, finished or not: one page of HTML, Markdown, every figure and table."""
    from fpt_plugins.report.writing import write_report

    path, page = write_report(folder, attention=attention)
    for caveat in page.caveats:
        _console().print(f"- {caveat.text}", soft_wrap=True)
    _console().print(path, soft_wrap=True)


@app.command
def add(folder: Folder, value: Annotated[str, Parameter(help="AXIS=VALUE: seed=3, init=shuffled.")]) -> None:
    """Add a seed, a learning rate, a task or an arm to a study; `fpt study run` then trains what is new."""
    from fpt_plugins.study.extension import add_to_study

    study = add_to_study(folder, value)
    _console().print(f"{study.name} has {value} now; train it: fpt study run {folder}")


def lr_find(
    task: Annotated[str, Parameter(help="What to learn: a name of `fpt tasks`.")],
    *,
    config: Annotated[Path | None, Parameter(help="A TOML file of settings, as of `fpt train`.")] = None,
    set_: Annotated[Words, Parameter(name="--set", help="NAME=VALUE: backbone=gpt2, train=full.")] = None,
    option: Annotated[Words, Parameter(help="NAME=VALUE: an option of the task.")] = None,
    low: Annotated[float, Parameter(help="The first learning rate.")] = 1e-6,
    high: Annotated[float, Parameter(help="The last.")] = 1.0,
    steps: Annotated[int, Parameter(help="From the one to the other.")] = 100,
    out: Annotated[Path, Parameter(help="The picture, a new PNG or replaced.")] = Path("learning-rates.png"),
    data: Data = None,
) -> None:
    """Train briefly with a growing learning rate (Smith 2017): where the loss falls is worth a sweep."""
    from fpt_plugins import rate_range
    from fpt_plugins.configuration import Configuration
    from fpt_plugins.settings_file import read_settings

    settings = read_settings(config) if config is not None else {}
    settings.update(from_assignments(set_ or (), "--set"), data=data)
    if option:
        settings["options"] = from_assignments(option, "--option")
    found = rate_range.find_rates(Configuration.of(task, **settings), low=low, high=high, steps=steps)
    rate_range.draw(found, out, task)
    rates = ", ".join(f"{rate:g}" for rate in found.sweep)
    print(f"steepest at {found.steepest:.2g}, least at {found.least:.2g}; rates for a sweep: {rates}\n{out}")


def _end_on(number: int) -> None:
    """A scheduler's SIGTERM is a Ctrl-C."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(number, interrupt)


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, markup=False, highlight=False, soft_wrap=stderr)
