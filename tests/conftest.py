"""Distributions as pip would have installed them, written into a folder on the path."""

import os
import sys
import tomllib
from pathlib import Path

# Models here are tiny: a second thread costs more than it brings. Set before torch is imported,
# and inherited by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

CONTRACT = ("fpt-plugins>=0.1,<0.2",)

TASK = """
import attrs
from fpt_plugins import Classes, Last, Recipe, Sequences, Task, TokenIds, accuracy, hookimpl


@attrs.frozen(kw_only=True)
class Echo(Task):
    name = "{plugin}/echo"
    summary = "which symbol was shown last"
    recipe = Recipe(steps=10, batch_size=4, lr=1e-3)
    readout = Last()
    metrics = (accuracy,)
    symbols: int = attrs.field(default=3, metadata={{"help": "how many there are"}})

    @property
    def sequence(self):
        return TokenIds(vocabulary=tuple(map(str, range(self.symbols))), max_length=8)

    @property
    def target(self):
        return Classes(self.sequence.vocabulary)

    def split(self, name): raise NotImplementedError
    def floors(self, split): return ()
    def parse(self, value): return value
    def read(self, path): return iter(())


@hookimpl
def fpt_tasks():
    return [Echo]


@hookimpl
def fpt_tokenize(task, samples):
    return Sequences.of(samples)
"""
"""A plugin that keeps the contract, but for its name."""


class FakeDistributions:
    """Writes a module, its metadata and its entry point into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, distribution, source=TASK, *, plugin=None, version="1.0", requires=CONTRACT) -> str:
        """Install ``source`` as the hooks of ``plugin``; the name of its module."""
        module = distribution.replace("-", "_").replace(".", "_").lower()
        plugin = plugin or module
        text = source.format(plugin=plugin) if source is TASK else source
        (self.folder / f"{module}.py").write_text(text)
        information = self.folder / f"{module}-{version}.dist-info"
        information.mkdir(parents=True)
        header = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        lines = [*header, *(f"Requires-Dist: {requirement}" for requirement in requires)]
        (information / "METADATA").write_text("\n".join(lines) + "\n")
        (information / "entry_points.txt").write_text(f"[fpt_plugins]\n{plugin} = {module}\n")
        (information / "RECORD").write_text(f"{module}.py,,\n")
        return module


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """What a test keeps between runs, no other test finds."""
    monkeypatch.setenv("FPT_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _own_threads():
    """How many threads a test chose, as a job of a study does, no other test computes with."""
    before = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    yield
    if before is not None:
        sys.modules["torch"].set_num_threads(before)


@pytest.fixture
def distributions(tmp_path, monkeypatch):
    """Fake distributions on this process's path, forgotten with their modules afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    yield FakeDistributions(tmp_path)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def healthy_plugin():
    """The source of a plugin that keeps the contract, for a plugin's name."""
    return lambda plugin: TASK.format(plugin=plugin)


@pytest.fixture(scope="session")
def fake_distributions():
    """The class, for tests that keep distributions of their own."""
    return FakeDistributions


def write_metadata(project):
    """What pip would have written of a project's pyproject.toml, beside its package; the package's name."""
    described = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    information = project / f"{described['name'].replace('-', '_')}-{described['version']}.dist-info"
    information.mkdir()
    lines = ["Metadata-Version: 2.4", f"Name: {described['name']}", f"Version: {described['version']}"]
    lines += [f"License-Expression: {described['license']}"] if "license" in described else []
    lines += [f"Requires-Dist: {requirement}" for requirement in described["dependencies"]]
    (information / "METADATA").write_text("\n".join(lines) + "\n")
    ((name, module),) = described["entry-points"]["fpt_plugins"].items()
    (information / "entry_points.txt").write_text(f"[fpt_plugins]\n{name} = {module}\n")
    return module.partition(".")[0]


SMALL_STUDY = {
    "name": "small",
    "seeds": [0, 1],
    "settings": {
        "backbone": "gpt2-mini",
        "backbone_options": {"layers": 1},
        "init": "random",
        "steps": 4,
        "batch_size": 4,
        "evaluate_every": 2,
        "device": "cpu",
        "precision": "fp32",
    },
    "axes": {"train": ["head", "fpt"]},
    "sweep": {"rates": [1e-3, 1e-2], "seeds": [0]},
    "tasks": {"bits/xor": {}},
    "leave-out": dict.fromkeys(
        ("none", "random", "statistics", "linear-probe", "full"), "a test of the grid"
    ),
    "scales": {"laptop": {}},
}
"""Two arms at two rates and two seeds: a run takes a tenth of a second."""


