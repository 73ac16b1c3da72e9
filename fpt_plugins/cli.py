"""The ``fpt`` command: thin functions, each calling one of the package's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Group, Parameter
from rich.console import Console
from rich.text import Text

import fpt_plugins
from fpt_plugins import bank_commands, cache_commands, registry_commands, study_commands
from fpt_plugins.errors import FptError
from fpt_plugins.options import from_assignments

INTERRUPTED = 130
"""The exit code of a run that Ctrl-C ended, as shells have it."""

app = App(
    name="fpt",
    version=fpt_plugins.__version__,
    help="Turn a frozen pretrained transformer into a model for any data that is a sequence.\n\n"
    "Start with: fpt tasks, then fpt train bits/xor --backbone gpt2-mini --init random",
)
app.command(registry_commands.app)
app.command(registry_commands.record)
app.meta.group_parameters = Group("Global", sort_key=0)
app.command(cache_commands.app)
app.command(bank_commands.predict_many, name="predict-many")
app.command(study_commands.app)
app.command(study_commands.lr_find, name="lr-find")

Words = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON to standard output.")]
Folder = Annotated[Path, Parameter(help="A run's or an adapter's folder.")]
Data = Annotated[
    Path | None, Parameter(help="Where data files are: default $FPT_DATA, else ~/.cache/fpt-plugins/data.")
]
Policy = Annotated[
    str | None,
    Parameter(
        help="What trains: fpt, head, last-block, bitfit, full, lora, bottleneck, prompt, or groups joined "
        "by commas; head,@200,fpt changes at step 200."
    ),
]
PolicyOptions = Annotated[
    Words,
    Parameter(help="NAME=VALUE: rank or alpha of lora, width of bottleneck, virtual_tokens of prompt."),
]
Backbone = Annotated[str | None, Parameter(help="The body: a name of `fpt backbones` (default minilm).")]
Batching = Annotated[
    Literal["length", "shuffle"] | None,
    Parameter(help="Batches of samples of similar length (default), or of any."),
]
Workers = Annotated[
    int | None, Parameter(help="Processes that prepare batches (default: 2 on a GPU, none on a CPU).")
]
EvaluateEvery = Annotated[int | None, Parameter(help="Steps between two looks at validation data.")]
Features = Annotated[
    bool | None, Parameter(help="Compute the frozen body's features once, where only the head trains.")
]
Align = Annotated[
    Literal["moments", "mmd"] | None,
    Parameter(help="A first stage that makes the embedded inputs like the pretrained token embeddings."),
]
AlignSteps = Annotated[int | None, Parameter(help="Its steps (default 0).")]
Checkpointing = Annotated[
    bool | None, Parameter(negative="", help="Compute each block again going back, to save memory.")
]
Compile = Annotated[
    Literal["auto", "on", "off"] | None, Parameter(help="Use torch.compile (auto: on a GPU alone).")
]
FastParts = Annotated[Words, Parameter(help="Parts taken (default all): dropout, gelu, last-block, packed.")]
Body = Annotated[str | None, Parameter(help="Where the body is now, if it moved: hf:FOLDER, timm:FOLDER.")]
Precision = Annotated[Literal["auto", "bf16", "fp32"] | None, Parameter(help="auto: bf16 where it is fast.")]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:1")]


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
def train(
    task: Annotated[str, Parameter(help="What to learn: a name of `fpt tasks`.")],
    *,
    backbone: Backbone = None,
    init: Annotated[str | None, Parameter(help="pretrained, random, ... (default pretrained)")] = None,
    train: Policy = None,
    policy_option: PolicyOptions = None,
    steps: Annotated[int | None, Parameter(help="Optimizer steps.")] = None,
    batch_size: Annotated[int | None, Parameter(help="Samples per step.")] = None,
    batching: Batching = None,
    lr: Annotated[
        str | None, Parameter(help="Adam's learning rate; several with commas, a run each.")
    ] = None,
    group_lr: Annotated[Words, Parameter(help="GROUP=X: a learning rate for one group.")] = None,
    dropout: Annotated[float | None, Parameter(help="Inside the body, while training.")] = None,
    evaluate_every: EvaluateEvery = None,
    align: Align = None,
    align_steps: AlignSteps = None,
    seed: Annotated[int | None, Parameter(help="Of new parameters, data order and dropout.")] = None,
    seeds: Annotated[int | None, Parameter(help="So many seeds, a run each, trained together.")] = None,
    init_seed: Annotated[int | None, Parameter(help="Of a random body (default: the seed).")] = None,
    precision: Precision = None,
    device: Annotated[str | None, Parameter(help="auto, cpu, cuda, cuda:1")] = None,
    workers: Workers = None,
    cache_features: Features = None,
    micro_batch_size: Annotated[int | None, Parameter(help="Samples at a time, to save memory.")] = None,
    gradient_checkpointing: Checkpointing = None,
    compile: Compile = None,  # noqa: A002 # flags are named as settings are
    fast: FastParts = None,
    with_: Annotated[Words, Parameter(name="--with", help="Plugins whose hook wrappers apply.")] = None,
    option: Annotated[Words, Parameter(help="NAME=VALUE: an option of the task.")] = None,
    backbone_option: Annotated[Words, Parameter(help="NAME=VALUE: an option of the backbone.")] = None,
    set_: Annotated[Words, Parameter(name="--set", help="NAME=VALUE: a setting without a flag.")] = None,
    config: Annotated[Path | None, Parameter(help="A TOML file with these settings; flags win.")] = None,
    data: Data = None,
    out: Annotated[Path | None, Parameter(help="The run's folder (default: a new one below runs/).")] = None,
    resume: Annotated[bool, Parameter(negative="", help="Continue the run in that folder.")] = False,
) -> None:
    """Train a task on a frozen body; what is not given comes from the task's own recipe."""
    settings = _settings(**locals())
    _train(task, settings.pop("seeds", None), resume=resume, settings=settings)


