"""What one decision costs: evidence from 10 pods moved on, and a verdict asked; and parts of it."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

from controller.domain.case import Plan
from controller.domain.evidence import Evidence, History, RequestPast, RequestWindow
from controller.domain.evidence.intervals import forget
from controller.domain.evidence.state import unpack
from controller.domain.plan import decide
from controller.domain.policy import SlowRequests
from controller.domain.readings import Counts, Tally
from controller.domain.snapshot import Snapshot
from tests.bench._figures import row
from tests.domain.tabletop import Table, on_trial

SEGMENTS: Final = 20
LOOKS: Final = 600
BUDGET_MILLISECONDS: Final = 1.0
UPDATE_BUDGET_MILLISECONDS: Final = 0.5


THRESHOLD: Final = timedelta(milliseconds=500)
HISTORY_LOOKS: Final = 5000  # of 5 s each: what stable served before the release


class Costs(NamedTuple):
    """Seconds of each decision and of the update alone (of one metric).

    `cold` has counts to weigh and evidence that was never read before: what the budget is for.
    `warm` is the same of evidence that an earlier visit has read; `again` is a visit between two
    looks, which reads its evidence first and has nothing new.
    """

    cold: list[float]
    warm: list[float]
    again: list[float]
    update: list[float]
    size: int


def requests(table: Table, segments: int, look: int) -> Tally:
    """A look's counts: most routes busy, some rare, few errors."""
    release = table.status.release
    since = (release and release.evaluated_until) or table.now
    counts = {
        f"/route/{n}": Counts(float(look % 7 == 0 and n % 5 == 0), float(200 // (n + 1) + 1))
        for n in range(segments)
    }
    pods = {f"{name}-{n}": counts for name, count in table.sets.items() for n in range(count)}
    return Tally(since=since, until=table.now, pods=pods)


def history(segments: int) -> History:
    """Stable's past in both metrics, all routes of it."""
    counts = {
        f"/route/{n}": Counts(HISTORY_LOOKS / 7, float(HISTORY_LOOKS * (200 // (n + 1) + 1)))
        for n in range(segments)
    }
    total = sum(counts.values(), Counts())
    share = Counts(total.errors / 10, total.requests / 10)
    past = RequestPast(segments=counts, pods={f"A-{n}": share for n in range(10)})
    return History(errors=past, slow=past)


def measure(segments: int, *, slow: bool) -> Costs:
    """What each look of a long step costs; `size` is of the stored evidence, in bytes."""
    table = on_trial()
    if slow:
        table.policy = replace(table.policy, slow_requests=SlowRequests(threshold=THRESHOLD))
    # The evidence begins anew, with a history of all routes.
    assert table.status.release is not None
    table.status = replace(table.status, release=replace(table.status.release, evidence=""))
    costs, past, size = Costs([], [], [], [], 0), history(segments), 0
    for look in range(LOOKS):
        table.now += timedelta(seconds=5)
        tally = requests(table, segments, look)
        unpack.cache_clear()
        forget()
        _timed(table, tally, past, costs.cold)
        plan = _timed(table, tally, past, costs.warm)
        assert plan.status.release is not None
        # The step is kept: what is measured is evidence that grows old, not a release that ends.
        kept = replace(plan.status.release, step_since=table.now)
        table.status = replace(table.status, release=kept)
        # Between two looks a release is visited too, since something moved in the cluster.
        nothing = Tally(since=tally.until, until=tally.until)
        later = replace(table, now=table.now + timedelta(seconds=1))
        _timed(later, nothing, past, costs.again)
        costs.update.append(_update(table, tally, kept.evidence))
        size = max(size, len(kept.evidence))
    return costs._replace(size=size)


def _timed(table: Table, tally: Tally, past: History, seconds: list[float]) -> Plan:
    snapshot = Snapshot(
        scene=table.scene(), now=table.now, requests=tally, slow=tally, history=past
    )
    begun = time.perf_counter()
    plan = decide(snapshot)
    seconds.append(time.perf_counter() - begun)
    return plan


def _update(table: Table, tally: Tally, text: str) -> float:
    """Seconds to weigh one look's counts, without reading and storing the evidence."""
    evidence = Evidence.load(text, table.policy)
    sides = [{p: c for p, c in tally.pods.items() if p.startswith(side)} for side in ("B", "A")]
    window = RequestWindow(
        seconds=5.0,
        canary=sides[0],
        stable=sides[1],
        canary_pods=len(sides[0]),
        stable_pods=len(sides[1]),
    )
    begun = time.perf_counter()
    evidence.add_requests(window)
    return time.perf_counter() - begun


def main() -> None:
    for segments, slow in ((1, False), (4, False), (SEGMENTS, False), (SEGMENTS, True)):
        costs = measure(segments, slow=slow)
        metrics = "failed and slow requests" if slow else "failed requests"
        print(f"{segments} segments, 10 pods, {metrics}: evidence of {costs.size} bytes at most")
        print("  ", row("decide, new counts, evidence not read before", costs.cold))
        print("  ", row("decide, new counts, evidence read before", costs.warm))
        print("  ", row("decide, nothing new, evidence not read before", costs.again))
        print("  ", row("update of the evidence alone", costs.update))
    print(
        f"budgets at {SEGMENTS} segments: decide {BUDGET_MILLISECONDS:g} ms, "
        f"update {UPDATE_BUDGET_MILLISECONDS:g} ms"
    )


if __name__ == "__main__":
    main()
