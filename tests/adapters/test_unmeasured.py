"""Who configured no metric source is told so, whatever is asked."""

import asyncio
from datetime import UTC, datetime, timedelta

from controller.adapters.unmeasured import NOT_CONFIGURED, Unmeasured
from controller.domain.policy import Guard, RequestSource, SlowRequests
from controller.engine.ports import Metrics, Stable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_every_answer_says_what_to_set() -> None:
    metrics: Metrics = Unmeasured()
    stable = Stable(replica_sets=frozenset({"web-1"}), pods={"web-1-aaaaa": NOW})
    pods = frozenset(stable.pods)
    slow = SlowRequests(threshold=timedelta(seconds=1))
    guard = Guard(name="queue", query="a", maximum=1.0)

    async def answers() -> list[object]:
        return [
            await metrics.tally(RequestSource(), "exams", {}, since=NOW, now=NOW),
            await metrics.tally(RequestSource(), "exams", {}, slow=slow, since=NOW, now=NOW),
            await metrics.past(RequestSource(), "exams", stable, span=DAY, now=NOW),
            await metrics.lives("exams", stable, span=DAY, now=NOW),
            await metrics.restarts("exams", pods, NOW),
            await metrics.guard(guard, "exams", pods, pods, NOW),
        ]

    assert asyncio.run(answers()) == [NOT_CONFIGURED] * 6
    assert "prometheus_url" in NOT_CONFIGURED.detail
