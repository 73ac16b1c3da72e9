"""All that is compared to prove that what is frozen stayed frozen: its tensors, modules and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fpt_plugins.freezing import FrozenState
from fpt_plugins.probe import OutputProbe

if TYPE_CHECKING:
    from fpt_plugins.arm import Arm


class Proof(Protocol):
    """What was frozen at one moment."""

    @property
    def held_digest(self) -> str:
        """One SHA-256 over the frozen tensors as held in memory."""
        ...

    def verify(self) -> None:
        """Compares with what is there now; raises ``FrozenError`` for what is not what it was."""
        ...


class FrozenProof:
    """What an arm froze, as it was at one moment.

    Args:
        arm: Its parameters without ``requires_grad``, all buffers and the body's modules are meant.

    Raises:
        FrozenError: A module of the body carries a hook.
    """

    def __init__(self, arm: Arm) -> None:
        self._model = arm.model
        self._state = FrozenState(arm.model)
        self._probe = OutputProbe(arm.model.backbone, arm.precision)

    @property
    def held_digest(self) -> str:
        """One SHA-256 over the frozen tensors as held in memory."""
        return self._state.held_digest

    def verify(self) -> None:
        """Compares with the arm as it is now.

        Raises:
            FrozenError: A frozen tensor, a module or what a frozen one computes is not what it was.
        """
        self._state.verify(self._model)
        self._probe.verify()
