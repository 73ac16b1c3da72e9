"""Weights and configurations are read from real files, and what is wrong with one is said in one line."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.hub import spec_of_place
from fpt_plugins.backbones.transformer_options import TransformerOptions
from fpt_plugins.digest import digest
from fpt_plugins.errors import ConfigurationError, IntegrityError

REQUEST = BackboneRequest(init="pretrained", init_seed=0, length=5, dropout=0.0, options=TransformerOptions())

EXAMPLE = Path(__file__).parents[1] / "examples" / "source_digest.py"


@pytest.fixture
def gpt2(tmp_path):
    """A folder that the library saved: ``config.json`` and ``model.safetensors`` of a GPT-2 of two layers."""
    torch.manual_seed(0)
    configuration = transformers.GPT2Config(vocab_size=11, n_embd=16, n_layer=2, n_head=2, n_positions=8)
    transformers.GPT2Model(configuration).save_pretrained(tmp_path / "gpt2")
    return tmp_path / "gpt2"


@pytest.fixture
def bert(tmp_path):
    """The same of BERT with its pooler."""
    torch.manual_seed(0)
    configuration = transformers.BertConfig(
        vocab_size=11, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8
    )
    transformers.BertModel(configuration).save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def build(folder, **changes):
    spec = spec_of_place(str(folder))
    options = TransformerOptions(**changes.pop("options", {}))
    values = {"init": "pretrained", "init_seed": 0, "length": 5, "dropout": 0.0, **changes}
    return spec.build(spec, BackboneRequest(options=options, **values))


def rewrite(folder, change):
    """Save the weights again after ``change`` has been at their dictionary."""
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors), folder / "model.safetensors", metadata={"format": "pt"})


def same_numbers(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_sharded_checkpoint_is_the_same_body(gpt2, tmp_path):
    """Shards that the library wrote with an index give the numbers and the digest of one file."""
    model = transformers.GPT2Model.from_pretrained(gpt2)
    model.save_pretrained(tmp_path / "sharded", max_shard_size="8KB")
    assert not (tmp_path / "sharded" / "model.safetensors").exists()
    assert len(list((tmp_path / "sharded").glob("model-*.safetensors"))) > 2
    one, other = build(gpt2), build(tmp_path / "sharded")
    assert same_numbers(one, other)
    assert one.source_digest == other.source_digest


def test_old_names_are_the_same_tensors(bert):
    """A checkpoint with ``bert.`` before each name, and ``gamma`` and ``beta``, gives the same numbers."""
    expected = build(bert)
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}

    def rename(name):
        for new, ancient in old.items():
            name = name.replace(new, ancient)
        return f"bert.{name}"

    rewrite(bert, lambda tensors: {rename(name): tensor for name, tensor in tensors.items()})
    body = build(bert)
    assert same_numbers(body, expected)
    assert body.source_digest != expected.source_digest


def test_source_digest_is_over_the_file_as_it_is(gpt2):
    """The digest covers the used tensors by the file's names, in the file's type, whatever part is held."""

    def halve(tensors):
        masks = {"h.0.attn.bias": torch.ones(1, 1, 8, 8)}  # old versions saved the causal mask
        return {name: tensor.bfloat16() for name, tensor in tensors.items()} | masks

    rewrite(gpt2, halve)
    tensors = load_file(gpt2 / "model.safetensors")
    used = {name: tensor for name, tensor in tensors.items() if name not in {"wte.weight", "h.0.attn.bias"}}
    body = build(gpt2, length=3)
    assert body.source_digest == digest(used)
    assert body.model.h[0].mlp.c_fc.weight.dtype == torch.float32
    assert torch.equal(body.model.h[0].mlp.c_fc.weight, tensors["h.0.mlp.c_fc.weight"].float())


def test_the_example_recomputes_the_digest_of_a_gpt2(gpt2):
    """The command that the example gives for ``gpt2`` prints the source digest, masks in the file or not."""
    rewrite(
        gpt2, lambda tensors: tensors | {f"h.{block}.attn.bias": torch.ones(1, 1, 8, 8) for block in (0, 1)}
    )
    command = [sys.executable, "-I", str(EXAMPLE), str(gpt2 / "model.safetensors"), "wte.*", "h.*.attn.bias"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == build(gpt2).source_digest


def test_digest_of_fewer_layers_leaves_the_others_out(gpt2):
    """With ``layers=1`` the digest covers the tensors of the first block alone."""
    tensors = load_file(gpt2 / "model.safetensors")
    used = {n: t for n, t in tensors.items() if n != "wte.weight" and not n.startswith("h.1.")}
    assert build(gpt2, options={"layers": 1}).source_digest == digest(used)


def test_numbers_do_not_change_with_the_file(gpt2):
    """The body holds copies: truncating the file under it leaves every number as it was."""
    body = build(gpt2)
    before = [parameter.clone() for parameter in body.parameters()]
    (gpt2 / "model.safetensors").write_bytes(b"")
    assert all(torch.equal(a, b) for a, b in zip(before, body.parameters(), strict=True))


def without(name):
    return lambda tensors: {key: tensor for key, tensor in tensors.items() if key != name}


def with_tensor(name, tensor):
    return lambda tensors: tensors | {name: tensor}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("h.1.ln_2.bias"), "lacks h.1.ln_2.bias"),
        (with_tensor("h.2.ln_1.bias", torch.ones(16)), "holds h.2.ln_1.bias, which its architecture"),
        (with_tensor("adapter.weight", torch.ones(2)), "holds adapter.weight, which its architecture"),
        (with_tensor("transformer.ln_f.bias", torch.ones(16)), "are the same tensor"),
        (with_tensor("ln_f.bias", torch.ones(17)), "ln_f.bias has the shape [17], config.json says [16]"),
        (with_tensor("ln_f.bias", torch.ones(16, dtype=torch.int8)), "ln_f.bias is of type I8"),
        (with_tensor("wpe.weight", torch.ones(9, 16)), "wpe.weight has the shape [9, 16]"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_the_tensors_name(gpt2, change, message):
    """A tensor that is missing, left over, twice there, or of another shape or type is named."""
    rewrite(gpt2, change)
    with pytest.raises(IntegrityError) as refused:
        build(gpt2)
    assert message in str(refused.value)


def test_a_damaged_file_is_refused(gpt2):
    """A weights file cut short is refused by its path, not read."""
    path = gpt2 / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match=r"gpt2/model\.safetensors is no whole safetensors file"):
        build(gpt2)


def test_pickled_weights_are_refused(gpt2):
    """A folder with ``pytorch_model.bin`` alone is refused in one line, and the pickle is not opened."""
    (gpt2 / "model.safetensors").unlink()
    (gpt2 / "pytorch_model.bin").write_bytes(b"not even a pickle")
    with pytest.raises(ConfigurationError, match=r"only pytorch_model\.bin, which can run code") as refused:
        build(gpt2)
    assert "\n" not in refused.value.message


def test_a_folder_without_weights_is_refused(gpt2):
    """A folder with ``config.json`` alone is refused for what it lacks."""
    (gpt2 / "model.safetensors").unlink()
    with pytest.raises(ConfigurationError, match=r"holds no model\.safetensors, no weights"):
        build(gpt2)


@pytest.mark.parametrize("name", ["../gpt2/model-1.safetensors", "absent.safetensors"])
def test_an_index_that_points_elsewhere_is_refused(gpt2, name):
    """A shard that is absent or outside the folder is refused by its name."""
    (gpt2 / "model.safetensors").rename(gpt2 / "model-1.safetensors")
    index = {"weight_map": {"wpe.weight": name}}
    (gpt2 / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(IntegrityError, match="is no file beside it"):
        build(gpt2)


def test_a_published_digest_is_checked_before_use(gpt2):
    """Flipping one bit of a weights file whose digest is published is refused with both digests."""
    from fpt_plugins.backbones.builder import hugging_face_spec
    from fpt_plugins.digest import file_digest

    path = gpt2 / "model.safetensors"
    configuration = json.loads((gpt2 / "config.json").read_text())
    spec = hugging_face_spec(
        "ours",
        configuration,
        functools.partial(Path, gpt2),
        summary="",
        source="",
        weights_sha256=file_digest(path),
    )
    assert spec.build(spec, REQUEST).embed_dim == 16
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=f"not the published {spec.weights_sha256}"):
        spec.build(spec, REQUEST)
