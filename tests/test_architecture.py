"""The house: which way imports point, what is light to import, and how long things are."""

import ast
import inspect
import itertools
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import fpt_plugins

ROOT = Path(__file__).parents[1]
LAYERS = (
    # what stands on nothing
    ("__init__", "errors", "streams", "interruption", "pickled_arrays", "digest", "open_file", "progress"),
    ("console", "finite_steps", "flags", "formats", "heap", "memory", "processes"),
    (
        "accepted_values",
        "array_file",
        "cache_folder",
        "distances",
        "feature_store",
        "parameter_matrix",
        "plain_files",
        "tensor_file",
        "tokens",
    ),
    ("installed_files", "storage", "options", "order", "precision"),
    ("downloading", "unpickling", "parsed_cache"),
    ("sealed_values", "token_file"),
    # what a task and a backbone are
    ("sequence", "readout", "metric", "backbone"),
    ("target",),
    ("task",),
    ("hookspecs", "registry_cards"),
    # who provides them
    ("discovery", "listing", "registry"),
    ("loading", "registry_checks", "registry_search", "tables"),
    ("listing_process", "token_key"),
    ("plugins",),
    ("task_page",),
    # the bodies that the core brings
    ("backbones.__init__", "backbones.tensor_names", "backbones.transformer_options", "backbones.dropout"),
    ("backbones.attention", "backbones.gelu_table", "backbones.last_block", "backbones.packed_linear"),
    ("backbones.attention_recording",),
    ("backbones.architecture", "backbones.packaged", "backbones.positions"),
    ("backbones.rotary", "backbones.shape", "backbones.hugging_face", "backbones.inits", "backbones.no_body"),
    ("backbones.bert", "backbones.distilbert", "backbones.gpt2", "backbones.gpt_neox", "backbones.llama"),
    ("backbones.longformer", "backbones.opt", "backbones.t5"),
    ("backbones.config_file", "backbones.weights_file"),
    ("backbones.checkpoint",),
    ("backbones.initialization",),
    ("backbones.trained_run",),
    ("backbones.block", "backbones.construction", "backbones.lstm", "backbones.vit", "backbones.linear"),
    ("backbones.builder", "backbones.controls", "backbones.vision_builder"),
    ("backbones.counting",),
    ("backbones.hub",),
    ("backbones.timm_models",),
    ("backbones.catalog",),
    ("backbones.hooks", "defaults"),
    ("backbone_export", "hooks", "registry_facts"),
    # a model and its data
    (
        "groups",
        "model",
        "row_streams",
        "row_wise",
        "sample_checks",
        "stages",
        "additions.__init__",
        "additions.addition",
    ),
    ("fast_path", "policies", "probe", "quantization"),
    ("additions.bottleneck_layer", "additions.extended_backbone"),
    ("additions.bottleneck", "additions.lora", "additions.prompt"),
    ("additions.choice",),
    ("freezing",),
    ("data", "configuration", "proof"),
    ("settings_file", "shared_body"),
    ("banked_transformer", "data_fraction", "resolving", "token_cache"),
    ("arm",),
    ("attention_map", "optimizer", "trained_tensors"),
    # what is saved
    ("adapter_files", "metric_rows", "record", "resuming"),
    ("adapter", "run_folder"),
    ("alignment", "attention_figure", "checkpoint", "circumstances", "drift", "evaluation", "prediction"),
    ("bank", "card", "features", "recording", "run_card"),
    ("bank_loading", "kept_run", "passing", "step_loader"),
    ("training_loop",),
    ("training", "rate_range"),
    ("population",),
    ("sweep",),
    ("display",),
    ("sweep_display",),
    ("bank_commands",),
    # grids of runs
    ("study.__init__", "study.definition", "study.layers", "study.reproduction", "study.ledger"),
    ("study.controls", "study.study_file", "study.job"),
    ("study.bank_job",),
    ("study.workers",),
    ("study.arms", "study.local_workers", "study.ray_workers"),
    ("study.cells", "study.selection", "study.identity", "study.extension"),
    ("study.grid", "study.rate_search", "study.banks"),
    ("study.planning", "study.results", "study.forecast"),
    ("study.running", "study.display"),
    ("study.session",),
    # statistics and their page
    ("report.__init__", "report.tuples", "report.wording", "report.naming", "report.declared_task"),
    ("report.summary", "report.table", "report.caveats"),
    ("report.scores", "report.convergence", "report.signals", "report.cost", "report.figure"),
    ("report.comparison", "report.lines"),
    ("report.claims", "report.rates"),
    ("report.analysis",),
    ("report.answer", "report.attention", "report.curves", "report.rate_figures", "report.published_table"),
    ("report.axis_figures", "report.detail_tables", "report.run_tables", "report.score_tables"),
    ("report.section",),
    ("report.page",),
    ("report.writing",),
    ("study_commands",),
    # what plugin authors are given
    ("scaffold", "testing.result", "testing.declaration", "testing.learning_probes"),
    ("testing.subject", "testing.fresh_process", "testing.checking"),
    ("testing.drawing", "testing.reading", "testing.backbone_subject"),
    ("testing.probes", "testing.endurance_probes", "testing.backbone_probes"),
    ("testing.installation", "testing.contents", "testing.refusals", "testing.damage", "testing.records"),
    ("testing.modules", "testing.freezing", "testing.batches", "testing.fitting", "testing.sharing"),
    ("testing.leakage", "testing.known_answers", "testing.earlier_releases", "testing.endurance"),
    ("testing.backbone_identity", "testing.backbone_computation", "testing.backbone_training"),
    ("testing.suite", "testing.backbone_suite", "testing.probing_process"),
    ("testing.parametrization", "testing.checking_process", "testing.running"),
    ("testing.__init__", "testing.results_table"),
    ("cache_commands", "registry_commands"),
    ("train_command",),
    ("cli",),
    ("__main__",),
)
"""The modules of the core from the ground: each may import those of the layers above its own line alone."""

