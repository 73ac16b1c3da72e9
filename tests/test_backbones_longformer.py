"""Longformer: windows, and projections that no run uses."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file

from families import build, padded_batch
from fpt_plugins.errors import ConfigurationError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A Longformer of three blocks, saved by the library."""
    torch.manual_seed(0)
    configuration = transformers.LongformerConfig(
        vocab_size=97,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=26,
        attention_window=[4, 8, 4],
    )
    path = tmp_path_factory.mktemp("longformer")
    transformers.LongformerForMaskedLM(configuration).save_pretrained(path)
    return path


def reference(folder):
    return transformers.LongformerModel.from_pretrained(folder).eval()


def test_longformers_global_projections_are_in_the_file_and_not_held(folder):
    """Six tensors per block of the file serve global attention alone: none of them is held or could train."""
    written = [name for name in load_file(folder / "model.safetensors") if "_global." in name]
    assert len(written) == 6 * 3
    held = [name for name, _ in build(folder).named_parameters()]
    assert not [name for name in held if "_global" in name]


def test_longformer_sees_its_windows_alone(folder):
    """Three blocks of windows 4, 8 and 4 carry a change 2 + 4 + 2 tokens to the left and no further."""
    body = build(folder).eval()
    inputs, mask = (
        torch.zeros(1, 10, 32).normal_(generator=torch.Generator().manual_seed(4)),
        torch.ones(1, 10),
    )
    changed = inputs.clone()
    changed[:, -1, 0] += 1
    with torch.no_grad():
        moved = (body(inputs, mask.bool()) != body(changed, mask.bool())).any(2)[0].tolist()
    assert moved == [False] * 1 + [True] * 9


def test_no_layers_of_longformer_leave_embeddings_positions_and_the_norm(folder):
    """``layers=0`` is the closed form norm(inputs + positions + the type of token 0)."""
    body = build(folder, layers=0).eval()
    inputs, mask = padded_batch()
    embeddings = reference(folder).embeddings
    entered = (
        inputs + embeddings.position_embeddings.weight[2:12] + embeddings.token_type_embeddings.weight[0]
    )
    with torch.no_grad():
        torch.testing.assert_close(body(inputs, mask), embeddings.LayerNorm(entered))


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ([4, 8], "attention_window has 2 numbers for 3 layers"),
        (5, "an attention_window is 5, not an even number from 4"),
        (2, "an attention_window is 2, not an even number from 4"),
    ],
)
def test_windows_that_cannot_be_are_refused(folder, tmp_path, windows, message):
    """The library would stop in the middle of a pass, or compute something else."""
    configuration = json.loads((folder / "config.json").read_text()) | {"attention_window": windows}
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    with pytest.raises(ConfigurationError) as refused:
        build(tmp_path)
    assert message in refused.value.message
