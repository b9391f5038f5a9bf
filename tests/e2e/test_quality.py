"""How good the decisions are on real processes, traffic and metrics: each bug ends as it should."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.stage import QUICK, Stage

CALM = {"/exam": 60.0, "/submit": 40.0}
WITH_LTI = {"/exam": 60.0, "/submit": 30.0, "/lti/launch": 10.0}
# As programs end that leave SIGTERM to the kernel: it looks like a crash.
DIES = "--drained-exit-code=143"
LONG_STEP = {"canary": 1, "minDuration": "4m", "maxDuration": "5m"}
Object = dict[str, Any]


def analysis(**more: Any) -> Object:
    return {**QUICK["analysis"], **more}


def wait_rolled_back(stage: Stage, *, seconds: float = 120) -> str:
    """Until stable is back; returns the reason that the Canary keeps."""
    status = stage.wait_phase("RolledBack", seconds=seconds)
    stage.world.wait_rolled_out(stage.namespace)
    assert stage.image() == "v1"
    reason: str = status["history"][-1]["reason"]
    return reason


def message(stage: Stage, headline: str) -> str:
    """All that people were told under this headline."""
    told = stage.world.wait_until(lambda: stage.channel.of(headline), 10, f"the news: {headline}")
    return json.dumps(told, ensure_ascii=False)


def test_500s_on_one_route_are_found_by_an_own_query_whatever_the_pods_label_is_called(
    stage: Stage,
) -> None:
    query = {
        "requests": "http_server_request_duration_seconds_count",
        "status": "http_response_status_code",
        "failed": "5..",
        "segment": "http_route",
    }
    spec = {"steps": [LONG_STEP], "analysis": analysis(requests={"query": query})}
    called = {"prometheus.io/pod-label": "kubernetes_pod_name"}
    stage.settle(spec=spec, replicas=6, annotations=called)
    mix = {"/exam": 66.0, "/submit": 26.0, "/lti/launch": 8.0}
    with stage.world.traffic(stage.namespace, rate=80, mix=mix):
        stage.push("v2", "--bug=500-on-lti")
        reason = wait_rolled_back(stage)
    assert "/lti/launch" in reason


def test_a_fifth_of_slow_requests_is_rolled_back_though_none_of_them_fails(stage: Stage) -> None:
    spec = {"steps": [LONG_STEP], "analysis": analysis(slowRequests={"threshold": "500ms"})}
    stage.settle(spec=spec)
    with stage.world.traffic(stage.namespace, rate=60, mix=CALM) as users:
        stage.push("v2", "--bug=slow", "--bug-rate=0.2", "--slow-seconds=0.6")
        reason = wait_rolled_back(stage)
        # A pod that goes may be asked once more before all users have heard of it.
        assert set().union(*users.counts().by_route.values()) <= {"ok", "refused"}
    assert "slow" in reason.lower()
    assert "slow" in message(stage, "rolled back")


def test_a_version_that_is_as_slow_as_stable_goes_on(stage: Stage) -> None:
    slow = ("--bug=slow", "--bug-rate=0.2", "--slow-seconds=0.6")
    margins = {"threshold": "500ms", "promoteRatio": 3, "promoteDifference": 0.2}
    steps = [{"canary": 1, "minDuration": "3s", "maxDuration": "5m"}]
    stage.settle(args=slow, spec={"steps": steps, "analysis": analysis(slowRequests=margins)})
    with stage.world.traffic(stage.namespace, rate=60, mix=CALM):
        stage.push("v2", *slow)
        status = stage.wait_phase("Promoting", "Baking", "Promoted", "RolledBack", "Holding")
    assert status["phase"] in {"Promoting", "Baking", "Promoted"}, status.get("message")


def test_a_threshold_between_the_bounds_of_the_histogram_is_told_with_the_nearest_ones(
    stage: Stage,
) -> None:
    spec = {"steps": [LONG_STEP], "analysis": analysis(slowRequests={"threshold": "400ms"})}
    stage.settle(spec=spec)
    with stage.world.traffic(stage.namespace, rate=60, mix=CALM):
        stage.push("v2")
        status = stage.wait_for(
            lambda s: "no bucket bound" in json.dumps(s.get("findings", "")), 60, "why it is blind"
        )
    assert (status["phase"], status["verdict"]) == ("Analysing", "Blind")
    assert "250ms and 500ms" in json.dumps(status["findings"])


def test_a_leak_that_ends_in_the_out_of_memory_killer_is_rolled_back(stage: Stage) -> None:
    limits = {"resources": {"limits": {"memory": "48Mi"}}}
    stage.settle(spec={"steps": [LONG_STEP]}, replicas=10, container=limits)
    with stage.world.traffic(stage.namespace, rate=80, mix=CALM):
        stage.push("v2", "--bug=leak")
        wait_rolled_back(stage)
    assert "OOMKilled" in message(stage, "rolled back")


def test_a_drained_node_is_not_held_against_the_canary_that_was_on_it(stage: Stage) -> None:
    steps = [{"canary": 1, "minDuration": "20s", "maxDuration": "5m"}]
    stage.settle(args=[DIES], spec={"steps": steps})
    with stage.world.traffic(stage.namespace, rate=60, mix=CALM):
        stage.push("v2", DIES)
        stage.wait_for(serves, 60, "a canary that is judged")
        evict_canary(stage, times=3)
        stage.world.wait_until(lambda: stage.ready("v2") == 1, 30, "a canary pod")
        node = stage.world.nodes.of(stage.world.pods(stage.namespace, version="v2")[0])
        with stage.world.nodes.cordoned(node):
            stage.world.nodes.evict_all(node, stage.namespace)
            stage.wait_for(lambda s: spared(s) >= 4, 30, "the deaths that are not counted")
            status = stage.wait_phase("Promoted", "RolledBack", "Holding", seconds=150)
    assert status["phase"] == "Promoted", status.get("message")
    assert not stage.events("RollingBack")


def test_evictions_are_held_against_the_canary_where_people_ask_for_it(stage: Stage) -> None:
    counted = analysis(restarts={"counted": ["Crash", "Evicted"]})
    stage.settle(replicas=8, args=[DIES], spec={"steps": [LONG_STEP], "analysis": counted})
    with stage.world.traffic(stage.namespace, rate=60, mix=CALM):
        stage.push("v2", DIES)
        stage.wait_phase("Analysing")
        evict_canary(stage, times=6)
        reason = wait_rolled_back(stage)
    assert "Crashes" in reason


def evict_canary(stage: Stage, *, times: int) -> None:
    """The canary's only pod has to go, and is replaced, again and again while it is on trial."""

    def canary() -> list[Object]:
        pods = stage.world.pods(stage.namespace, version="v2") if stage.ready("v2") else []
        assert pods or stage.status["phase"] != "Analysing"
        return pods

    for _ in range(times):
        if stage.status["phase"] == "Analysing":
            pods = stage.world.wait_until(lambda: [canary()], 30, "a canary pod or the end")[0]
            for pod in pods:
                stage.world.nodes.evict(pod["metadata"]["name"], stage.namespace)


def serves(status: Object) -> bool:
    """Whether the canary's requests are part of the evidence."""
    return status["phase"] == "Analysing" and any(
        finding["metric"] == "error-rate" and finding.get("canary", {}).get("exposure", 0) > 0
        for finding in status.get("findings", [])
    )


def spared(status: Object) -> int:
    """Deaths of canary pods that the Canary lists as evictions and does not count."""
    return sum(
        each.get("canary", 0)
        for finding in status.get("findings", [])
        if finding["metric"] == "restarts"
        for each in finding.get("spared", [])
        if each["cause"] == "Evicted"
    )


def test_a_plain_limit_rolls_back_what_the_comparison_tolerates(stage: Stage) -> None:
    failing = "--error-rate=0.3"
    limits = {"errorRate": 0.1, "minRequests": 50}
    stage.settle(args=[failing], spec={"analysis": analysis(limits=limits)})
    with stage.world.traffic(stage.namespace, rate=60, mix=CALM):
        stage.push("v2", failing)
        wait_rolled_back(stage)
    assert "limit" in message(stage, "rolled back")
