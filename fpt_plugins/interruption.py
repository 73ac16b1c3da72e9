"""Ctrl-C that waits for the step under way."""

from __future__ import annotations

import signal
import threading
from typing import Any, Self


class Interruption:
    """While it is entered, a first Ctrl-C is remembered and a second one acts at once.

    Outside the main thread, where Python lets nobody handle signals, it does nothing. Nor does it where
    several processes train: who stopped after a step of its own would be waited for in the next.

    Args:
        alone: Whether one process trains.
    """

    def __init__(self, *, alone: bool = True) -> None:
        self.asked, self._alone = False, alone
        self._previous: Any = None

    def __enter__(self) -> Self:
        if self._alone and threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def stop_if_asked(self) -> None:
        """Raises ``KeyboardInterrupt`` where Ctrl-C was pressed."""
        if self.asked:
            raise KeyboardInterrupt

    def _remember(self, *_: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
