"""A body that we trained: ``--init run:PATH``, and the folder that ``export_backbone`` writes."""

import json

import pytest
import safetensors.torch
import torch
import transformers
from safetensors.torch import load_file

import fpt_plugins as fpt
from fpt_plugins import options
from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbone_export import export_backbone
from fpt_plugins.digest import digest
from fpt_plugins.errors import ConfigurationError, FptError, IntegrityError
from fpt_plugins.plugins import find_backbone

LENGTH = 10  # tokens of bits/xor


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A GPT-2, a RoBERTa, a Llama and a T5 of two blocks, saved by the library."""
    root = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    shape = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    models = {
        "gpt2": transformers.GPT2Model(
            transformers.GPT2Config(vocab_size=11, n_embd=16, n_layer=2, n_head=2, n_positions=24)
        ),
        "roberta": transformers.RobertaForMaskedLM(
            transformers.RobertaConfig(**shape, intermediate_size=8, max_position_embeddings=26)
        ),
        "llama": transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape, intermediate_size=8)),
        "t5": transformers.T5EncoderModel(
            transformers.T5Config(vocab_size=11, d_model=16, num_layers=2, num_heads=2, d_kv=4, d_ff=8)
        ),
    }
    for name, model in models.items():
        model.save_pretrained(root / name)
    return root


FAMILIES = ("gpt2", "roberta", "llama", "t5")
every_family = pytest.mark.parametrize("family", FAMILIES)


def train(backbone, out, *, policy="full", init="pretrained", **given):
    settings = {"steps": 2, "batch_size": 4, "device": "cpu", "precision": "fp32", "lr": 1e-2}
    fpt.train("bits/xor", backbone=backbone, init=init, train=policy, out=out, **settings, **given)
    return out


@pytest.fixture(scope="module")
def runs(folders, tmp_path_factory):
    """A run of two steps with everything training, on each."""
    root = tmp_path_factory.mktemp("runs")
    for family in FAMILIES:
        train(f"hf:{folders / family}", root / family)
    return root


def build(backbone, init, *, length=LENGTH, **given):
    spec = find_backbone(backbone)
    built = options.build(spec.options, given, owner=spec.name)
    request = BackboneRequest(init=init, init_seed=0, length=length, dropout=0.0, options=built)
    return spec.build(spec, request)


def same_numbers(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@every_family
def test_a_body_begins_where_the_run_ended(folders, runs, family):
    """Its parameters are bit for bit those of the trained arm's body, and not those that it began with."""
    body = build(f"hf:{folders / family}", f"run:{runs / family}")
    assert same_numbers(body, fpt.load(runs / family, device="cpu").model.backbone)
    before = build(f"hf:{folders / family}", "pretrained")
    assert not same_numbers(body, before)
    assert body.source_digest != before.source_digest


@every_family
def test_the_exported_folder_is_the_same_body(folders, runs, tmp_path, family):
    """``hf:FOLDER`` has the numbers and the digest of ``run:PATH``: that of the file's own tensors."""
    exported = export_backbone(runs / family, tmp_path / "body")
    assert {path.name for path in exported.iterdir()} == {"config.json", "model.safetensors"}
    body, started = (
        build(f"hf:{exported}", "pretrained"),
        build(f"hf:{folders / family}", f"run:{runs / family}"),
    )
    assert same_numbers(body, started)
    assert body.source_digest == started.source_digest == digest(load_file(exported / "model.safetensors"))


@pytest.mark.parametrize(
    ("family", "model_class"),
    [
        ("gpt2", transformers.GPT2Model),
        ("roberta", transformers.RobertaModel),
        ("llama", transformers.LlamaModel),
        ("t5", transformers.T5EncoderModel),
    ],
)
def test_transformers_reads_the_exported_folder(runs, tmp_path, family, model_class):
    """The library's own class on the folder computes what the trained arm's body computes, to 1e-5."""
    exported = export_backbone(runs / family, tmp_path / "body")
    model, loading = model_class.from_pretrained(exported, output_loading_info=True)
    assert not loading["unexpected_keys"]
    assert all(
        "embed" in key or "wte" in key or "pooler" in key or "shared" in key
        for key in loading["missing_keys"]
    )
    inputs = torch.randn(2, LENGTH, 16, generator=torch.Generator().manual_seed(2))
    body = fpt.load(runs / family, device="cpu").model.backbone
    with torch.no_grad():
        expected = model.eval()(inputs_embeds=inputs).last_hidden_state
        hidden = body(inputs, torch.ones(2, LENGTH, dtype=torch.bool))
    torch.testing.assert_close(hidden, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("family", "first"), [("gpt2", 0), ("roberta", 2)])
