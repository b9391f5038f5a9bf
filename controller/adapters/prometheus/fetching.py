"""Queries carried out: shared between releases where they can be, alone where they cannot."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from controller.adapters.prometheus.batching import CLOSED, PATIENCE_SECONDS, Answer, Batcher
from controller.adapters.prometheus.placing import by_scheme, probe
from controller.adapters.prometheus.selecting import (
    Ask,
    Scheme,
    Selection,
    by_pod,
    ranged,
    selector,
)
from controller.adapters.prometheus.series import Series, parse
from controller.adapters.prometheus.server import TIMEOUT, Server
from controller.adapters.prometheus.session import Deadline
from controller.domain.readings import Missing

THREADS: Final = 4
THREADS_ALONE: Final = 4  # histories and bounds, which nobody else can share
THREADS_GUARDING: Final = 4  # a guard that hangs must not keep a history from being read
THREADS_ALL: Final = THREADS + THREADS_ALONE + THREADS_GUARDING

T = TypeVar("T")
PodSeries = Mapping[str, Sequence[Series]]


class Span(StrEnum):
    """How far back a query reads. One release that has to catch up an hour must not make the
    others read an hour, so a metric takes up to three queries, however many releases there are.
    """

    NOW = "now"
    MINUTE = "minute"
    MINUTES = "minutes"
    HOUR = "hour"

    @classmethod
    def of(cls, window_ms: int) -> "Span":
        if window_ms <= 60_000:
            return cls.MINUTE
        return cls.MINUTES if window_ms <= 300_000 else cls.HOUR


@dataclass(frozen=True, slots=True)
class Wanted:
    """What questions must share to be put as one. With `schemes`: which of them names the pods."""

    selection: Selection
    span: Span
    schemes: tuple[Scheme, ...] = ()

    def text(self, asks: Sequence[Ask]) -> str:
        if self.schemes:
            return probe(self.selection, self.schemes, asks)
        return (selector if self.span is Span.NOW else ranged)(self.selection, asks)

    def sorted(self, series: Sequence[Series]) -> Answer:
        if self.schemes:
            return by_scheme(self.schemes, series)
        return by_pod(self.selection, series)


class Observer(Protocol):
    """Who counts our own queries, for our own /metrics."""

    def queried(self, result: str, seconds: float) -> None:
        """One query ended: "ok", or in a word why its data is missing."""
        ...


class Fetcher:
    """Asks a server from threads of its own. Belongs to one event loop; `close` when done."""

    def __init__(
        self, server: Server, *, timeout_seconds: float, observer: Observer | None
    ) -> None:
        self._server = server
        self._observer = observer
        self._timeout_seconds = timeout_seconds
        self._batcher = Batcher[Wanted](
            self._fetch, timeout_seconds=timeout_seconds, threads=THREADS, queried=self._queried
        )
        self._alone = ThreadPoolExecutor(THREADS_ALONE, thread_name_prefix="prometheus-alone")
        self._guarding = ThreadPoolExecutor(
            THREADS_GUARDING, thread_name_prefix="prometheus-guarding"
        )
        self._closed = False

    def close(self) -> None:
        self._closed = True
        self._batcher.close()
        self._alone.shutdown(wait=False, cancel_futures=True)
        self._guarding.shutdown(wait=False, cancel_futures=True)
        self._server.close()

    async def put(self, wanted: Wanted, ask: Ask) -> Answer:
        """The series asked for by namespace and pod, and perhaps those that others asked for."""
        return await self._batcher.put(wanted, ask)

    async def pods(self, selections: Sequence[Selection], ask: Ask) -> PodSeries | Missing:
        """The series back to the start of every pod that has some, of all selections together."""
        span = Span.of(ask.at - ask.start)
        answers = await asyncio.gather(*(self.put(Wanted(one, span), ask) for one in selections))
        pods: dict[str, list[Series]] = {}
        for answer in answers:
            if isinstance(answer, Missing):
                return answer
            for pod in ask.pods:
                series = answer.get((ask.namespace, pod))
                if series:
                    pods.setdefault(pod, []).extend(series)
        return pods

    async def series(self, text: str, at: int, timeout_seconds: float) -> list[Series] | Missing:
        """The series of any query as of `at`, in milliseconds, asked for this one caller."""
        return await self.ask(text, at, timeout_seconds, parse)

    async def ask(
        self, text: str, at: int, timeout_seconds: float, read: Callable[[object], T | Missing]
    ) -> T | Missing:
        """What `read` makes of the result of any query, or Missing in about that time."""
        return await self._ask(self._alone, text, at, timeout_seconds, read)

    async def ask_guard(
        self, text: str, at: int, timeout_seconds: float, read: Callable[[object], T | Missing]
    ) -> T | Missing:
        """The same, beside what else is asked: people's own queries may hang."""
        return await self._ask(self._guarding, text, at, timeout_seconds, read)

    async def _ask(
        self,
        threads: ThreadPoolExecutor,
        text: str,
        at: int,
        timeout_seconds: float,
        read: Callable[[object], T | Missing],
    ) -> T | Missing:
        if self._closed:
            return CLOSED
        loop = asyncio.get_running_loop()
        started = loop.time()
        deadline = Deadline(started + min(timeout_seconds, self._timeout_seconds), loop.time)

        def run() -> T | Missing:
            return self._server.read(text, at, deadline, read)

        job: asyncio.Future[T | Missing] = loop.run_in_executor(threads, run)
        answer: T | Missing
        try:
            async with asyncio.timeout(timeout_seconds + PATIENCE_SECONDS):
                answer = await job
        except TimeoutError:
            answer = Missing(TIMEOUT, "no answer, nor an end of the queries before it")
        self._queried(answer.reason if isinstance(answer, Missing) else "ok", loop.time() - started)
        return answer

    def _fetch(self, wanted: Wanted, asks: Sequence[Ask], deadline: Deadline) -> Answer:
        """Runs in a thread."""
        series = self._server.query(wanted.text(asks), max(ask.at for ask in asks), deadline)
        return series if isinstance(series, Missing) else wanted.sorted(series)

    def _queried(self, result: str, seconds: float) -> None:
        if self._observer is not None:
            self._observer.queried(result.replace(" ", "-"), seconds)
