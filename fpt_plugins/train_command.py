"""``fpt train``: its flags, which are the settings of a run, and what it shows meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from fpt_plugins import bank_commands
from fpt_plugins.console import console
from fpt_plugins.flags import Data, Words
from fpt_plugins.options import from_assignments

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
Quantize = Annotated[
    Literal["none", "int8"] | None,
    Parameter(help="The frozen body's matrices in 8 bits (default none)."),
]
Precision = Annotated[Literal["auto", "bf16", "fp32"] | None, Parameter(help="auto: bf16 where it is fast.")]


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
    quantize: Quantize = None,
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
    from fpt_plugins.settings_file import assignments_as_floats, numbers, read_settings

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
    shown_on = console(stderr=True)
    done = finished(task, out, settings) if resume else None
    if done is not None:
        display.summarize(done, str(out), shown_on)
        return
    with open_training(task, out, resume=resume, settings=settings) as training:
        display.announce(training, shown_on)
        try:
            with display.progress(training, shown_on) as shown:
                for row in training.rows():
                    shown.show(row)
        except KeyboardInterrupt:
            display.interrupted(training, shown_on)
            raise
        display.summarize(training.finish(), str(training.folder.path), shown_on)
