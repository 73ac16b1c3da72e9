"""Which additions the words of ``--train`` ask for, with the options of ``--policy-option``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fpt_plugins import options
from fpt_plugins.additions.addition import Addition
from fpt_plugins.additions.bottleneck import Bottleneck
from fpt_plugins.additions.lora import LoRA
from fpt_plugins.additions.prompt import Prompt
from fpt_plugins.errors import ConfigurationError, UnknownName
from fpt_plugins.stages import read_stages

ADDITIONS: Mapping[str, type[Addition]] = {kind.group: kind for kind in (LoRA, Bottleneck, Prompt)}
"""By the word of ``--train``, in the order in which they are added: a bottleneck lies around a LoRA layer."""


def choose_additions(train: str, given: Mapping[str, Any]) -> tuple[Addition, ...]:
    """The additions that any stage of a policy asks for.

    Args:
        train: The policy, as ``--train`` has it.
        given: Options by name; each belongs to the one addition that knows it.

    Raises:
        UnknownName: An option that none of them has.
        ConfigurationError: A value that does not fit, or an option of a policy that adds nothing.

    Example:
        >>> choose_additions("lora,head", {"rank": "4"})
        (LoRA(rank=4, alpha=8.0),)
    """
    words = {word.strip() for stage in read_stages(train) for word in stage.policy.split(",")}
    chosen = [kind for word, kind in ADDITIONS.items() if word in words]
    if given and not chosen:
        raise ConfigurationError(
            f"--policy-option {next(iter(given))} has no effect: --train {train} has no options",
            f"those with options are {', '.join(ADDITIONS)}",
        )
    known = {name for kind in chosen for name in options.option_fields(kind)}
    for name in given:
        if name not in known:
            raise UnknownName("option", name, known, owner=f"--train {train}")
    return tuple(_build(kind, given) for kind in chosen)


def _build(kind: type[Addition], given: Mapping[str, Any]) -> Addition:
    own = {name: given[name] for name in options.option_fields(kind) if name in given}
    return options.build(kind, own, owner=f"--train {kind.group}")
