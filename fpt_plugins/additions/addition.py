"""What an addition is: a few new parameters in a frozen body, as a parameter group of their own."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

import attrs

from fpt_plugins.backbone import Group

if TYPE_CHECKING:
    from fpt_plugins.additions.extended_backbone import ExtendedBackbone


@attrs.frozen(kw_only=True)
class Addition(abc.ABC):
    """New parameters for a body. A frozen attrs class, whose fields are its options.

    What it adds begins as an identity where it can, and is drawn from torch's generators.
    """

    group: ClassVar[Group]
    """The parameter group of what is added, and the policy that asks for it."""

    @property
    def virtual_positions(self) -> int:
        """Positions that it takes before those of a sample."""
        return 0

    @abc.abstractmethod
    def add_to(self, extended: ExtendedBackbone) -> None:
        """Puts new modules into ``extended.body``, or beside it.

        Raises:
            ConfigurationError: The body has no place for them.
        """
