"""The bank: adapters of several modalities over one body answer together as each does alone."""

import json

import pytest
import torch

import fpt_plugins as fpt
from fpt_plugins.bank import BATCH
from fpt_plugins.bank_loading import named_places
from fpt_plugins.data import collate, tokenize

BODY = {
    "backbone": "gpt2-mini",
    "init": "random",
    "init_seed": 0,
    "backbone_options": {"layers": 2},
    "device": "cpu",
    "precision": "fp32",
}
KINDS = {
    "xor": ("bits/xor", {}),
    "heads-only": ("bits/xor", {"train": "head", "seed": 1}),
    "recall": ("bits/memory", {"options": {"length": 40, "strings": 3, "patch": 10}}),
    "digits": ("images/digits", {"train": "fpt"}),
    "digits-mean": ("images/digits", {"options": {"pooling": "mean"}, "train": "input,head,layer_norm"}),
    "sums": ("listops/lra", {"options": {"min_length": 20, "max_length": 120}}),
    "folds": ("proteins/remote-homology", {"options": {"source": "sample", "max_length": 60}}),
}


def scrambled(arm, seed):
    """The arm with every trained tensor moved, as training would have moved it."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in arm.partition.trained_names:
            parameter = arm.model.get_parameter(name)
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    arm.model.eval()
    return arm


@pytest.fixture(scope="module")
def arms():
    """An arm of each kind, each with a body of its own in memory."""
    return {
        name: scrambled(fpt.build(task, **BODY, **settings), seed)
        for seed, (name, (task, settings)) in enumerate(KINDS.items())
    }


@pytest.fixture(scope="module")
def samples(arms):
    """Four samples of each adapter's task, one adapter after the other in turn."""
    expressions = ["[MAX 1 [MIN 3 4 ] 2 ]", "[SM 1 2 3 ]", "[MED 5 5 [MAX 0 9 ] ]", "[MIN 1 2 ]"]
    found = {
        "sums": [arms["sums"].task.parse({"expression": text}) for text in expressions],
        "folds": [arms["folds"].task.parse({"sequence": "MKVACDEFGHIK"[:n]}) for n in (4, 7, 10, 12)],
    }
    for name in KINDS.keys() - found.keys():
        split = arms[name].task.split("validation")
        found[name] = [split[index][0] for index in range(4)]
    return [(name, found[name][index]) for index in range(4) for name in KINDS]


def alone(arms, samples):
    """Each sample's answer by a pass of its own adapter's model."""
    return [arms[name].predict([sample])[0] for name, sample in samples]


def assert_same(found, expected):
    """The same words and numbers to 1e-5, fp32 sums being ordered by the shapes of their matrices."""
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert value == pytest.approx(other[key], abs=1e-5), key


def test_a_mixed_batch_answers_as_each_adapter_alone(arms, samples):
    """Bits, pictures, expressions and proteins, of many lengths and readouts, in the order asked."""
    assert_same(fpt.Bank(arms).predict(samples), alone(arms, samples))


def test_outputs_are_each_adapters_own_to_1e_5(arms, samples):
    """The numbers before any class is chosen: padding and neighbors change nothing beyond rounding."""
    batches = {
        name: collate(arm.task, tokenize(arm.plugins, arm.task, [s for n, s in samples if n == name]))
        for name, arm in arms.items()
    }
    with torch.no_grad():
        found = fpt.Bank(arms).outputs(batches)
        for name, arm in arms.items():
            torch.testing.assert_close(found[name], arm.outputs(batches[name]), rtol=1e-5, atol=1e-5)


def test_a_bank_leaves_its_arms_in_evaluation_mode(arms, samples):
    """An arm that dropped at random after its bank answered would answer otherwise the next time."""
    fpt.Bank(arms).predict(samples)
    assert not any(module.training for arm in arms.values() for module in arm.model.modules())


def test_one_pass_serves_them_all(arms, samples, monkeypatch):
    """The body is called once for as many rows as a pass holds, and twice for one more."""
    bank, calls = fpt.Bank(arms), []
    forward = bank.model.backbone.forward
    monkeypatch.setattr(bank.model.backbone, "forward", lambda *args: calls.append(1) or forward(*args))
    bank.predict(samples)
    assert len(calls) == 1
    bank.predict((samples * BATCH)[: BATCH + 1])
    assert len(calls) == 3


def test_the_order_and_the_mix_do_not_matter(arms, samples):
    """Reversed, repeated or alone, a sample has the same answer."""
    bank = fpt.Bank(arms)
    expected = bank.predict(samples)
    assert_same(bank.predict(samples[::-1]), expected[::-1])
    assert_same(bank.predict(samples * 3), expected * 3)
    assert_same([bank.predict([sample])[0] for sample in samples], expected)
    assert bank.predict([]) == []


def test_a_wrong_name_is_refused_with_the_nearest(arms, samples):
    """A mistyped adapter is an error and never another adapter's answer."""
    with pytest.raises(fpt.UnknownName, match="no adapter 'digit'\n  did you mean digits"):
        fpt.Bank(arms).predict([*samples, ("digit", samples[0][1])])


