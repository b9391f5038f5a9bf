"""One scenario on many days: each seed with the controller, without it, and its healthy twin."""

import logging
import multiprocessing
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import resource_tracker
from typing import Final, Protocol

from controller.simulation.outcome import Moment, Outcome
from controller.simulation.scenario import Scenario

BIN_SECONDS: Final = 15.0
BINS_MAX: Final = 24 * 240
WAITING_PER_WORKER: Final = 2


class Played(Protocol):
    """What came of a run: `controller.simulation.run.Run`, or what a test makes of it."""

    @property
    def outcome(self) -> Outcome: ...


class Player(Protocol):
    """Plays one run; `controller.simulation.run.play_scenario`. Must be found by its name."""

    def __call__(self, scenario: Scenario, seed: int, *, with_controller: bool) -> Played: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A stretch of a run: requests, and how many of them failed, in BIN_SECONDS."""

    requests: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One seed, three times. The outcomes have no moments and no milestones: bins stand for them.

    `twin` is the same day with a release in which nothing is wrong; without a wrong release to
    begin with it is the run itself.
    """

    seed: int
    watched: Outcome
    unwatched: Outcome
    twin: Outcome
    watched_bins: tuple[Bin, ...]
    unwatched_bins: tuple[Bin, ...]


def play_day(scenario: Scenario, seed: int, play: Player) -> Day:
    """Everything that is asked of one seed."""
    watched = play(scenario, seed, with_controller=True).outcome
    unwatched = play(scenario, seed, with_controller=False).outcome
    twin = watched
    if scenario.canary_defects:
        good = replace(scenario, canary_defects=())
        twin = play(good, seed, with_controller=True).outcome
    return Day(
        seed=seed,
        watched=_bare(watched),
        unwatched=_bare(unwatched),
        twin=_bare(twin),
        watched_bins=_bins(watched.moments),
        unwatched_bins=_bins(unwatched.moments),
    )


def play_days(
    scenario: Scenario,
    seeds: Sequence[int],
    play: Player,
    *,
    workers: int,
) -> Generator[Day, None, None]:
    """A Day for each seed, as they come. Closing the iterator ends what still runs.

    With one worker everything runs in this process. An error in a run is a bug and propagates.
    """
    if workers == 1:
        for seed in seeds:
            yield play_day(scenario, seed, play)
        return
    yield from _in_processes(scenario, seeds, play, workers)


def _in_processes(
    scenario: Scenario, seeds: Sequence[int], play: Player, workers: int
) -> Generator[Day, None, None]:
    # Spawned, not forked: the same on every system, and nothing of this process's threads comes
    # along.
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(
        min(workers, len(seeds)), mp_context=context, initializer=_be_silent
    )
    remaining = iter(seeds)
    waiting: set[Future[Day]] = set()

    def submit(number: int) -> None:
        # It is this process that ends the workers: their tracebacks would tell nobody anything.
        with _uninterrupted():
            for seed in islice(remaining, number):
                waiting.add(executor.submit(play_day, scenario, seed, play))

    try:
        submit(workers * WAITING_PER_WORKER)
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            waiting.difference_update(done)
            for future in done:
                yield future.result()
            submit(len(done))
    finally:
        if waiting:
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()
        executor.shutdown(cancel_futures=True)


def _be_silent() -> None:
    """In a worker: what the engine logs belongs to a run, and nobody reads a thousand of them."""
    logging.disable(logging.CRITICAL)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes that are started here never see Ctrl-C; this one sees it afterwards."""
    # It takes signals off the mask when it is started: that must not happen in the block.
    resource_tracker.ensure_running()
    # The mask is for the children, who inherit it. Here another thread, of a library, may take the
    # signal all the same, and the interrupt would come in the middle of the start of a process.
    late: list[int] = []
    ours = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, lambda number, _: late.append(number)) if ours else None
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if ours:
            signal.signal(signal.SIGINT, before)
    if late:
        raise KeyboardInterrupt


def _bare(outcome: Outcome) -> Outcome:
    """Without what takes room: a thousand days have to fit into memory."""
    return replace(outcome, moments=(), milestones=())


def _bins(moments: Sequence[Moment]) -> tuple[Bin, ...]:
    requests: list[int] = []
    failed: list[int] = []
    for moment in moments:
        # A moment belongs where it ends; one that ends on the edge belongs before it.
        number = min(BINS_MAX, max(0, int((moment.at - 1e-9) // BIN_SECONDS)))
        missing = number + 1 - len(requests)
        requests += [0] * missing
        failed += [0] * missing
        requests[number] += moment.requests
        failed[number] += moment.failed
    return tuple(Bin(requests=r, failed=f) for r, f in zip(requests, failed, strict=True))
