"""Input alignment: the stage before the first step, in runs of the library's own tiny checkpoints."""

import json
import re

import pytest
import torch
import transformers
from safetensors.torch import load_file

import fpt_plugins as fpt
from fpt_plugins import cli
from fpt_plugins.alignment import Alignment, token_embeddings
from fpt_plugins.data import read_split
from fpt_plugins.training import open_training

SHAPE = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
WIDE = {**SHAPE, "intermediate_size": 24, "max_position_embeddings": 24}
MODELS = {
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=24)
    ),
    "bert": lambda: transformers.BertForMaskedLM(transformers.BertConfig(**WIDE)),
    "roberta": lambda: transformers.RobertaModel(transformers.RobertaConfig(**WIDE)),
    "distilbert": lambda: transformers.DistilBertForMaskedLM(
        transformers.DistilBertConfig(
            vocab_size=40, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=24
        )
    ),
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**WIDE)),
    "gpt_neox": lambda: transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**WIDE)),
    "opt": lambda: transformers.OPTForCausalLM(
        transformers.OPTConfig(**SHAPE, ffn_dim=24, word_embed_proj_dim=16, max_position_embeddings=24)
    ),
    "t5": lambda: transformers.T5ForConditionalGeneration(
        transformers.T5Config(vocab_size=40, d_model=16, num_layers=2, num_heads=2, d_kv=8, d_ff=24)
    ),
    "longformer": lambda: transformers.LongformerModel(
        transformers.LongformerConfig(**WIDE, attention_window=[4, 4])
    ),
}
QUICK = {"device": "cpu", "precision": "fp32", "batch_size": 8, "lr": 1e-2}
ALIGNED = {**QUICK, "align": "moments", "align_steps": 6}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A checkpoint of each family with token embeddings, saved by the library."""
    root = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    for name, make in MODELS.items():
        make().save_pretrained(root / name)
    return root


@pytest.mark.parametrize("family", MODELS)
def test_token_embeddings_are_the_librarys(folders, family):
    """Read from the file, they are what the library's own model looks words up in; no body holds them."""
    arm = fpt.build("bits/xor", backbone=f"hf:{folders / family}", **QUICK)
    expected = type(MODELS[family]()).from_pretrained(folders / family).get_input_embeddings().weight
    assert torch.equal(token_embeddings(arm), expected)
    assert all(p.shape != expected.shape for p in arm.model.backbone.parameters())


@pytest.mark.parametrize("init", ["pretrained", "statistics", "random"])
def test_the_body_may_begin_otherwise(folders, init):
    """Token embeddings are the file's whatever the body was filled with."""
    arm = fpt.build("bits/xor", backbone=f"hf:{folders / 'gpt2'}", init=init, **QUICK)
    assert torch.equal(
        token_embeddings(arm), load_file(folders / "gpt2" / "model.safetensors")["transformer.wte.weight"]
    )


