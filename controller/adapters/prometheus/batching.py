"""Questions asked at about the same time, put as one."""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from controller.adapters.prometheus.selecting import Ask, Found
from controller.adapters.prometheus.server import TIMEOUT, UNREACHABLE
from controller.adapters.prometheus.session import Deadline
from controller.domain.readings import Missing

COALESCE_SECONDS: Final = 0.010
# An answer is parsed in one go, which keeps the event loop waiting: about 30 ms for so many.
PODS_PER_QUERY_MAX: Final = 250
WOKEN_AT_ONCE: Final = 5
PATIENCE_SECONDS: Final = 0.5  # what a thread may need beyond its deadline to say so
CLOSED: Final = Missing(UNREACHABLE, "shutting down")

Key = TypeVar("Key", bound=Hashable)
Answer = Found | Missing


@dataclass(frozen=True, slots=True)
class Waiting:
    """One caller's question and where its answer goes."""

    ask: Ask
    answer: asyncio.Future[Answer]


class Batcher(Generic[Key]):
    """For each key at most one query under way; who comes meanwhile shares the next.

    So the number of queries does not grow with the number of callers, and a server that hangs is
    not given more to do. `run` is called in a thread. Belongs to one event loop.
    """

    def __init__(
        self,
        run: Callable[[Key, Sequence[Ask], Deadline], Answer],
        *,
        timeout_seconds: float,
        threads: int,
        queried: Callable[[str, float], None],
    ) -> None:
        self._run = run
        self._timeout_seconds = timeout_seconds
        self._queried = queried
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="prometheus")
        self._waiting: dict[Key, list[Waiting]] = {}
        self._busy: set[Key] = set()
        self._closed = False

    def close(self) -> None:
        """Start nothing more. A thread under way ends by its own deadline."""
        self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def put(self, key: Key, ask: Ask) -> Answer:
        """The answer for everybody who asked with this key, or Missing; never later than twice
        the timeout: once for the query under way, once for ours.
        """
        if self._closed:
            return CLOSED
        loop = asyncio.get_running_loop()
        waiting = Waiting(ask, loop.create_future())
        line = self._waiting.setdefault(key, [])
        line.append(waiting)
        if len(line) == 1 and key not in self._busy:
            loop.call_later(COALESCE_SECONDS, self._start, key, loop)
        try:
            async with asyncio.timeout(2 * self._timeout_seconds + PATIENCE_SECONDS):
                return await waiting.answer
        except TimeoutError:
            return Missing(TIMEOUT, "no answer, nor an end of the query under way")

    def _start(self, key: Key, loop: asyncio.AbstractEventLoop) -> None:
        if self._closed:
            self._deliver(loop, self._waiting.pop(key, []), CLOSED)
            return
        batch = self._next(key)
        if not batch:
            return
        started = loop.time()
        deadline = Deadline(started + self._timeout_seconds, loop.time)
        asks = [waiting.ask for waiting in batch]
        self._busy.add(key)
        job = self._executor.submit(self._run, key, asks, deadline)

        def ended(done: Future[Answer]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._end, key, batch, done, started)

        job.add_done_callback(ended)

    def _next(self, key: Key) -> list[Waiting]:
        """Those who still wait, as many as fit in one query; the others take the next."""
        line = [waiting for waiting in self._waiting.pop(key, []) if not waiting.answer.done()]
        batch: list[Waiting] = []
        pods = 0
        for waiting in line:
            pods += len(waiting.ask.pods)
            if batch and pods > PODS_PER_QUERY_MAX:
                break
            batch.append(waiting)
        if len(batch) < len(line):
            self._waiting[key] = line[len(batch) :]
        return batch

    def _end(self, key: Key, batch: list[Waiting], job: Future[Answer], started: float) -> None:
        loop = asyncio.get_running_loop()
        self._busy.discard(key)
        if self._waiting.get(key):
            loop.call_later(COALESCE_SECONDS, self._start, key, loop)
        if job.cancelled():
            self._deliver(loop, batch, CLOSED)
            return
        error = job.exception()
        if error is None:
            result = job.result()
            self._queried(
                result.reason if isinstance(result, Missing) else "ok", loop.time() - started
            )
            self._deliver(loop, batch, result)
            return
        for waiting in batch:  # a bug of ours: whoever asked stops, loudly
            if not waiting.answer.done():
                waiting.answer.set_exception(error)

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, batch: list[Waiting], answer: Answer
    ) -> None:
        """Wake a few callers at a time: each has counting to do, and others want the loop too."""
        for waiting in batch[:WOKEN_AT_ONCE]:
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        rest = batch[WOKEN_AT_ONCE:]
        if rest:
            loop.call_soon(self._deliver, loop, rest, answer)
