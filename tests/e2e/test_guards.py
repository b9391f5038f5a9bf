"""Guards of people's own and stable's past, asked from a real Prometheus."""

from __future__ import annotations

from tests.e2e.stage import Stage
from tests.e2e.test_quality import CALM, LONG_STEP, WITH_LTI, analysis, message, wait_rolled_back

MEMORY = 'max(process_resident_memory_bytes{pod=~"{{canaryPods}}"})'


def test_a_guard_out_of_its_bounds_rolls_back_and_is_named(stage: Stage) -> None:
    guard = {"name": "memory", "query": MEMORY, "max": 50e6, "for": "2s"}
    stage.settle(spec={"steps": [LONG_STEP], "analysis": analysis(guards=[guard])})
    with stage.world.traffic(stage.namespace, rate=40, mix=CALM):
        stage.push("v2", "--bug=bloat")
        reason = wait_rolled_back(stage)
    assert "memory" in reason
    assert "memory" in message(stage, "rolled back")


def test_a_guard_within_its_bounds_lets_the_release_go_on(stage: Stage) -> None:
    ratio = {
        "name": "memory",
        "query": 'avg(process_resident_memory_bytes{pod=~"{{pods}}"})',
        "maxRatio": 1.5,
    }
    steps = [{"canary": 1, "minDuration": "3s", "maxDuration": "5m"}]
    stage.settle(spec={"steps": steps, "analysis": analysis(guards=[ratio])})
    with stage.world.traffic(stage.namespace, rate=60, mix=CALM):
        stage.push("v2")
        status = stage.wait_phase("Holding", "Promoting", "Baking", "Promoted", "RolledBack")
    assert status["phase"] in {"Promoting", "Baking", "Promoted"}, status.get("message")


def test_a_guard_that_cannot_be_evaluated_never_lets_a_release_pass(stage: Stage) -> None:
    guard = {"name": "queue", "query": 'max(exam_queue{pod=~"{{canaryPods}}"})', "max": 10}
    steps = [{"canary": 1, "minDuration": "3s", "maxDuration": "12s"}]
    stage.settle(spec={"steps": steps, "analysis": analysis(guards=[guard])})
    with stage.world.traffic(stage.namespace, rate=60, mix=CALM):
        stage.push("v2")
        status = stage.wait_phase("Holding", "Promoting", "Baking", "Promoted", "RolledBack")
    assert status["phase"] == "Holding", status.get("message")
    assert (status["verdict"], stage.replicas("v2")) == ("Blind", 1)
    assert "queue" in message(stage, "waits for a person")


def test_the_second_release_of_a_single_pod_is_judged_by_its_predecessors_past(
    stage: Stage,
) -> None:
    stage.settle(replicas=1, spec={"steps": [LONG_STEP], "bake": "20s"})
    with stage.world.traffic(stage.namespace, rate=30, mix=WITH_LTI):
        stage.push("v2")
        stage.wait_phase("Promoted", seconds=150)
        stage.push("v3", "--bug=500-everywhere")
        status = stage.wait_phase("RolledBack", seconds=150)
    stage.world.wait_rolled_out(stage.namespace)
    assert (stage.image(), stage.ready("v2")) == ("v2", 1)
    assert [past["result"] for past in status["history"]] == ["Promoted", "RolledBack"]
    assert "stable's history" in status["history"][-1]["reason"]