@pytest.mark.parametrize("align", ["moments", "mmd"])
@pytest.mark.parametrize(
    ("task", "options"),
    [("bits/xor", {}), ("bits/memory", {"strings": 2, "length": 32, "patch": 8, "train_size": 64})],
)
def test_the_distance_falls(folders, align, task, options):
    """After 60 steps the embedded inputs are nearer to the token embeddings, and nothing else has moved."""
    settings = {**QUICK, "align": align, "align_steps": 60, "lr": 3e-2}
    arm = fpt.build(task, backbone=f"hf:{folders / 'gpt2'}", options=options, **settings)
    before = {name: tensor.clone() for name, tensor in arm.model.state_dict().items()}
    alignment = Alignment(arm, read_split(arm.plugins, arm.task, "train", 0))
    rows = list(alignment.rows())
    assert [row["align_step"] for row in rows] == list(range(1, 61))
    assert alignment.outcome["after"] < 0.8 * alignment.outcome["before"]
    moved = {name for name, tensor in arm.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved
    assert all(name.startswith("input_embedding.") for name in moved)
    assert all(parameter.grad is None for parameter in arm.model.parameters())


def run(folders, out, **settings):
    given = {"backbone": f"hf:{folders / 'gpt2'}", "steps": 4, "evaluate_every": 2, **ALIGNED, **settings}
    return fpt.train("bits/xor", out=out, **given)


def rows_of(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def whole(folders, tmp_path_factory):
    """A run with six steps of alignment, never interrupted."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    return out, run(folders, out)


def test_a_run_begins_with_the_stage(whole):
    """Its rows come first, at step 0; both distances and the settings are in the record, and it is shown."""
    out, record = whole
    rows = rows_of(out)
    assert [row.get("align_step") for row in rows[:7]] == [1, 2, 3, 4, 5, 6, None]
    assert {(row["step"], row["split"]) for row in rows[:6]} == {(0, "align")}
    assert record.alignment["after"] < record.alignment["before"]
    assert (record.configuration["align"], record.configuration["align_steps"]) == ("moments", 6)


def test_the_command_shows_both_distances(folders, tmp_path, capsys):
    """``fpt train --align mmd`` prints the last distance and those before and after; so does ``fpt show``."""
    words = [
        "train",
        "bits/xor",
        "--backbone",
        f"hf:{folders / 'gpt2'}",
        "--align",
        "mmd",
        "--align-steps",
        "3",
    ]
    words += ["--steps", "2", "--batch-size", "8", "--device", "cpu", "--out", str(tmp_path / "run")]
    assert cli.app.meta(words, result_action="return_value") == 0
    shown = capsys.readouterr().err
    assert re.search(r"aligned: mmd \d\.\d{4}, alignment step 3\n", shown)
    assert re.search(r"inputs aligned: mmd \d\.\d{4} before, \d\.\d{4} after\n", shown)
    assert cli.app.meta(["show", str(tmp_path / "run")], result_action="return_value") == 0
    assert "before" in capsys.readouterr().out


def test_what_follows_is_drawn_as_without_it(folders, whole, tmp_path):
    """A run without alignment from the aligned embedding gives the same adapter: no stream was shared."""
    arm = fpt.build("bits/xor", backbone=f"hf:{folders / 'gpt2'}", **ALIGNED)
    list(Alignment(arm, read_split(arm.plugins, arm.task, "train", 0)).rows())
    plain = {"backbone": f"hf:{folders / 'gpt2'}", "steps": 4, "evaluate_every": 2, **QUICK}
    with open_training("bits/xor", tmp_path / "run", resume=False, settings=plain) as training:
        training.arm.model.input_embedding.load_state_dict(arm.model.input_embedding.state_dict())
        list(training.rows())
        training.finish()
    assert same_adapter(tmp_path / "run", whole[0])


def same_adapter(one, other):
    tensors = [load_file(folder / "adapter" / "adapter.safetensors") for folder in (one, other)]
    return all(torch.equal(tensor, tensors[1][name]) for name, tensor in tensors[0].items())


@pytest.mark.parametrize("stopped_at", [3, 6, 8])
def test_a_stopped_run_ends_as_if_it_had_not(folders, whole, tmp_path, stopped_at):
    """Left within the stage it begins again, left after it the stage stands: bit for bit the same run."""
    given = {"backbone": f"hf:{folders / 'gpt2'}", "steps": 4, "evaluate_every": 2, **ALIGNED}
    with open_training("bits/xor", tmp_path / "run", resume=False, settings=given) as training:
        rows = training.rows()
        for _ in range(stopped_at):
            next(rows)
        rows.close()
    fpt.train("bits/xor", out=tmp_path / "run", resume=True)
    assert same_adapter(tmp_path / "run", whole[0])
    assert rows_of(tmp_path / "run") == rows_of(whole[0])


def test_the_stage_is_not_run_twice(folders, whole, tmp_path, monkeypatch):
    """A run that is resumed after its first checkpoint reads no token embeddings."""
    given = {"backbone": f"hf:{folders / 'gpt2'}", "steps": 4, "evaluate_every": 2, **ALIGNED}
    with open_training("bits/xor", tmp_path / "run", resume=False, settings=given) as training:
        rows = training.rows()
        for _ in range(7):
            next(rows)
        rows.close()
    monkeypatch.setattr("fpt_plugins.alignment.token_embeddings", None)
    record = fpt.train("bits/xor", out=tmp_path / "run", resume=True)
    assert record.alignment == whole[1].alignment


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"align_steps": 0}, r"--align moments does nothing in 0 steps\n  say how many"),
        ({"align": None}, r"--align-steps 6 has no distance .*\n  add one: --align moments or --align mmd"),
        (
            {"train": "head"},
            r"trains the input embedding, which --train head freezes\n  train it too: --train head,input",
        ),
        ({"train": "head,@2,fpt"}, "which --train head freezes"),
        ({"backbone": "none"}, "the body none has none"),
        ({"backbone": "gpt2-mini", "init": "random"}, "gpt2-mini has no pretrained weights"),
    ],
)
def test_what_cannot_be_aligned_is_refused(folders, tmp_path, settings, message):
    """In one line, before anything is written."""
    with pytest.raises(fpt.ConfigurationError, match=message):
        run(folders, tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_an_exported_body_has_no_token_embeddings(folders, tmp_path):
    """A folder that we wrote holds none, and says so."""
    run(folders, tmp_path / "run", align=None, align_steps=0, train="full")
    body = fpt.export_backbone(tmp_path / "run", tmp_path / "body")
    with pytest.raises(fpt.ConfigurationError, match="hold no token embeddings of width 16"):
        run(folders, tmp_path / "again", backbone=f"hf:{body}")
