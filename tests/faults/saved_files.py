"""What this package itself writes: adapters, checkpoints, runs, studies, cards, caches."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.subject import Subject

TREE = Path(__file__).parents[2]
KEY = "12" * 32
STEP = Path("checkpoints") / "step-000000003"


@functools.cache
def arm() -> Any:
    """A small arm; its body has one layer."""
    import fpt_plugins as fpt

    body = {"backbone": "gpt2-mini", "init": "random", "backbone_options": {"layers": 1}}
    return fpt.build("bits/xor", **body, device="cpu", precision="fp32")


@functools.cache
def optimizer() -> Any:
    """The arm's, after a step."""
    from fpt_plugins.optimizer import make_optimizer

    made = make_optimizer(arm())
    for number, name in enumerate(arm().partition.trained_names):
        parameter = arm().model.get_parameter(name)
        parameter.grad = parameter.detach().clone() * number
    made.step()
    return made


def _trained() -> dict[str, str]:
    from fpt_plugins.digest import tensor_digest
    from fpt_plugins.trained_tensors import trained_tensors

    return {name: tensor_digest(tensor) for name, tensor in trained_tensors(arm()).items()}


def make_adapter(folder: Path) -> None:
    """An adapter of the arm."""
    from fpt_plugins.adapter_files import adapter_files
    from fpt_plugins.trained_tensors import trained_tensors

    for name, content in adapter_files(arm(), trained_tensors(arm()), 3).items():
        (folder / name).write_bytes(content)


def read_adapter(folder: Path) -> Any:
    """What loading it gives, without the body, which is there already."""
    from fpt_plugins.adapter import fill, stored_configuration
    from fpt_plugins.adapter_files import read_description

    description = read_description(folder)
    given = {"backbone": None, "precision": None, "data": None}
    configuration = stored_configuration(description, device="cpu", **given)
    fill(arm(), folder, description)
    return description, configuration, _trained()


def load_adapter(folder: Path) -> Any:
    """What a stranger's program gets of it: the body is built, too."""
    from fpt_plugins.adapter import load
    from fpt_plugins.digest import tensor_digest
    from fpt_plugins.trained_tensors import trained_tensors

    return {
        name: tensor_digest(tensor) for name, tensor in trained_tensors(load(folder, device="cpu")).items()
    }


def reseal_adapter(folder: Path) -> None:
    """The digests of whatever it holds now."""
    from fpt_plugins.storage import sealed

    description = _json(folder / "adapter.json")
    if isinstance(description, dict) and (folder / "adapter.safetensors").is_file():
        weights = (folder / "adapter.safetensors").read_bytes()
        description["weights_sha256"] = hashlib.sha256(weights).hexdigest()
        (folder / "adapter.json").write_bytes(sealed(description))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def reseal_json(folder: Path) -> None:
    """A seal over each JSON file as it is now, if it is a JSON object."""
    from fpt_plugins.storage import sealed

    for path in folder.rglob("*.json"):
        value = _json(path)
        if isinstance(value, dict):
            path.write_bytes(sealed(value))


def make_checkpoint(folder: Path) -> None:
    """A checkpoint of the arm after a step."""
    from fpt_plugins.checkpoint import Checkpoint, save_checkpoint
    from fpt_plugins.trained_tensors import trained_tensors

    state = Checkpoint(step=3, best_step=2, best_metrics={"loss": 0.5}, best_tensors=trained_tensors(arm()))
    save_checkpoint(folder, arm(), optimizer(), state)


def read_checkpoint(folder: Path) -> Any:
    """Every part of it."""
    from fpt_plugins.checkpoint import restore
    from fpt_plugins.digest import tensor_digest

    state = restore(arm(), optimizer(), folder / STEP)
    best = {name: tensor_digest(tensor) for name, tensor in sorted(state.best_tensors.items())}
    moments = {
        (name, key): tensor_digest(value)
        for name in arm().partition.trained_names
        for key, value in optimizer().state[arm().model.get_parameter(name)].items()
    }
    plain = (
        state.step,
        state.seconds,
        state.best_step,
        state.best_metrics,
        state.held_digests,
        state.clipped,
    )
    return plain, best, moments, _trained()


def reseal_checkpoint(folder: Path) -> None:
    """A manifest of whatever is there now."""
    from fpt_plugins.storage import with_manifest

    reseal_json(folder)
    files = {p.name: p.read_bytes() for p in (folder / STEP).iterdir() if p.name != "manifest.json"}
    (folder / STEP / "manifest.json").write_bytes(with_manifest(files)["manifest.json"])


def make_run(folder: Path) -> None:
    """A run that was begun, with its record."""
    from fpt_plugins.run_folder import RunFolder

    run = RunFolder.open(arm().configuration, folder / "run", resume=False, given={}, facts=arm().facts)
    with run.appending() as append:
        for step in range(5):
            append({"step": step, "split": "train", "loss": 1 / (step + 1)})
    _record().write(folder / "run")


def _record() -> Any:
    from fpt_plugins.record import Evaluation, GroupCount, RunRecord
    from fpt_plugins.task import Floor

    floors = (Floor(name="chance", metric="accuracy", value=0.5, source="closed form"),)
    test = Evaluation(metrics={"accuracy": 0.75, "loss": 0.5}, samples=8, reads=1, floors=floors)
    return RunRecord(
        configuration=arm().configuration.to_json(),
        versions={"torch": "2"},
        machine={"precision": "fp32"},
        parameters={"head": GroupCount(parameters=9, trained=True)},
        source_digest="0" * 64,
        held_digest_before="1" * 64,
        held_digest_after="1" * 64,
        steps=3,
        best_step=2,
        seconds=1.5,
        adapter_bytes=9,
        evaluations={"test": test},
    )


