"""The parts that make a frozen body fast, each of which can be left out: ``--fast``.

None changes what is computed beyond the last bits; with dropout, other numbers are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fpt_plugins.backbones.dropout import replace_dropout
from fpt_plugins.backbones.gelu_table import replace_gelu
from fpt_plugins.backbones.packed_linear import pack_linears
from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from fpt_plugins.arm import Arm
    from fpt_plugins.configuration import Configuration
    from fpt_plugins.model import FrozenPretrainedTransformer
    from fpt_plugins.precision import Precision


def _dropout(model: FrozenPretrainedTransformer) -> None:
    replace_dropout(model.backbone)


def _gelu(model: FrozenPretrainedTransformer) -> None:
    replace_gelu(model.backbone)


def _packed(model: FrozenPretrainedTransformer) -> None:
    pack_linears(model.backbone)


def _last_block(model: FrozenPretrainedTransformer) -> None:
    model.reads_positions = hasattr(model.backbone, "read")


_APPLY: Mapping[str, Callable[[FrozenPretrainedTransformer], None]] = {
    "dropout": _dropout,
    "gelu": _gelu,
    "last-block": _last_block,
    "packed": _packed,
}


def quicken(
    model: FrozenPretrainedTransformer, configuration: Configuration, precision: Precision
) -> FrozenPretrainedTransformer:
    """The same model with the parts that are asked for, on its device and frozen as it will be.

    What a compiler does itself, and could not see into, is left to it.
    """
    compiled = ("dropout", "gelu", "packed") if compiles(configuration, precision) else ()
    for part in configuration.fast:
        if part not in compiled:
            _APPLY[part](model)
    return model


def compiles(configuration: Configuration, precision: Precision) -> bool:
    """Whether the model is compiled: ``auto`` is on a GPU alone, for on a CPU it does not pay."""
    asked = configuration.compile
    return asked == "on" or (asked == "auto" and precision.device.type == "cuda")


def dropout_facts(configuration: Configuration, precision: Precision) -> dict[str, Any]:
    """What decides which numbers a step drops, beside its seed: equal for arms that train in one pass.

    The fast path draws others than PyTorch, and a compiler may draw others again.
    """
    if not configuration.dropout:
        return {"dropout": 0.0}
    ours = "dropout" in configuration.fast and not compiles(configuration, precision)
    return {"dropout": configuration.dropout, "dropout's numbers": "the fast path's" if ours else "PyTorch's"}


def prepare_training(arm: Arm) -> None:
    """Compilation and gradient checkpointing, as they are asked for.

    Raises:
        ConfigurationError: The body cannot compute its blocks again.
    """
    if arm.configuration.gradient_checkpointing:
        if not hasattr(arm.model.backbone, "checkpoint_gradients"):
            raise ConfigurationError(
                f"--gradient-checkpointing: {arm.spec.name} has no blocks that are computed again",
                "save memory with --micro-batch-size instead",
            )
        arm.model.backbone.checkpoint_gradients()
    if compiles(arm.configuration, arm.precision):
        arm.model.compile()
