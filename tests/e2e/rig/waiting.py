"""Waiting for a state of the world, with a limit and a sentence that says what was awaited."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

POLL_SECONDS: Final = 0.05

Result = TypeVar("Result")


class NeverHappened(AssertionError):
    """What a test waited for did not come in time."""


def wait_until(predicate: Callable[[], Result], *, seconds: float, what: str) -> Result:
    """The first true value of `predicate`; it may raise `AssertionError` to say what is missing."""
    deadline = time.monotonic() + seconds
    while True:
        said = ""
        try:
            if result := predicate():
                return result
        except NeverHappened:
            raise
        except AssertionError as missing:
            said = f" ({missing})"
        if time.monotonic() > deadline:
            raise NeverHappened(f"not within {seconds:g} s: {what}{said}")
        time.sleep(POLL_SECONDS)
