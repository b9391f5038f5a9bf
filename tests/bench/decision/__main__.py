"""`python -m tests.bench.decision`; JSON=FILE, QUICK=1, ONLY=part of a name, SEED=n."""

import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from tests.bench.decision.batch import Batch
from tests.bench.decision.figures import figures
from tests.bench.decision.measuring import Fates, Seats, Task, joined, measure
from tests.bench.decision.report import show, write
from tests.bench.decision.scenarios import COMMON, Scenario, scenarios
from tests.bench.decision.summary import Result, summarise

LANES: Final = 1000
LANES_WHERE_RARE: Final = 3000  # a share of 0.2 % is not seen in fewer
LANES_QUICK: Final = 25
LANES_PER_TASK: Final = 250
PROCESSES_MAX: Final = 2


def tasks(chosen: Iterable[Scenario], *, quick: bool, seed: int) -> list[Task]:
    """What there is to do; the same tasks with the same dice however many processes do them."""
    found: list[Task] = []
    for scenario in chosen:
        rare = scenario.false_max is not None and scenario.false_max <= COMMON
        lanes = LANES_QUICK if quick else LANES_WHERE_RARE if rare else LANES
        each = min(lanes, LANES_PER_TASK)
        found += [
            Task(scenario=scenario, lanes=each, chunk=chunk, seed=seed)
            for chunk in range(lanes // each)
        ]
    return found


def run(todo: Sequence[Task], seats: Seats = Batch) -> list[Result]:
    """Does all tasks on all cores, at most two, and tells on stderr what it found so far."""
    begun = time.monotonic()
    context = multiprocessing.get_context("spawn")
    workers = min(PROCESSES_MAX, os.cpu_count() or 1, len(todo))
    wanted = Counter(task.scenario for task in todo)
    fates: dict[Scenario, dict[int, Fates]] = {scenario: {} for scenario in wanted}
    results: dict[Scenario, Result] = {}
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        pending = {pool.submit(measure, task, seats): task for task in todo}
        for count, future in enumerate(as_completed(pending), start=1):
            task = pending.pop(future)
            scenario, chunks = task.scenario, fates[task.scenario]
            chunks[task.chunk] = future.result()
            if len(chunks) < wanted[scenario]:
                continue
            parts = [chunks[at] for at in sorted(chunks)]
            results[scenario] = summarise(scenario, joined(parts))
            told = f"{time.monotonic() - begun:5.0f} s  {count}/{len(todo)}"
            print(told, results[scenario].bets.told, sep="  ", file=sys.stderr)
    return [results[scenario] for scenario in wanted]


def main(wanted: Mapping[str, str]) -> int:
    """Measures, prints, and writes; 2 when nothing is called like what was asked for."""
    chosen = scenarios(wanted.get("ONLY") or "")
    if not chosen:
        print(f"no scenario's name contains {wanted.get('ONLY')!r}", file=sys.stderr)
        return 2
    quick = (wanted.get("QUICK") or "0") != "0"
    results = run(tasks(chosen, quick=quick, seed=int(wanted.get("SEED") or 1)))
    show(results, figures(results))
    if file := wanted.get("JSON"):
        write(results, Path(file))
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
