"""A virtual loop let on at several times real speed, in a thread of its own."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from controller.demo.story import Story
from controller.engine.ports import Unavailable
from controller.simulation.loop import VirtualLoop

SLICE_SECONDS: Final = 0.1
END_SECONDS: Final = 2.0

T = TypeVar("T")


class Pace:
    """Plays a story, `speed` virtual seconds in a real one, until it is stopped.

    `failed` is called, in the thread, with what ended the story before its time.
    """

    def __init__(
        self,
        story: Story,
        speed: float,
        *,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._story = story
        self._speed = speed
        self._failed = failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="virtual time", daemon=True)
        # Held where the loop begins or ends: nothing is handed to a loop that runs no more.
        self._door = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it; what plays is dropped."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Do something in the story's thread and time. Raises Unavailable when it does not play."""
        with self._door:
            if self._loop is None:
                work.close()
                raise Unavailable("the demo's world does not run")
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=VirtualLoop) as runner:
                loop = runner.get_loop()
                self._open(loop)
                try:
                    self._let_on(loop)
                finally:
                    self._open(None)
        except BaseException as error:  # noqa: BLE001 - a thread's end is seen by nobody else
            self._failed(error)

    def _open(self, loop: asyncio.AbstractEventLoop | None) -> None:
        with self._door:
            self._loop = loop

    def _let_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """One slice after the other, each begun on time as far as the machine can follow."""
        playing = loop.create_task(self._story.play())
        due = time.perf_counter()
        while not playing.done() and not self._stop.is_set():
            loop.run_until_complete(self._slice())
            due = max(due + SLICE_SECONDS, time.perf_counter() - SLICE_SECONDS)
            self._stop.wait(max(0.0, due - time.perf_counter()))
        if playing.done():
            playing.result()

    async def _slice(self) -> None:
        await asyncio.sleep(SLICE_SECONDS * self._speed)
        self._story.publish()