def _settings(*, task: str, resume: bool, config: Path | None, **flags: Any) -> dict[str, Any]:  # noqa: ARG001 # no settings
    """The settings that a run was given: those of a file, and the flags, which win."""
    from fpt_plugins.configuration import assignments_as_floats, numbers, read_settings

    settings = read_settings(config) if config is not None else {}
    given = {name: value for name, value in flags.items() if value is not None and value != []}
    if "lr" in given:
        given["lr"] = numbers(given["lr"], "--lr")
    if "group_lr" in given:
        given["group_lr"] = assignments_as_floats(given["group_lr"], "--group-lr")
    for flag in ("option", "backbone_option", "policy_option"):
        if flag in given:
            given[f"{flag}s"] = from_assignments(given.pop(flag), f"--{flag.replace('_', '-')}")
    if "with_" in given:
        given["wrappers"] = given.pop("with_")
    others = from_assignments(given.pop("set_", ()), "--set")
    return {**settings, **given, **others}


def _train(task: str, seeds: int | None, *, resume: bool, settings: dict[str, Any]) -> None:
    from fpt_plugins import display
    from fpt_plugins.training import finished, open_training

    out = settings.pop("out", None)
    if bank_commands.asks_for_many(settings, seeds) or (resume and bank_commands.holds_many(out)):
        bank_commands.train_many(task, out, seeds=seeds, resume=resume, settings=settings)
        return
    console = _console(stderr=True)
    done = finished(task, out, settings) if resume else None
    if done is not None:
        display.summarize(done, str(out), console)
        return
    with open_training(task, out, resume=resume, settings=settings) as training:
        display.announce(training, console)
        try:
            with display.progress(training, console) as shown:
                for row in training.rows():
                    shown.show(row)
        except KeyboardInterrupt:
            display.interrupted(training, console)
            raise
        display.summarize(training.finish(), str(training.folder.path), console)


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
        display.show_scores({split: evaluation}, _console())


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
    if rejected:
        _console(stderr=True).print(f"{answered} answered, {rejected} rejected")


@app.command
def show(run: Folder, *, as_json: Json = False) -> None:
    """Show a run: its recipe, parameters per group, scores beside floors, digests. Needs no plugin."""
    from fpt_plugins import display
    from fpt_plugins.adapter import read_description
    from fpt_plugins.record import read_record, record_folder

    read_description(run)
    record = read_record(record_folder(run))
    if as_json:
        print(record.to_bytes().decode(), end="")
    else:
        display.show_record(record, _console())


@app.command
def export(run: Folder, destination: Annotated[Path, Parameter(help="A new folder.")]) -> None:
    """Write the adapter alone, with a card that says what it is and how to load it."""
    from fpt_plugins.card import export as export_adapter

    export_adapter(run, destination)
    print(destination)


@app.command(name="export-backbone")
def export_backbone(run: Folder, destination: Annotated[Path, Parameter(help="A new folder.")]) -> None:
    """Write the body of a run trained with --train full as a Hugging Face folder, for hf:FOLDER."""
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

    print(new_plugin(name, out))


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
        message = Text("error: ", style="bold red").append(str(error), style="not bold default")
        _console(stderr=True).print(message)
        return _exit_code(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _exit_code(error: Exception) -> int:
    if isinstance(error, FptError):
        return error.exit_code
    return 2 if isinstance(error, CycloptsError) else 1


def _console(*, stderr: bool = False) -> Console:
    """Prints what it is given: a path in square brackets is no markup, and no line is broken."""
    return Console(stderr=stderr, markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """The console script."""
    sys.exit(app.meta(sys.argv[1:], result_action="return_value"))