def read_run(folder: Path) -> Any:
    """What resuming reads, and the record."""
    from fpt_plugins.record import read_record
    from fpt_plugins.run_folder import RunFolder

    run = RunFolder.open(arm().configuration, folder / "run", resume=True, given={})
    return run.configuration, run.facts, read_record(folder / "run")


def read_metrics(folder: Path) -> Any:
    """The rows of its metrics, which are no part of what a run stands on."""
    from fpt_plugins.metric_rows import read_rows

    return read_rows(folder / "run" / "metrics.jsonl")


def make_study(folder: Path) -> None:
    """A study that was begun."""
    from fpt_plugins.study.grid import Grid
    from fpt_plugins.study.ledger import Ledger
    from fpt_plugins.study.study_file import read_study, save_study

    save_study(read_study(TREE / "examples" / "studies" / "language-or-random.toml", "smoke"), folder)
    Grid(cells=(), arms=(), choices=(), left_out={"no body": "too wide"}).save(folder)
    Ledger(folder).add_failure("0" * 16, "out of memory", 3)


def read_study(folder: Path) -> Any:
    """The definition, the grid and a failure."""
    from fpt_plugins.study.ledger import Ledger
    from fpt_plugins.study.results import read_results

    return read_results(folder), Ledger(folder).failure("0" * 16)


def make_study_file(folder: Path) -> None:
    """A study as its author writes it."""
    text = (TREE / "examples" / "studies" / "language-or-random.toml").read_bytes()
    (folder / "study.toml").write_bytes(text)


def read_study_file(folder: Path) -> Any:
    """The study."""
    from fpt_plugins.study.study_file import read_study

    return read_study(folder / "study.toml", "smoke")


def make_cards(folder: Path) -> None:
    """This package's wheel, installed: unpacked, its RECORD beside it."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=TREE, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    wheel.unlink()


def read_cards(folder: Path) -> Any:
    """The cards of every task, by the installed package itself."""
    from fpt_plugins import installed_files, registry
    from fpt_plugins.registry_cards import TaskCard

    assert folder in Path(installed_files.__file__).parents
    installed_files._recorded.cache_clear()
    return registry.cards(TaskCard)


def make_card(folder: Path) -> None:
    """A card of a task, in nobody's installation."""
    card = (TREE / "registry" / "tasks" / "bits-xor.toml").read_bytes()
    (folder / "bits-xor.toml").write_bytes(card)


def read_card(folder: Path) -> Any:
    """The card."""
    from fpt_plugins.registry import read_card as read
    from fpt_plugins.registry_cards import TaskCard

    return read(folder / "bits-xor.toml", TaskCard)


def make_tokens(folder: Path) -> None:
    """A tokenized split."""
    from fpt_plugins.token_file import write_tokens
    from fpt_plugins.tokens import HeldTokens

    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 9, 50)
    values = generator.normal(size=(int(lengths.sum()), 3)).astype(np.float32)
    write_tokens(folder / "tokens.h5", KEY, [HeldTokens(values, lengths, generator.integers(0, 9, (50, 2)))])


def read_tokens(folder: Path) -> Any:
    """Its arrays."""
    from fpt_plugins.token_file import open_tokens

    stored = open_tokens(folder / "tokens.h5", KEY)
    arrays = (stored.values, stored.lengths, stored.targets)
    return [(array.dtype.str, array.shape, array[:].tobytes()) for array in arrays]


def make_body(folder: Path) -> None:
    """A small GPT-2 as transformers saves it."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, n_positions=8, vocab_size=9)
    transformers.GPT2Model(config).save_pretrained(folder / "gpt2")


def build_body(folder: Path) -> Any:
    """The body that is built of it."""
    from fpt_plugins.backbone import BackboneRequest
    from fpt_plugins.backbones.hub import spec_of_place

    spec = spec_of_place(str(folder / "gpt2"))
    request = BackboneRequest(init="pretrained", init_seed=0, length=4, dropout=0.0, options=spec.options())
    return spec.build(spec, request)


def read_body(folder: Path) -> Any:
    """Its digest."""
    return build_body(folder).source_digest


SAVED = (
    Subject(
        name="adapter",
        make=make_adapter,
        read=read_adapter,
        sealed=True,
        reseal=reseal_adapter,
    ),
    Subject(name="loaded-adapter", make=make_adapter, read=load_adapter, sealed=True, share=0.01),
    Subject(
        name="checkpoint", make=make_checkpoint, read=read_checkpoint, sealed=True, reseal=reseal_checkpoint
    ),
    Subject(
        name="run",
        make=make_run,
        read=read_run,
        sealed=True,
        files=("run.json", "record.json"),
        reseal=reseal_json,
    ),
    Subject(name="metrics", make=make_run, read=read_metrics, files=("metrics.jsonl",)),
    Subject(
        name="study", make=make_study, read=read_study, sealed=True, files=("*.json",), reseal=reseal_json
    ),
    Subject(name="study-file", make=make_study_file, read=read_study_file),
    Subject(
        name="installed-cards",
        make=make_cards,
        read=read_cards,
        sealed=True,
        files=("site/fpt_plugins/_registry/tasks/*.toml",),
        python_path=lambda folder: (folder / "site",),
        share=0.5,
    ),
    Subject(name="card", make=make_card, read=read_card),
    Subject(name="token-cache", make=make_tokens, read=read_tokens, sealed=True),
    Subject(name="body", make=make_body, read=read_body, files=("*.json", "*.safetensors"), share=0.1),
)
