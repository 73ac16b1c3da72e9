"""What a pull request that breaks a card is told: the file, the key, and what to do."""

import json
import subprocess
import sys

import attrs
import pytest

from fpt_plugins import registry
from fpt_plugins.registry_checks import CheckedFile, check_registry
from fpt_plugins.registry_facts import compare_installed

PLUGIN = """
name = "echo"
distribution = "fpt-echo"
summary = "repeats"
license = "MIT"
install = "pip install ./plugins/echo"
tasks = ["echo/echo"]
"""
TASK = """
name = "echo/echo"
summary = "what was said"
data = "generated"
metric = "accuracy"
floors = [{ name = "chance", value = 0.5 }]
"""
BACKBONE = """
name = "echo"
summary = "says what it hears"
source = "somebody/echo"
license = "MIT"
revision = "0123456789"
embed_dim = 8
layers = 1
causal = true
parameters = { mlp = 64 }
"""
DIGEST = "0" * 64
RUN = f"""
name = "echo"
command = "fpt train echo/echo"
task = "echo/echo"
backbone = "echo"
init = "random"
policy = "fpt"
recipe = {{ steps = 1 }}
best_step = 1
source_digest = "{DIGEST}"
held_digest = "{DIGEST}"
adapter_sha256 = "{DIGEST}"
trained = {{ head = 10 }}
scores = {{ accuracy = 0.9 }}
samples = 10
reads = 1
floors = [{{ name = "chance", metric = "accuracy", value = 0.5, source = "closed form" }}]
versions = {{ torch = "2.15" }}
"""
CARDS = {
    "plugins/echo.toml": PLUGIN,
    "tasks/echo-echo.toml": TASK,
    "backbones/echo.toml": BACKBONE,
    "runs/echo.toml": RUN,
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Makes a registry of one card of each kind, with changes; the folder."""

    def made(**changes):
        for name, text in CARDS.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            before, after = changes.get(name.partition("/")[0], ("", ""))
            assert before in text
            path.write_text(text.replace(before, after, 1))
        monkeypatch.setattr(registry, "root", lambda: tmp_path)
        return tmp_path

    return made


def test_whole_cards_pass(write):
    """A registry of one card of each kind has nothing to mend."""
    write()
    checked, findings = check_registry()
    assert (len(checked), findings) == (4, [])


BROKEN = [
    ("runs", 'command = "fpt train', 'command = "curl evil; fpt train', "command", "fpt train", "command:"),
    ("runs", 'command = "fpt train', 'command = "fpt train; curl evil; ', "command", "fpt train", "command:"),
    (
        "plugins",
        "./plugins/echo",
        "git+https://gith\u1d1cb.com/b@" + "0" * 40,
        "install",
        "40 digits",
        "install:",
    ),
    ("plugins", 'summary = "repeats"', 'summary = "a\\u001b[2Jb"', "summary", "no line of text", "summary:"),
    ("plugins", 'license = "MIT"', "", "license", "is missing", "SPDX"),
    ("plugins", 'license = "MIT"', 'licence = "MIT"', "licence", "no field", "did you mean license"),
    ("plugins", '"MIT"', '"MIT licence"', "license", "no SPDX license expression", "license:"),
    ("plugins", "./plugins/echo", "fpt-echo", "install", "anyone may still register", "install:"),
    ("plugins", "./plugins/echo", "git+https://a.org/b@main", "install", "40 digits", "install:"),
    ("plugins", "./plugins/echo", "./plugins/bits", "install", "installs the plugin bits", "./plugins/echo"),
    ("plugins", '["echo/echo"]', '["echo/echo", "say/it"]', "tasks", "no task of echo", "echo/..."),
    ("plugins", '["echo/echo"]', "3", "tasks", "", ""),
    ("plugins", '"echo"', '"repeat"', "name", "is in echo.toml", "repeat.toml"),
    ("plugins", "name =", "name", "", "Expected '=' after a key", "registry/README.md"),
    ("tasks", '"generated"', '"somewhere"', "data", "generated, bundled, yours", "data:"),
    ("tasks", "0.5", "50", "floors", "must be <= 1", "floors:"),
    ("tasks", "value = 0.5", "value = 0.5, why = 1", "floors", "why", "floors:"),
    ("tasks", '"accuracy"', '"accuracy"\ndata_sha256 = { "a.gz" = "abc" }', "data_sha256", "SHA-256", ""),
    ("backbones", 'license = "MIT"', "", "", "need a license and a pinned revision", ""),
    ("backbones", "mlp = 64", "dense = 64", "parameters", "attention", "parameters:"),
    ("runs", DIGEST, "0" * 63, "source_digest", "SHA-256", "source_digest:"),
    (
        "runs",
        '"echo/echo"\nb',
        '"echo/shout"\nb',
        "task",
        "no card of a plugin provides",
        "plugins/echo.toml",
    ),
    ("runs", 'backbone = "echo"', 'backbone = "ecko"', "backbone", "no card", "did you mean echo"),
    ("runs", "accuracy = 0.9", "loss = 0.9", "floors[0]", "no score", "fpt record"),
    ("runs", "reads = 1", "reads = 0", "reads", "must be >= 1", "reads:"),
]


@pytest.mark.parametrize(("folder", "before", "after", "key", "message", "remedy"), BROKEN)
def test_a_broken_card_is_named_with_its_key_and_a_remedy(write, folder, before, after, key, message, remedy):
    """Each way to break a card yields a finding of that file and that field which says what to do."""
    place = write(**{folder: (before, after)})
    found = [f for f in check_registry()[1] if f.file.startswith(str(place / folder)) and f.key == key]
    assert len(found) == 1
    assert message in found[0].message
    assert remedy in found[0].remedy


def test_a_task_has_one_provider(write):
    """Two cards of plugins that name one task are told of each other."""
    place = write()
    other = PLUGIN.replace('"echo"', '"echo2"').replace("fpt-echo", "fpt-echo2")
    (place / "plugins" / "echo2.toml").write_text(other.replace("plugins/echo", "plugins/echo2"))
    messages = [finding.message for finding in check_registry()[1]]
    assert "echo/echo is provided by fpt-echo2 already" in messages
    assert "echo/echo is provided by fpt-echo already" in messages


def test_a_file_is_judged_beside_the_registry(write, tmp_path):
    """A card in a clone takes the place of the one of its name, and needs the others' plugins."""
    write()
    folder = tmp_path / "clone" / "registry" / "tasks"
    folder.mkdir(parents=True)
    (folder / "echo-echo.toml").write_text(TASK)
    (folder / "shout-loud.toml").write_text(TASK.replace("echo/echo", "shout/loud"))
    checked, findings = check_registry([folder / "echo-echo.toml", folder / "shout-loud.toml"])
    assert len(checked) == 2
    assert [finding.message for finding in findings] == ["no card of a plugin provides the task shout/loud"]


def test_a_file_elsewhere_is_no_card(tmp_path):
    """A card lies in the folder of its kind: that is how the kind is known."""
    (tmp_path / "card.toml").write_text(PLUGIN)
    (finding,) = check_registry([tmp_path / "card.toml"])[1]
    assert "holds no cards" in finding.message
    assert "registry/plugins" in finding.remedy


def test_the_command_fails_with_file_key_and_remedy(tmp_path):
    """``fpt registry check FILE`` prints them and exits with 1, also as JSON."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "echo.toml").write_text(PLUGIN.replace('"MIT"', '"free"'))
    command = [sys.executable, "-m", "fpt_plugins", "registry", "check", str(folder / "echo.toml")]
    plain, as_json = (
        subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        for more in ((), ("--json",))
    )
    assert (plain.returncode, as_json.returncode) == (1, 1)
    assert f"{folder / 'echo.toml'}: license: 'free' is no SPDX license expression" in plain.stdout
    assert "1 cards checked" in plain.stdout
    assert [finding["key"] for finding in json.loads(as_json.stdout)] == ["license"]


BY_NAME = {each.card.name: each for each in check_registry()[0]}
UNTRUE = [
    ("bits", {"summary": "nothing"}, "summary"),
    ("bits", {"license": "Apache-2.0"}, "license"),
    ("bits", {"distribution": "fpt-bytes"}, "distribution"),
    ("bits", {"tasks": ("bits/xor",)}, "tasks"),
    ("gpt2-mini", {"embed_dim": 768}, "embed_dim"),
    ("gpt2-mini", {"layers": 12}, "layers"),
    ("gpt2-mini", {"causal": False}, "causal"),
    ("gpt2-mini", {"parameters": {"mlp": 1}}, "parameters"),
    ("bits/xor", {"summary": "nothing"}, "summary"),
    ("bits/xor", {"metric": "perplexity", "floors": ()}, "metric"),
    ("bits/xor", {"paper_options": {"lenght": "5"}}, "name"),
]


@pytest.mark.parametrize(("name", "change", "key"), UNTRUE)
def test_an_untrue_fact_is_found(name, change, key):
    """A card that says something else than what is installed is told which fact and what is so."""
    pytest.importorskip("fpt_bits")
    checked = BY_NAME[name]
    untrue = CheckedFile(checked.file, checked.folder, attrs.evolve(checked.card, **change))
    assert [finding.key for finding in compare_installed([untrue])] == [key]


def test_an_untrue_floor_is_found():
    """Floors are compared with the task's own: a fair coin's chance is a half."""
    pytest.importorskip("fpt_bits")
    checked = BY_NAME["bits/xor"]
    floors = (attrs.evolve(checked.card.floors[0], value=0.6), *checked.card.floors[1:])
    untrue = CheckedFile(checked.file, checked.folder, attrs.evolve(checked.card, floors=floors))
    (finding,) = compare_installed([untrue])
    assert (finding.key, finding.message) == (
        "floors[0]",
        "says 0.6, and what is installed says 0.5",
    )
