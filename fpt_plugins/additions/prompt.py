"""Virtual tokens through the peft library: trained embeddings before those of every sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs
from attrs.validators import ge

from fpt_plugins.additions.addition import Addition
from fpt_plugins.backbone import Group
from fpt_plugins.errors import ConfigurationError

if TYPE_CHECKING:
    from fpt_plugins.additions.extended_backbone import ExtendedBackbone


@attrs.frozen(kw_only=True)
class Prompt(Addition):
    """Tokens that no sample holds and every position of a sample may attend to (Lester et al., 2021).

    They take the first positions and are never read out.

    Args:
        virtual_tokens: How many.

    Example:
        >>> Prompt(virtual_tokens=4).virtual_positions
        4
    """

    group: ClassVar[Group] = "prompt"

    virtual_tokens: int = attrs.field(
        default=10, validator=ge(1), metadata={"help": "before the tokens of every sample"}
    )

    @property
    def virtual_positions(self) -> int:
        return self.virtual_tokens

    def add_to(self, extended: ExtendedBackbone) -> None:
        """Puts peft's prompt beside the body."""
        from peft import PromptEmbedding, PromptTuningConfig

        body = extended.body
        if not any(body.parameter_groups().values()):
            raise ConfigurationError(
                f"--train prompt: the body {type(body).__name__} has no parameters: nothing carries "
                "virtual tokens to other positions",
                "take another body, or train without them: --train head,input",
            )
        config = PromptTuningConfig(
            num_virtual_tokens=self.virtual_tokens,
            token_dim=body.embed_dim,
            num_transformer_submodules=1,
        )
        extended.prompt = PromptEmbedding(config, None)