@pytest.fixture(scope="session")
def small_study():
    """A function that builds a small study, with some of its tables in another form."""
    from fpt_plugins.study.study_file import build_study

    return lambda **tables: build_study({**SMALL_STUDY, **tables}, "laptop", "small.toml")


class DirectWorkers:
    """Does each job in this process, at once, and remembers which it was asked for."""

    count = 1

    def __init__(self):
        self.jobs, self.waiting = [], []

    def submit(self, job):
        self.jobs.append(job)
        self.waiting.append(job)

    def wait(self):
        from fpt_plugins.study.workers import Outcome

        job = self.waiting.pop()
        return Outcome(job=job, reason=job.perform())

    def stop(self):
        pass


@pytest.fixture(scope="session")
def new_direct_workers():
    """A function that gives workers without processes of their own."""
    return DirectWorkers


@pytest.fixture
def direct_workers():
    """Workers without processes of their own."""
    return DirectWorkers()


class Unwatched:
    """Looks away."""

    def grid(self, *_):
        pass

    def settled(self, *_):
        pass


@pytest.fixture(scope="session")
def run_small(tmp_path_factory):
    """A function that runs a study in a folder with some workers, and returns what it found."""
    from fpt_plugins.study.results import read_results
    from fpt_plugins.study.running import StudyRun

    def run(study, workers, folder=None, *, bank=False, threads=1, **options):
        folder = folder or tmp_path_factory.mktemp("small") / "study"
        means = {"engine": "local", "threads": threads, "data": None, "watcher": Unwatched(), "bank": bank}
        StudyRun(study=study, folder=folder, workers=workers, **means).run(**options)
        return read_results(folder)

    return run


@pytest.fixture
def install_project(monkeypatch):
    """A function that puts a project's folder on the path, forgotten with its modules afterwards."""
    packages = []

    def install(project):
        packages.append(write_metadata(project))
        monkeypatch.syspath_prepend(project)

    yield install
    for name in list(sys.modules):
        if name.partition(".")[0] in packages:
            del sys.modules[name]


OWN_BODIES = {
    "block-1": {"width": 32, "heads": 4},
    "lstm": {"width": 32, "layers": 2, "positions": 24},
    "timm:vit_tiny_patch16_224": {"layers": 1},
}


def family_configurations():
    """Two blocks of width 32 for each family of the library's."""
    import transformers

    shape = {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    wide = {**shape, "intermediate_size": 48, "max_position_embeddings": 24}
    return {
        "gpt2": transformers.GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=24),
        "bert": transformers.BertConfig(**wide),
        "roberta": transformers.RobertaConfig(**{**wide, "max_position_embeddings": 26}),
        "distilbert": transformers.DistilBertConfig(
            vocab_size=97, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=24
        ),
        "llama": transformers.LlamaConfig(**wide),
        "qwen2": transformers.Qwen2Config(**wide, num_key_value_heads=2),
        "qwen3": transformers.Qwen3Config(**wide, num_key_value_heads=2, head_dim=8),
        "gpt_neox": transformers.GPTNeoXConfig(**wide),
        "opt": transformers.OPTConfig(
            **shape, ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=24
        ),
        "t5": transformers.T5Config(vocab_size=97, d_model=32, num_layers=2, num_heads=4, d_kv=8, d_ff=48),
        "longformer": transformers.LongformerConfig(
            **{**wide, "max_position_embeddings": 26}, attention_window=[4, 4]
        ),
    }


@pytest.fixture(scope="session")
def tiny_body(tmp_path_factory):
    """From a family's name to the settings of a tiny body of it, saved by the library if it is its own."""
    import transformers

    folders = {}

    def save(family):
        folder = tmp_path_factory.mktemp(family)
        model = transformers.T5EncoderModel if family == "t5" else transformers.AutoModel.from_config
        model(family_configurations()[family]).save_pretrained(folder)
        return folder

    def settings(family):
        if family in OWN_BODIES:
            init = {"init": "random"}
            return {"backbone": family, "backbone_options": OWN_BODIES[family], **init}
        if family not in folders:
            folders[family] = save(family)
        return {"backbone": f"hf:{folders[family]}"}

    return settings