def test_a_wrong_sample_is_named_by_its_place(arms, samples):
    """The place is that in what was asked, not among the samples of its adapter."""
    with pytest.raises(fpt.InputError, match="sample 3"):
        fpt.Bank(arms).predict([*samples[:3], ("sums", samples[5][1][[0] * 200]), samples[5]])


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"init_seed": 1}, "source digest"),
        ({"backbone_options": {"layers": 1}}, "backbone options"),
        ({"backbone_options": {"layers": 2, "causal": False}}, "backbone options"),
        ({"precision": "bf16"}, "precision fp32, and bf16"),
    ],
)
def test_adapters_over_another_body_are_refused_by_name(arms, changes, fact):
    """Other weights, another depth, another direction and another type are no common pass."""
    other = fpt.build("bits/xor", **{**BODY, **changes})
    with pytest.raises(fpt.ConfigurationError, match=f"xor and other cannot share a pass: {fact}"):
        fpt.Bank({"xor": arms["xor"], "other": other})


def test_a_bank_of_nothing_is_refused():
    """There is no body to compute with."""
    with pytest.raises(fpt.ConfigurationError, match="needs an adapter"):
        fpt.Bank({})


SHORT = {**BODY, "steps": 2, "batch_size": 4, "lr": 0.3}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs that differ in task, in what trains and in length."""
    root = tmp_path_factory.mktemp("runs")
    fpt.train("bits/xor", out=root / "xor", **SHORT)
    fpt.train("bits/xor", out=root / "lr=0.3-seed=1", seed=1, train="input,head,layer_norm", **SHORT)
    fpt.train("images/digits", out=root / "digits", **SHORT)
    return root


def asked(bank):
    """Two samples for each adapter of a bank."""
    splits = {name: task.split("test") for name, task in bank.tasks.items()}
    return [(name, splits[name][index][0]) for index in (0, 1) for name in splits]


def test_saved_adapters_share_one_body_and_answer_as_loaded_alone(runs):
    """Frozen tensors are held once, trained ones each adapter's own, a frozen norm untouched by others."""
    bank = fpt.load_many([runs / "digits", runs / "lr=0.3-seed=1", runs / "xor"], device="cpu")
    expected = {name: fpt.load(runs / name, device="cpu") for name in bank.arms}
    assert_same(bank.predict(asked(bank)), alone(expected, asked(bank)))
    assert_same(alone(bank.arms, asked(bank)), alone(expected, asked(bank)))
    for name, arm in bank.arms.items():
        for parameter, tensor in expected[name].model.named_parameters():
            found = arm.model.get_parameter(parameter)
            if parameter in arm.partition.trained_names or not parameter.endswith("wpe.weight"):
                assert torch.equal(found, tensor), (name, parameter)
    bodies = [arm.model.backbone.model.h[0].mlp.c_fc.weight for arm in bank.arms.values()]
    assert len({tensor.data_ptr() for tensor in bodies}) == 1


def test_the_body_is_built_once(runs, monkeypatch):
    """However many adapters: that is what loading them together saves."""
    from fpt_plugins.backbones import construction

    calls, build = [], construction.build
    monkeypatch.setattr(construction, "build", lambda *args: calls.append(1) or build(*args))
    fpt.load_many([runs / "digits", runs / "xor"])
    assert len(calls) == 1


def test_an_adapter_of_another_body_is_refused_before_anything_is_built(runs, tmp_path):
    """The names are those of the folders."""
    fpt.train("bits/xor", out=tmp_path / "strange", **{**SHORT, "init_seed": 7})
    with pytest.raises(fpt.ConfigurationError, match="xor and strange cannot share a pass: source digest"):
        fpt.load_many([runs / "xor", tmp_path / "strange"])


def test_a_damaged_adapter_is_refused(runs, tmp_path):
    """As it is alone: nothing is loaded in its place."""
    import shutil

    shutil.copytree(runs / "xor", tmp_path / "xor")
    weights = tmp_path / "xor" / "adapter" / "adapter.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(fpt.IntegrityError, match="is damaged"):
        fpt.load_many([runs / "digits", tmp_path / "xor"])


def test_names_come_from_folders_or_are_given(tmp_path):
    """``NAME=FOLDER`` names; a folder that is there is itself, whatever its name; two of a name clash."""
    there = tmp_path / "lr=0.3"
    there.mkdir()
    assert named_places([there, "b=runs/a", "runs/c/"]) == {
        "lr=0.3": there,
        "b": "runs/a",
        "c": "runs/c/",
    }
    with pytest.raises(fpt.ConfigurationError, match="both be called a\n  name them: a-2=other/a"):
        named_places(["runs/a", "other/a"])


def test_the_command_answers_lines_that_name_their_adapter(runs, capsys, monkeypatch):
    """In order, each with its own id, by whichever adapter it names; a wrong one is named with its line."""
    import io

    from fpt_plugins.cli import launch

    sample = {"strings": ["01010", "11001"]}
    lines = [
        {"adapter": "b", "sample": sample, "id": "first"},
        {"adapter": "digits", "sample": [[0] * 8] * 8},
        {"adapter": "xor", "sample": sample},
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(map(json.dumps, lines))))
    words = ["predict-many", str(runs / "xor"), str(runs / "digits"), f"b={runs / 'lr=0.3-seed=1'}"]
    assert launch(*words) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["id"] for answer in shown] == ["first", "2", "3"]
    arm = fpt.load(runs / "xor")
    assert shown[2]["bits"] == arm.predict([arm.task.parse(sample)])[0]["bits"]
    assert "class" in shown[1]
    for line, message in [
        ('{"adapter": "xorr", "sample": 1}', "line 1: there is no adapter 'xorr'"),
        ('{"strings": []}', "line 1: not an object with the adapter's name"),
        ('{"adapter": "xor", "sample": [2]}', "line 1: "),
    ]:
        monkeypatch.setattr("sys.stdin", io.StringIO(line))
        assert launch(*words) != 0
        assert message in capsys.readouterr().err
