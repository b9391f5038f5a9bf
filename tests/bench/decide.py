"""What one decision costs: evidence of 20 segments from 10 pods moved on, and a verdict asked."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Final

from controller.domain.plan import decide
from controller.domain.readings import Counts, Tally
from controller.domain.snapshot import Snapshot
from tests.bench._figures import row
from tests.domain.tabletop import Table, on_trial

SEGMENTS: Final = 20
LOOKS: Final = 600
BUDGET_MILLISECONDS: Final = 1.0


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


def measure(segments: int) -> tuple[list[float], int]:
    """Seconds of each decision over a long step, and the size of the stored evidence in bytes."""
    table = on_trial()
    # The evidence begins anew, with a history of all routes.
    assert table.status.release is not None
    table.status = replace(table.status, release=replace(table.status.release, evidence=""))
    seconds: list[float] = []
    for look in range(LOOKS):
        table.now += timedelta(seconds=5)
        snapshot = Snapshot(
            scene=table.scene(),
            now=table.now,
            requests=requests(table, segments, look),
            history=requests(table, segments, look),
        )
        begun = time.perf_counter()
        plan = decide(snapshot)
        seconds.append(time.perf_counter() - begun)
        # The step is kept: what is measured is evidence that grows old, not a release that ends.
        assert plan.status.release is not None
        kept = replace(plan.status.release, step_since=table.now)
        table.status = replace(table.status, release=kept)
    assert table.status.release is not None
    return seconds, len(table.status.release.evidence)


def main() -> None:
    for segments in (1, SEGMENTS, 100):
        seconds, size = measure(segments)
        print(row(f"decide, {segments} segments, 10 pods", seconds), f"evidence {size} bytes")
    print(f"budget at {SEGMENTS} segments: {BUDGET_MILLISECONDS:g} ms")


if __name__ == "__main__":
    main()
