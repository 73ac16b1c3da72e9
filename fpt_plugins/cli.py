"""The ``fpt`` command: thin functions, each calling one of the package's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Group, Parameter
from rich.text import Text

import fpt_plugins
from fpt_plugins.console import console
from fpt_plugins.errors import FptError
from fpt_plugins.flags import Body, Data, Device, Folder, Json, Words
from fpt_plugins.options import from_assignments

INTERRUPTED = 130
"""The exit code of a run that Ctrl-C ended, as shells have it."""

IMPORTED_WHEN_ASKED = {
    "cache": ("cache_commands:app", "List what is kept between runs: read data files and tokenized splits."),
    "lr-find": (
        "study_commands:lr_find",
        "Train briefly with a growing learning rate (Smith 2017): where the loss falls is worth a sweep.",
    ),
    "predict-many": (
        "bank_commands:predict_many",
        'Answer JSON lines {"adapter": NAME, "sample": SAMPLE} by many adapters in one pass, in order.',
    ),
    "record": (
        "registry_commands:record",
        "Print the run as a card of the registry, or write it; a run whose test split was not read has none.",
    ),
    "registry": (
        "registry_commands:app",
        "Cards of plugins, backbones, tasks and runs, installed or not.",
    ),
    "study": (
        "study_commands:app",
        "Grids of runs: each arm with its own learning rate, seeds and controls.",
    ),
    "train": (
        "train_command:train",
        "Train a task on a frozen body; what is not given comes from the task's own recipe.",
    ),
}
"""Where commands are that a listing need not import, with the first line of what each says of itself."""

app = App(
    name="fpt",
    suppress_keyboard_interrupt=False,  # it is answered below
    version=fpt_plugins.__version__,
    help="Turn a frozen pretrained transformer into a model for any data that is a sequence.\n\n"
    "Start with: fpt tasks, then fpt train bits/xor --backbone gpt2-mini --init random",
)
app.meta.group_parameters = Group("Global", sort_key=0)
for name, (place, help_line) in IMPORTED_WHEN_ASKED.items():
    app.command(f"fpt_plugins.{place}", name=name, help=help_line)


@app.command
def plugins(*, as_json: Json = False) -> None:
    """List the installed plugins; a broken one is a row with its error."""
    from fpt_plugins import tables

    tables.print_plugins(as_json=as_json)


@app.command
def tasks(
    name: Annotated[str | None, Parameter(help="One task, shown whole.")] = None,
    *,
    option: Annotated[Words, Parameter(help="NAME=VALUE: an option of the task.")] = None,
    splits: Annotated[
        bool, Parameter(negative="", help="Read its data: samples per split, floors on validation.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the tasks that the installed plugins provide; of a NAME, options, recipe, floors and card."""
    from fpt_plugins import tables
    from fpt_plugins.task_page import print_task, task_page

    if name is None:
        tables.print_tasks(as_json=as_json)
        return
    given = from_assignments(option or (), "--option")
    print_task(task_page(name, given, data, read_data=splits), as_json=as_json)


@app.command
def backbones(*, as_json: Json = False) -> None:
    """List the backbones, and how to get those that are not installed."""
    from fpt_plugins import tables

    tables.print_backbones(as_json=as_json)


