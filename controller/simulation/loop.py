"""An event loop whose time jumps to the next timer: hours of a story pass in a second."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

ROUND_SECONDS: Final = 1e-6


class Stalled(RuntimeError):
    """Everything waits and no timer is set: a deadlock, found at once."""


class _Jump(selectors.DefaultSelector):
    """Never waits: what would have been waited is added to the time.

    Each round of the loop takes a microsecond, or a timer that is due in less than what a float
    can tell would be waited for without end.
    """

    passed_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stalled("every task waits, and nothing is coming")
        self.passed_seconds += max(ROUND_SECONDS, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """For stories without sockets: nothing from outside could arrive in time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.passed_seconds


def play(story: Coroutine[Any, Any, T]) -> T:
    """Run a story to its end, in virtual time that begins at zero."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        # Not `runner.run`: its signal handler writes out what the story returns, a whole trace.
        return runner.get_loop().run_until_complete(story)
