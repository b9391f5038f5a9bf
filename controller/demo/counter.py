"""The desk of the demo: it takes commands in one thread, and the world lives in another."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final

from controller.engine.commands import Asked, Receipt
from controller.engine.ports import Person, Unavailable, Verb

ANSWER_SECONDS: Final = 10.0

YOU: Final = Person(name="demo")
"""Who is at the demo: there is one person, and nobody else can reach it."""


class Everybody:
    """Access where there is nothing to protect: a demo on this machine's loopback."""

    async def person(self, token: str) -> Person | None:  # noqa: ARG002 - any will do
        return YOU

    async def may(
        self,
        person: Person,  # noqa: ARG002 - the port's words
        verb: Verb,  # noqa: ARG002
        namespace: str,  # noqa: ARG002
        name: str = "",  # noqa: ARG002
    ) -> bool:
        return True


class Counter:
    """Hands commands over to the world's thread, and its answers back.

    `submit` starts a coroutine there; it raises Unavailable when the world does not run.
    """

    def __init__(
        self,
        take: Callable[[Asked], Coroutine[Any, Any, Receipt]],
        submit: Callable[[Coroutine[Any, Any, Receipt]], "Future[Receipt]"],
    ) -> None:
        self._take = take
        self._submit = submit

    async def ask(self, asked: Asked) -> Receipt:
        """As the desk does."""
        taking = self._submit(self._take(asked))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.wrap_future(taking)
        except TimeoutError as error:
            raise Unavailable("the demo's world does not answer") from error
        except asyncio.CancelledError as error:
            # Either we are cancelled ourselves, or the world has ended with the command in hand.
            if taking.cancelled() and not _is_cancelled():
                raise Unavailable("the demo has ended") from error
            raise


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