@app.command
def evaluate(
    run: Folder,
    *,
    split: Annotated[Literal["test", "validation", "train"], Parameter(help="Read whole.")] = "test",
    again: Annotated[
        bool, Parameter(negative="", help="Score once more; the record counts the reads.")
    ] = False,
    backbone: Body = None,
    device: Device = "auto",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Score a run on a whole split, beside the floors that need no learning."""
    from fpt_plugins import display
    from fpt_plugins.evaluation import evaluate as evaluate_run
    from fpt_plugins.options import converter

    evaluation = evaluate_run(run, split, again=again, backbone=backbone, device=device, data=data)
    if as_json:
        plain = converter().unstructure(evaluation)
        print(json.dumps({**plain.pop("metrics"), "split": split, **plain}))
    else:
        display.show_scores({split: evaluation}, console())


@app.command
def predict(run: Folder, *files: Path, backbone: Body = None, device: Device = "auto") -> None:
    """Answer for files of the modality, or for JSON lines on standard input, in JSON lines."""
    from fpt_plugins import load
    from fpt_plugins.prediction import predict as answers
    from fpt_plugins.prediction import read_files, read_lines

    arm = load(run, backbone=backbone, device=device)
    samples = read_files(arm.task, files) if files else read_lines(arm.task, sys.stdin, "standard input")
    answered = rejected = 0
    for answer in answers(arm, samples):
        print(json.dumps(answer), flush=True)
        answered, rejected = answered + ("rejected" not in answer), rejected + ("rejected" in answer)
    if not files and not answered + rejected:
        console(stderr=True).print("nothing to answer: standard input is empty; write a JSON value per line")
    if rejected:
        console(stderr=True).print(f"{answered} answered, {rejected} rejected")


@app.command
def attention(
    run: Folder,
    *,
    sample: Annotated[int, Parameter(help="Its place in the split, from 0.")] = 0,
    split: Annotated[Literal["validation", "train"], Parameter(help="Of the task's data.")] = "validation",
    layers: Annotated[str, Parameter(help="Which, from 0: 0,5 (default: all).")] = "",
    heads: Annotated[bool, Parameter(negative="", help="Show each head beside their mean.")] = False,
    out: Annotated[Path, Parameter(help="The picture: .png, .svg or .pdf.")] = Path("attention.png"),
    backbone: Body = None,
    device: Device = "auto",
    data: Data = None,
) -> None:
    """Draw where a run looks: the positions that it reads out against all positions, layer by layer."""
    from fpt_plugins import load
    from fpt_plugins.attention_figure import layer_numbers, write_attention

    numbers = layer_numbers(layers)
    arm = load(run, backbone=backbone, device=device, precision="fp32", data=data)
    print(write_attention(arm, out, split=split, sample=sample, layers=numbers, heads=heads))


@app.command
def show(run: Folder, *, as_json: Json = False) -> None:
    """Show a run: its recipe, parameters per group, scores beside floors, digests. Needs no plugin."""
    from fpt_plugins import display
    from fpt_plugins.adapter_files import read_description
    from fpt_plugins.record import read_record, record_folder

    read_description(run)
    record = read_record(record_folder(run))
    if as_json:
        print(record.to_bytes().decode(), end="")
    else:
        display.show_record(record, console())


@app.command
def export(run: Folder, destination: Annotated[Path, Parameter(help="A new folder.")]) -> None:
    """Write the adapter alone, with a card that says what it is and how to load it."""
    from fpt_plugins.card import export as export_adapter

    export_adapter(run, destination)
    print(destination)


@app.command(name="export-backbone")
def export_backbone(run: Folder, destination: Annotated[Path, Parameter(help="A new folder.")]) -> None:
    """Write the body as a run left it, best with --train full, as a Hugging Face folder, for hf:FOLDER."""
    from fpt_plugins.backbone_export import export_backbone as write

    print(f"--backbone hf:{write(run, destination)}")


@app.command
def new(
    name: Annotated[str, Parameter(help="The prefix of its tasks: birdsong.")],
    *,
    out: Annotated[Path | None, Parameter(help="Its folder, a new one (default: fpt-NAME).")] = None,
) -> None:
    """Write a new plugin that installs, trains and passes the conformance suite as it is."""
    from fpt_plugins.scaffold import new_plugin

    folder = new_plugin(name, out)
    print(folder)
    print(f"next: pip install -e {folder}, then fpt check {name}", file=sys.stderr)


@app.command
def check(
    name: Annotated[str | None, Parameter(help="An installed plugin: a name of `fpt plugins`.")] = None,
    *,
    backbone: Annotated[
        str | None, Parameter(help="Check a backbone instead: a name of `fpt backbones`.")
    ] = None,
    backbone_option: Annotated[Words, Parameter(help="NAME=VALUE: an option of the backbone.")] = None,
    as_json: Json = False,
) -> None:
    """Run the conformance suite on a plugin or a backbone, in a process that may crash; print the tier."""
    from fpt_plugins.testing.results_table import print_asked

    given = from_assignments(backbone_option or [], "--backbone-option")
    print_asked(name, backbone, options=given, as_json=as_json)


@app.meta.default
def launch(
    *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    debug: Annotated[bool, Parameter(negative="", help="Show the traceback of an error.")] = False,
) -> int:
    """Runs one command; an error of ours is one message, without a traceback."""
    try:
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except BrokenPipeError:  # the reader of our output has enough, as `head` does
        return 0
    except (FptError, CycloptsError, OSError) as error:
        if debug:
            raise
        message = Text("error: ", style="bold red").append(_said(error), style="not bold default")
        console(stderr=True).print(message)
        return _exit_code(error)
    except KeyboardInterrupt:
        console(stderr=True).print("interrupted")
        return INTERRUPTED
    return 0


def _said(error: Exception) -> str:
    """A mistake in words, and what to do; the operating system's without its number."""
    if isinstance(error, CycloptsError):
        return f"{error}\n  see what there is: fpt --help, or fpt COMMAND --help"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}\n  give another place, or see what is there"
    return str(error)


def _exit_code(error: Exception) -> int:
    if isinstance(error, FptError):
        return error.exit_code
    return 2 if isinstance(error, CycloptsError) else 1


def main() -> None:
    """The console script."""
    sys.exit(app.meta(sys.argv[1:], result_action="return_value"))