HEAVY = (
    "torch",
    "numpy",
    "transformers",
    "accelerate",
    "timm",
    "scipy",
    "sklearn",
    "PIL",
    "Bio",
    "h5py",
    "lmdb",
)
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
PACKAGES = sorted(ROOT.glob("plugins/*/fpt_*/"))
CORE = sorted((ROOT / "fpt_plugins").rglob("*.py"))
PLUGINS = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
TESTS = [*(ROOT / "tests").rglob("*.py"), *ROOT.glob("plugins/*/tests/**/*.py")]


def place(path):
    return str(path.relative_to(ROOT))


def module_name(path):
    return ".".join(path.relative_to(ROOT / "fpt_plugins").with_suffix("").parts)


def is_type_checking(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def statements(node):
    """Every node that runs: what is imported for types alone is no dependency."""
    for child in ast.iter_child_nodes(node):
        if not is_type_checking(child):
            yield child
            yield from statements(child)


def imports(path):
    """The ``(module, name)`` pairs that a file imports, inside functions too; ``name`` may be None."""
    for node in statements(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield from ((node.module, alias.name) for alias in node.names)


def imported_modules(path):
    """The modules of the core that a file of the core imports, as the table names them."""
    for module, name in imports(path):
        if module.partition(".")[0] == "fpt_plugins":
            inner = [part for part in (module.partition(".")[2], name) if part]
            named = ".".join(inner)
            yield next(each for each in (named, ".".join(inner[:1]), "__init__") if each in LEVEL)


def functions(paths):
    """Every function with its place and its lines, the docstring left out."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                documented = ast.get_docstring(node) is not None
                docstring = node.body[0].end_lineno - node.body[0].lineno + 1 if documented else 0
                yield f"{place(path)}:{node.name}", node.end_lineno - node.lineno + 1 - docstring


SOURCE = """
from typing import TYPE_CHECKING
import fpt_plugins.cli
if TYPE_CHECKING:
    from fpt_plugins.arm import Arm
def build():
    if True:
        from fpt_plugins.backbones import lstm
        from fpt_plugins import Task, training
"""


def test_imports_are_found_wherever_they_run(tmp_path):
    """Inside functions too; not where they are for types alone; a public name is the package's own."""
    (tmp_path / "module.py").write_text(SOURCE)
    found = list(imported_modules(tmp_path / "module.py"))
    assert found == ["cli", "backbones.lstm", "__init__", "training"]


def test_every_module_has_its_layer():
    """The table names each module of the core once, and no other."""
    assert sorted(itertools.chain(*LAYERS)) == sorted(map(module_name, CORE))


@pytest.mark.parametrize("path", CORE, ids=module_name)
def test_imports_of_the_core_run_down(path):
    """A module imports from lower layers only; the package's own name stands for its lazy surface."""
    upward = {name for name in imported_modules(path) if LEVEL[name] >= LEVEL[module_name(path)]}
    assert not upward


@pytest.mark.parametrize("path", CORE, ids=module_name)
def test_the_core_knows_no_plugin(path):
    """The core imports neither a plugin nor the registry, the examples or the tests."""
    others = {package.name for package in PACKAGES} | {"plugins", "registry", "examples", "tests"}
    assert not others & {module.partition(".")[0] for module, _ in imports(path)}


@pytest.mark.parametrize("path", [*PLUGINS, *EXAMPLES], ids=place)
def test_plugins_and_examples_use_public_names_alone(path):
    """From the core they import what ``fpt_plugins.__all__`` names, and from no other plugin anything."""
    found = list(imports(path))
    ours = {name for module, name in found if module.partition(".")[0] == "fpt_plugins"}
    nodes = ast.walk(ast.parse(path.read_text()))  # what is imported for types alone too
    modules = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    assert [module for module in modules if module.startswith("fpt_plugins.")] == []
    assert ours - {None} <= set(fpt_plugins.__all__)
    others = {package.name for package in PACKAGES} - set(path.relative_to(ROOT).parts)
    assert not others & {module.partition(".")[0] for module, _ in found}


@pytest.mark.parametrize("path", EXAMPLES, ids=place)
def test_examples_take_public_names_from_the_package(path):
    """Every ``fpt.NAME`` of an example is a public name."""
    tree = ast.parse(path.read_text())
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    used = {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "fpt"}
    assert used <= set(fpt_plugins.__all__)


LIGHT = {
    "fpt_plugins": "import fpt_plugins",
    "the core's hooks": "from fpt_plugins import hooks; hooks.fpt_backbones()",
    **{
        package.name: f"from {package.name} import hooks; [task() for task in hooks.fpt_tasks()]"
        for package in PACKAGES
    },
}


@pytest.mark.parametrize("name", LIGHT)
def test_what_is_listed_is_light_to_import(name):
    """Importing the package, or a plugin's hooks with its tasks, imports no library that computes."""
    code = f"import sys\n{LIGHT[name]}\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (shown.stdout, shown.stderr) == ("\n", "")


def test_no_file_has_an_empty_name():
    """A file is named after its idea."""
    empty = {"utils", "util", "helpers", "helper", "base", "manager", "engine", "core", "common", "misc"}
    assert not [place(path) for path in (*CORE, *PLUGINS, *EXAMPLES, *TESTS) if path.stem in empty]


def test_every_file_fits_a_reading():
    """No file has more than 350 lines."""
    lengths = {place(path): path.read_text().count("\n") for path in (*CORE, *PLUGINS, *EXAMPLES, *TESTS)}
    assert {name: length for name, length in lengths.items() if length > 350} == {}


def test_functions_are_short():
    """None is longer than 60 lines, and half of them are shorter than ten."""
    lengths = dict(functions([*CORE, *PLUGINS, *EXAMPLES]))
    assert {name: length for name, length in lengths.items() if length > 60} == {}
    assert statistics.median(lengths.values()) < 10


@pytest.mark.parametrize("name", sorted(set(fpt_plugins.__all__) - {"__version__"}))
def test_every_public_class_and_function_is_documented(name):
    """It has a docstring of its own, not its parent's."""
    value = getattr(fpt_plugins, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert (value.__doc__ or "").strip()
        assert not any(value.__doc__ == parent.__doc__ for parent in getattr(value, "__mro__", ())[1:])


def test_every_test_says_what_it_proves():
    """Each test of the core has a docstring."""
    tests = [node for path in TESTS for node in ast.walk(ast.parse(path.read_text()))]
    named = [n for n in tests if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
    assert [node.name for node in named if not ast.get_docstring(node)] == []