def test_positions_that_were_not_reached_are_as_they_were(folders, runs, tmp_path, family, first):
    """Of the table's 24 positions the run trained ten; the others, and rows before them, are the file's."""
    (name,) = [
        n for n in load_file(folders / family / "model.safetensors") if "position_embed" in n or "wpe" in n
    ]
    before = load_file(folders / family / "model.safetensors")[name]
    tensors = load_file(export_backbone(runs / family, tmp_path / "body") / "model.safetensors")
    after = tensors[name.removeprefix("roberta.")]
    changed = (before != after).any(1).tolist()
    assert changed == [False] * first + [True] * LENGTH + [False] * (24 - LENGTH)


def test_a_random_body_of_fewer_layers(tmp_path):
    """The run of a named body's first layer from a seed is exported with one layer, and begins again."""
    given = {"backbone_options": {"layers": 1, "scheme": "gpt2-scaled"}, "init_seed": 3}
    run = train("gpt2-mini", tmp_path / "run", init="random", **given)
    exported = export_backbone(run, tmp_path / "body")
    configuration = json.loads((exported / "config.json").read_text())
    assert (configuration["n_layer"], configuration["model_type"]) == (1, "gpt2")
    body = build(f"hf:{exported}", "pretrained", length=1000)
    assert body.source_digest == build("gpt2-mini", f"run:{run}", layers=1).source_digest
    with pytest.raises(IntegrityError, match="began with a body of source digest") as refused:
        build("gpt2-mini", f"run:{run}")
    assert "--backbone gpt2-mini" in refused.value.remedy
    assert "'layers': 1" in refused.value.remedy


def test_other_policies_leave_the_rest_as_it_was(folders, tmp_path):
    """After ``fpt`` the exported body differs from the file in norms and positions alone."""
    run = train(f"hf:{folders / 'gpt2'}", tmp_path / "run", policy="fpt")
    before = load_file(folders / "gpt2" / "model.safetensors")
    after = load_file(export_backbone(run, tmp_path / "body") / "model.safetensors")
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    norms = {name for name in after if ".ln_" in name or name.startswith("ln_f")}
    assert changed == norms | {"wpe.weight"}
    assert set(before) - set(after) == {"wte.weight"}


def test_what_cannot_be_exported_is_refused(folders, runs, tmp_path):
    """No run, a folder that is there, a body that did not train, and one that is no Hugging Face body."""
    with pytest.raises(FptError, match="holds no finished run"):
        export_backbone(tmp_path, tmp_path / "body")
    with pytest.raises(FptError, match="is there already"):
        export_backbone(runs / "gpt2", tmp_path)
    head = train(f"hf:{folders / 'gpt2'}", tmp_path / "head", policy="head")
    with pytest.raises(ConfigurationError, match="trained nothing of its body") as refused:
        export_backbone(head, tmp_path / "body")
    assert "--train full" in refused.value.remedy
    small = {"backbone_options": {"width": 8, "layers": 1}}
    lstm = train("lstm", tmp_path / "lstm", init="random", **small)
    with pytest.raises(ConfigurationError, match=r"the body lstm .* is no Hugging Face body"):
        export_backbone(lstm, tmp_path / "body")
    assert not (tmp_path / "body").exists()


def test_another_body_or_a_damaged_file_is_refused(folders, runs, tmp_path):
    """A run on other weights is named by both digests; one flipped bit of the adapter is seen."""
    torch.manual_seed(5)
    shape = transformers.GPT2Config.from_pretrained(folders / "gpt2")
    transformers.GPT2Model(shape).save_pretrained(tmp_path / "other")
    with pytest.raises(IntegrityError, match="began with a body of source digest"):
        build(f"hf:{tmp_path / 'other'}", f"run:{runs / 'gpt2'}")
    for path in (runs / "gpt2" / "adapter").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content = bytearray((tmp_path / "adapter.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "adapter.safetensors").write_bytes(bytes(content))
    with pytest.raises(IntegrityError, match="is damaged"):
        build(f"hf:{folders / 'gpt2'}", f"run:{tmp_path}")
    assert safetensors.torch.load_file(runs / "gpt2" / "adapter" / "adapter.safetensors")


def test_a_run_that_held_more_positions_does_not_fit(folders, tmp_path):
    """A table that was made longer for a run does not go into the file's shape, and says so."""
    torch.manual_seed(1)
    short = transformers.GPT2Config(vocab_size=11, n_embd=16, n_layer=1, n_head=2, n_positions=4)
    transformers.GPT2Model(short).save_pretrained(tmp_path / "short")
    run = train(f"hf:{tmp_path / 'short'}", tmp_path / "run", backbone_options={"max_length": LENGTH})
    with pytest.raises(
        ConfigurationError, match=r"wpe\.weight of \[10, 16\] does not fit this body's \[4, 16\]"
    ):
        export_backbone(run, tmp_path / "body")
