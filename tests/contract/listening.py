"""One reader of the port's announcements."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from controller.domain.records import Ref
from controller.engine.ports import Cluster

HEAR_SECONDS: Final = 20.0
SILENCE_SECONDS: Final = 1.0


class News:
    """What was announced since it was asked last."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Ref] = asyncio.Queue(1000)

    async def hear(self, ref: Ref) -> None:
        """Return when `ref` is announced; others before it are dropped."""
        try:
            async with asyncio.timeout(HEAR_SECONDS):
                while await self.heard.get() != ref:
                    pass
        except TimeoutError:
            raise AssertionError(f"not announced in {HEAR_SECONDS:g} s: {ref}") from None

    async def until_silent(self) -> list[Ref]:
        """Everything that is announced until nothing was for a while."""
        refs = []
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    refs.append(await self.heard.get())
            except TimeoutError:
                return refs


@asynccontextmanager
async def listening(cluster: Cluster) -> AsyncIterator[News]:
    """Follow the announcements while the block runs."""
    news = News()

    async def follow() -> None:
        async for ref in cluster.changes():
            news.heard.put_nowait(ref)

    async with beside(follow()):
        yield news


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something while the block runs. What fails in the block comes out as it is."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
