"""What one decision costs: evidence from 10 pods moved on, and a verdict asked; and parts of it."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

from controller.domain.case import Plan
from controller.domain.evidence import Evidence, RequestWindow
from controller.domain.evidence.state import unpack
from controller.domain.plan import decide
from controller.domain.readings import Counts, Tally
from controller.domain.snapshot import Snapshot
from tests.bench._figures import row
from tests.domain.tabletop import Table, on_trial

SEGMENTS: Final = 20
LOOKS: Final = 600
BUDGET_MILLISECONDS: Final = 1.0
UPDATE_BUDGET_MILLISECONDS: Final = 0.5


class Costs(NamedTuple):
    """Seconds of each decision and of the update alone.

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


def measure(segments: int) -> Costs:
    """What each look of a long step costs; `size` is of the stored evidence, in bytes."""
    table = on_trial()
    # The evidence begins anew, with a history of all routes.
    assert table.status.release is not None
    table.status = replace(table.status, release=replace(table.status.release, evidence=""))
    costs = Costs([], [], [], [], 0)
    for look in range(LOOKS):
        table.now += timedelta(seconds=5)
        tally = requests(table, segments, look)
        unpack.cache_clear()
        _timed(table, tally, costs.cold)
        plan = _timed(table, tally, costs.warm)
        assert plan.status.release is not None
        # The step is kept: what is measured is evidence that grows old, not a release that ends.
        kept = replace(plan.status.release, step_since=table.now)
        table.status = replace(table.status, release=kept)
        # Between two looks a release is visited too, since something moved in the cluster.
        nothing = Tally(since=tally.until, until=tally.until)
        _timed(replace(table, now=table.now + timedelta(seconds=1)), nothing, costs.again)
        costs.update.append(_update(table, tally, kept.evidence))
    assert table.status.release is not None
    return costs._replace(size=len(table.status.release.evidence))


def _timed(table: Table, tally: Tally, seconds: list[float]) -> Plan:
    snapshot = Snapshot(scene=table.scene(), now=table.now, requests=tally, history=tally)
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
    for segments in (1, 4, SEGMENTS, 100):
        costs = measure(segments)
        print(f"{segments} segments, 10 pods, evidence of {costs.size} bytes")
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
