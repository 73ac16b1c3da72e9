"""Every kind of body, tiny, with what its own library or a closed form computes for one sample."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import torch
from torch import Tensor, nn

import families
import fpt_plugins as fpt

LENGTH, WIDTH = 10, 32
VISION = {"embed_dim": WIDTH, "depth": 3, "num_heads": 4, "img_size": 32, "patch_size": 8, "num_classes": 5}
CONTROLS: dict[str, dict[str, Any]] = {
    "lstm": {"width": WIDTH, "positions": LENGTH},
    "attention-1": {"width": WIDTH, "heads": 4},
    "block-1": {"width": WIDTH, "heads": 4},
    "none": {"width": WIDTH},
}


@attrs.frozen(kw_only=True, eq=False)
class Subject:
    """A body and what it is compared with.

    Args:
        name: In the table.
        compared_with: Likewise.
        settings: What ``fpt.build`` takes for it.
        expected: From the built body to a function that computes one sample ``[1, T, D]`` without it.
    """

    name: str
    compared_with: str
    settings: dict[str, Any]
    expected: Callable[[Any], Callable[[Tensor], Tensor]]

    def arm(self, **settings: Any) -> fpt.Arm:
        """A task of ``LENGTH`` tokens on the body: loaded or drawn as any run does it."""
        return fpt.build("bits/xor", device="cpu", precision="fp32", **self.settings, **settings)

    def body(self) -> Any:
        """The body, with no bias at zero and no norm at one where it is drawn here."""
        body = self.arm().model.backbone.eval()
        return families.scrambled(body) if self.name in CONTROLS else body


def every_subject(folder: Path) -> list[Subject]:
    """All of them, with checkpoints below ``folder``."""
    return [*(_family(name, folder / name) for name in families.TINY), _vision(folder / "vit"), *_controls()]


def _family(name: str, folder: Path) -> Subject:
    families.save(name, folder)

    def expected(_body: Any) -> Callable[[Tensor], Tensor]:
        model = families.reference(folder, name)
        return lambda inputs: model(inputs_embeds=inputs).last_hidden_state

    return Subject(
        name=name, compared_with="transformers", settings={"backbone": f"hf:{folder}"}, expected=expected
    )


def _vision(folder: Path) -> Subject:
    import timm

    model: Any = families.scrambled(timm.create_model("vit_tiny_patch16_224", **VISION))
    timm.models.save_for_hf(model, folder, model_args=VISION, safe_serialization=True)

    def expected(body: Any) -> Callable[[Tensor], Tensor]:
        table = body.positions.weight
        return lambda inputs: model.norm(model.blocks(model.norm_pre(inputs + table[: inputs.shape[1]])))

    settings = {"backbone": f"timm:{folder}"}
    return Subject(name="vit", compared_with="timm", settings=settings, expected=expected)


def _controls() -> list[Subject]:
    forms = {
        "lstm": (_recurrence, "the recurrence, written out"),
        "attention-1": (_attention, "attention, written out"),
        "block-1": (_encoder, "torch.nn.TransformerEncoder"),
        "none": (_nothing, "its inputs"),
    }
    return [
        Subject(
            name=name,
            compared_with=words,
            settings={"backbone": name, "init": "random", "backbone_options": CONTROLS[name]},
            expected=lambda body, form=form: functools.partial(form, body),  # type: ignore[misc] # bound now
        )
        for name, (form, words) in forms.items()
    ]


def _nothing(_body: Any, inputs: Tensor) -> Tensor:
    return inputs


def _recurrence(body: Any, inputs: Tensor) -> Tensor:
    hidden = inputs + body.positions.weight[: inputs.shape[1]]
    for layer, norm in zip(body.layers, body.norms, strict=True):
        hidden = norm(recurrence(hidden, layer))
    return hidden


def recurrence(inputs: Tensor, layer: nn.LSTM) -> Tensor:
    """The LSTM of Hochreiter and Schmidhuber with a forget gate, one step after another: ``[B, T, D]``."""
    weights: Any = layer
    hidden = cell = torch.zeros(len(inputs), inputs.shape[2])
    outputs = []
    for step in inputs.unbind(1):
        entered = step @ weights.weight_ih_l0.T + weights.bias_ih_l0
        gates = entered + hidden @ weights.weight_hh_l0.T + weights.bias_hh_l0
        enter, forget, change, leave = gates.chunk(4, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * change.tanh()
        hidden = leave.sigmoid() * cell.tanh()
        outputs.append(hidden)
    return torch.stack(outputs, dim=1)


def _attention(body: Any, inputs: Tensor) -> Tensor:
    entered = inputs[0] + body.positions.weight[: inputs.shape[1]]
    attended = attention(body.attention_norm(entered), body.attention, causal=body.causal)
    return body.last_norm(entered + attended).unsqueeze(0)  # type: ignore[no-any-return] # a module's


def attention(inputs: Tensor, module: nn.MultiheadAttention, *, causal: bool) -> Tensor:
    """Vaswani et al. (2017), equation 1, head by head, on one unpadded sample ``[T, D]``."""
    query, key, value = (inputs @ module.in_proj_weight.T + module.in_proj_bias).chunk(3, dim=-1)
    heads = []
    for columns in torch.arange(inputs.shape[1]).chunk(module.num_heads):
        scores = query[:, columns] @ key[:, columns].T / math.sqrt(len(columns))
        if causal:
            scores = scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -math.inf)
        heads.append(scores.softmax(-1) @ value[:, columns])
    return torch.cat(heads, dim=-1) @ module.out_proj.weight.T + module.out_proj.bias


def _encoder(body: Any, inputs: Tensor) -> Tensor:
    length = inputs.shape[1]
    later = torch.ones(length, length, dtype=torch.bool).triu(1) if body.causal else None
    return encoder(body)(inputs + body.positions.weight[:length], mask=later)  # type: ignore[no-any-return] # a module's


def encoder(body: Any) -> nn.TransformerEncoder:
    """PyTorch's own encoder of one pre-norm layer, with the weights of ``block-1``."""
    width, like_gpt2 = body.embed_dim, {"activation": "gelu", "batch_first": True, "norm_first": True}
    whole = nn.TransformerEncoderLayer(width, body.attention.num_heads, 4 * width, 0.0, **like_gpt2)
    made = nn.TransformerEncoder(whole, 1, norm=body.last_norm, enable_nested_tensor=False)
    layer: Any = made.layers[0]
    layer.self_attn, layer.norm1, layer.norm2 = body.attention, body.attention_norm, body.mlp_norm
    layer.linear1, layer.linear2 = body.mlp[0], body.mlp[2]
    return made.eval()
