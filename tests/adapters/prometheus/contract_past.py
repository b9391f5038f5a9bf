"""What must hold of pasts, lives and guards against a real Prometheus; see `contract`."""

import asyncio
from datetime import timedelta

from controller.adapters.prometheus import PrometheusMetrics
from controller.domain.policy import Guard
from controller.domain.readings import Counts, Lives, Measured, Missing, Past
from controller.engine.ports import Stable
from tests.adapters.prometheus.contract import (
    CLOCK,
    LOOK_SECONDS,
    PATIENCE_SECONDS,
    SOURCE,
    Targets,
    play,
    pod,
)

HOUR = timedelta(hours=1)


def a_past_is_read_and_guards_are_asked(url: str, targets: Targets) -> None:
    """Of two pods that live, one of them restarted; and a guard about each kind of answer."""
    namespace = "contract-past"

    async def story(metrics: PrometheusMetrics) -> None:
        started = CLOCK.now()
        names = ("web-1-aaaaa", "web-1-bbbbb")
        stable = Stable(replica_sets=frozenset({"web-1"}), pods=dict.fromkeys(names, started))
        with pod() as one, pod() as other:
            for name, process in zip(names, (one, other), strict=True):
                targets.add(process.address, namespace=namespace, pod=name)
                process.text = _restarts(namespace, name, 1 if process is other else 0)
            for _ in range(6):
                one.serve("/exam", "200", 10)
                other.serve("/exam", "200", 5)
                other.serve("/exam", "500", 1)
                await other.is_scraped()
            await one.is_scraped()

            async def past() -> dict[str, Counts] | Missing:
                found = await metrics.past(SOURCE, namespace, stable, span=HOUR, now=CLOCK.now())
                if isinstance(found, Missing):
                    return found
                assert isinstance(found, Past)
                assert found.until > found.since
                return {name: segments["/exam"] for name, segments in found.pods.items()}

            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await past()
                while found != {names[0]: Counts(0, 60), names[1]: Counts(6, 36)}:
                    await asyncio.sleep(LOOK_SECONDS)
                    found = await past()
            lives = await metrics.lives(namespace, stable, span=HOUR, now=CLOCK.now())
            assert isinstance(lives, Lives), lives
            assert lives.restarts == {names[0]: 0, names[1]: 1}
            assert all(0 < seconds < PATIENCE_SECONDS * 2 for seconds in lives.seconds.values())
            await _guards(metrics, namespace, frozenset(names[:1]), frozenset(names[1:]))

    play(url, story)


async def _guards(
    metrics: PrometheusMetrics, namespace: str, canary: frozenset[str], stable: frozenset[str]
) -> None:
    async def ask(query: str, **bounds: float) -> Measured | Missing:
        guard = Guard(name="served", query=query, **(bounds or {"maximum": 1.0}))
        return await metrics.guard(guard, namespace, canary, stable, CLOCK.now())

    async def values(query: str, **bounds: float) -> tuple[float, float, float | None]:
        found = await ask(query, **bounds)
        assert isinstance(found, Measured), found
        return found.lowest, found.highest, found.stable

    async def reason(query: str) -> str:
        found = await ask(query)
        assert isinstance(found, Missing), found
        return found.reason

    for quote in "\"'`":
        both = f"sum(http_requests_total{{pod=~{quote}{{{{pods}}}}{quote}}})"
        assert await values(both, max_ratio=2.0) == (60, 60, 36)
    assert await values('http_requests_total{pod=~"{{stablePods}}"}') == (6, 30, None)
    assert await values("-scalar(vector(3))") == (-3, -3, None)
    assert await reason('nothing{pod=~"{{canaryPods}}"}') == "no data"
    assert await reason("vector(0) / vector(0)") == "not finite"
    assert await reason('http_requests_total{pod=~"x{{canaryPods}}"}') == "no data"


def _restarts(namespace: str, name: str, restarts: int) -> str:
    labels = f'namespace="{namespace}",pod="{name}",uid="{name}",container="app"'
    return f"kube_pod_container_status_restarts_total{{{labels}}} {restarts}\n"
