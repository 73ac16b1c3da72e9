"""Pretraining on one task and training on another, in two commands: the bit-memory and language regimes."""

import pytest
import torch
import transformers

import fpt_plugins as fpt
from fpt_plugins import cli

WIDTH = 16
MEMORY = ["bits/memory", "--option", "strings=2", "length=32", "patch=8", "train_size=64"]
MEMORY += ["validation_size=8"]
TEXT = ["text/bytes", "--option", "path=text.txt", "length=24"]
QUICK = ["--batch-size", 4, "--lr", 1e-2, "--precision", "fp32", "--device", "cpu"]


def command(*words):
    """Runs ``fpt`` in this process."""
    assert cli.app.meta(list(map(str, words)), result_action="return_value") == 0


def direction(task, kind):
    """BERT predicts the next byte when it is told to see only what came before."""
    return ["--backbone-option", "causal=true"] if (task, kind) == (TEXT, "bert") else []


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    """A GPT-2 and a BERT of two blocks, saved by the library, and some text."""
    root = tmp_path_factory.mktemp("bodies")
    torch.manual_seed(0)
    gpt2 = {"vocab_size": 11, "n_embd": WIDTH, "n_layer": 2, "n_head": 2, "n_positions": 32}
    bert = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    transformers.GPT2LMHeadModel(transformers.GPT2Config(**gpt2)).save_pretrained(root / "gpt2")
    transformers.BertForMaskedLM(
        transformers.BertConfig(vocab_size=11, max_position_embeddings=32, **bert)
    ).save_pretrained(root / "bert")
    lines = [f"Passage {number} says {number * number}.\n\n" for number in range(80)]
    (root / "text.txt").write_text("".join(lines))
    return root


@pytest.fixture(scope="module")
def pretrained(bodies, tmp_path_factory):
    """For a task and a kind of body: the run that trained it whole, and its exported folder, made once."""
    root, done = tmp_path_factory.mktemp("pretrained"), set()

    def pretrain(task, kind):
        run, folder = root / f"{task[0][:4]}-{kind}", root / f"{task[0][:4]}-{kind}-body"
        if run not in done:
            done.add(run)
            body = ["--backbone", f"hf:{bodies / kind}", *direction(task, kind), "--data", bodies]
            command("train", *task, *body, "--train", "full", "--steps", 3, "--out", run, *QUICK)
            command("export-backbone", run, folder)
        return run, folder

    return pretrain


regimes = pytest.mark.parametrize("kind", ["gpt2", "bert"])
sources = pytest.mark.parametrize("task", [MEMORY, TEXT], ids=["memory", "text"])


@sources
@regimes
def test_both_ways_to_begin_give_the_same_run(pretrained, bodies, tmp_path, task, kind):
    """``--backbone hf:FOLDER`` and ``--init run:PATH`` train another task on that body, to the same bits."""
    run, folder = pretrained(task, kind)
    causal = direction(task, kind)
    for name, body in {
        "folder": ["--backbone", f"hf:{folder}"],
        "run": ["--backbone", f"hf:{bodies / kind}", "--init", f"run:{run}"],
        "before": ["--backbone", f"hf:{bodies / kind}"],
    }.items():
        command("train", "bits/xor", *body, *causal, "--steps", 2, "--out", tmp_path / name, *QUICK)
    arms = {name: fpt.load(tmp_path / name, device="cpu") for name in ("folder", "run", "before")}
    digests = {name: arm.model.backbone.source_digest for name, arm in arms.items()}
    assert digests["folder"] == digests["run"] != digests["before"]
    states = {name: arm.model.state_dict() for name, arm in arms.items()}
    assert all(torch.equal(tensor, states["run"][name]) for name, tensor in states["folder"].items())
    samples = [fpt.build("bits/xor", backbone="none").task.parse({"strings": ["01010", "11001"]})]
    assert arms["folder"].predict(samples) == arms["run"].predict(samples)


@sources
@regimes
def test_plain_transformers_computes_what_the_run_computed(pretrained, task, kind):
    """``AutoModel.from_pretrained`` of the folder gives the trained body's hidden states, to 1e-5."""
    run, folder = pretrained(task, kind)
    body = fpt.load(run, device="cpu").model.backbone
    decoder = {"is_decoder": True} if direction(task, kind) else {}
    model = transformers.AutoModel.from_pretrained(folder, **decoder).eval()
    inputs = torch.randn(2, body.max_length, WIDTH, generator=torch.Generator().manual_seed(2))
    mask = torch.ones(2, body.max_length, dtype=torch.bool)
    mask[1, 7:] = False
    with torch.no_grad():
        expected = model(inputs_embeds=inputs, attention_mask=mask.long()).last_hidden_state
        found = body(inputs, mask)
    torch.testing.assert_close(found[mask], expected[mask], atol=1e-5, rtol=0)


@regimes
def test_the_folder_is_an_ordinary_one(pretrained, tmp_path, kind):
    """What transformers saves of it anew has the same tensors to us."""
    _, folder = pretrained(MEMORY, kind)
    model = transformers.AutoModel.from_pretrained(folder)
    model.save_pretrained(tmp_path / "again")
    settings = {"device": "cpu", "precision": "fp32"}
    again = fpt.build("bits/xor", backbone=f"hf:{tmp_path / 'again'}", **settings).model.backbone
    ours = fpt.build("bits/xor", backbone=f"hf:{folder}", **settings).model.backbone
    assert again.state_dict().keys() == ours.state_dict().keys()
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in ours.state_dict().items())


def test_export_backbone_is_public(pretrained, tmp_path):
    """``fpt.export_backbone`` writes the folder that the command writes, byte for byte."""
    run, folder = pretrained(MEMORY, "gpt2")
    written = fpt.export_backbone(run, tmp_path / "body")
    assert {path.name: path.read_bytes() for path in written.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
