"""``hf:PLACE`` finds folders and cached repositories, and pins what it finds."""

from pathlib import Path

import pytest
import torch
import transformers

from fpt_plugins.backbone import BackboneRequest
from fpt_plugins.backbones.hub import spec_of_place
from fpt_plugins.backbones.transformer_options import TransformerOptions
from fpt_plugins.errors import ConfigurationError


@pytest.fixture
def gpt2(tmp_path):
    """A folder that the library saved: ``config.json`` and ``model.safetensors`` of a GPT-2 of two layers."""
    torch.manual_seed(0)
    configuration = transformers.GPT2Config(vocab_size=11, n_embd=16, n_layer=2, n_head=2, n_positions=8)
    transformers.GPT2Model(configuration).save_pretrained(tmp_path / "gpt2")
    return tmp_path / "gpt2"


def build(folder, **changes):
    spec = spec_of_place(str(folder))
    options = TransformerOptions(**changes.pop("options", {}))
    values = {"init": "pretrained", "init_seed": 0, "length": 5, "dropout": 0.0, **changes}
    return spec.build(spec, BackboneRequest(options=options, **values))


def test_a_place_that_is_nothing_is_refused(tmp_path):
    """A path that does not exist is no repository's name either."""
    with pytest.raises(ConfigurationError, match="nor can a repository on the Hub be named so"):
        spec_of_place(str(tmp_path / "absent"))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The Hub's cache, empty, in a process that may not use the network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models--someone--small"


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def fill(cache, folder):
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    (cache / "snapshots").mkdir()
    Path(folder).rename(cache / "snapshots" / COMMIT)


@pytest.mark.parametrize("place", ["someone/small", "someone/small@main", f"someone/small@{COMMIT}"])
def test_a_repository_is_resolved_to_its_commit(cache, gpt2, place):
    """A name with or without a revision becomes a spec that is pinned, and whose name finds it again."""
    expected = build(gpt2).source_digest
    fill(cache, gpt2)
    spec = spec_of_place(place)
    assert (spec.name, spec.revision) == (f"hf:someone/small@{COMMIT}", COMMIT)
    assert (spec.embed_dim, spec.layers, spec.max_length, spec.causal) == (16, 2, 8, True)
    assert build(spec.name.removeprefix("hf:")).source_digest == expected


def test_without_a_network_one_line_says_what_to_do(cache):
    """An empty cache and no network is refused with the two ways to go on."""
    with pytest.raises(
        ConfigurationError, match="the Hugging Face Hub does not give someone/small"
    ) as refused:
        spec_of_place("someone/small")
    assert "\n" not in refused.value.message
    assert "hf:FOLDER" in refused.value.remedy
    assert "HF_HOME" in refused.value.remedy
