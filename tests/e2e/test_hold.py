"""How a rolling update is held: the gate, catch, other shapes of Deployment, people's hands."""

import time

from tests.e2e.stage import GROUP, Stage

CALM = {"/exam": 80.0, "/submit": 20.0}


def held(stage: Stage) -> bool:
    return bool(stage.deployment["spec"].get("paused"))


def test_the_gate_leaves_no_canary_pod_before_the_first_seed(stage: Stage) -> None:
    stage.settle()
    stage.controller.kill()
    stage.push("v2")
    time.sleep(3)
    assert held(stage)
    assert f"{GROUP}/gate" in stage.deployment["metadata"]["annotations"]
    assert stage.world.pods(stage.namespace, version="v2") == []
    assert stage.ready("v1") == 4
    stage.controller.start()
    status = stage.wait_phase("Analysing")
    assert status["gate"] == "Policy"
    assert stage.replicas("v2") == 1


def test_catch_on_a_server_without_the_policy_ends_in_the_same_hold(old_stage: Stage) -> None:
    old_stage.settle()
    old_stage.push("v2")
    status = old_stage.wait_phase("Analysing")
    old_stage.world.wait_until(
        lambda: (old_stage.replicas("v1"), old_stage.replicas("v2")) == (4, 1), 20, "one canary pod"
    )
    assert held(old_stage)
    assert status["gate"] == "Catch"


def test_re_applying_the_same_manifest_does_not_lift_the_hold(stage: Stage) -> None:
    stage.settle()
    stage.push("v2")
    stage.wait_phase("Analysing")
    for _ in range(3):
        stage.world.deploy(stage.namespace, replicas=4, version="v2", manager="gitops")
    time.sleep(2)
    assert held(stage)
    assert stage.replicas("v2") == 1


def test_a_persons_pause_is_respected(stage: Stage) -> None:
    stage.settle()
    stage.world.api.patch("Deployment", "exam", {"spec": {"paused": True}}, stage.namespace)
    stage.wait_phase("PausedByUser")
    stage.push("v2")
    time.sleep(3)
    assert stage.world.pods(stage.namespace, version="v2") == []
    assert f"{GROUP}/gate" not in stage.deployment["metadata"].get("annotations", {})
    stage.world.api.patch("Deployment", "exam", {"spec": {"paused": False}}, stage.namespace)
    stage.wait_phase("Analysing")


def test_a_third_revision_supersedes_the_canary_and_stable_stays(stage: Stage) -> None:
    stage.settle()
    stage.push("v2")
    stage.wait_phase("Analysing")
    stage.push("v3")
    stage.wait_for(
        lambda s: (
            s["phase"] == "Analysing" and s["release"]["canary"]["images"] == ["exam-server:v3"]
        ),
        60,
        "v3 on trial",
    )
    stage.world.wait_until(
        lambda: [stage.replicas(v) for v in ("v1", "v2", "v3")] == [4, 0, 1], 20, "v2 without pods"
    )
    status = stage.status
    assert status["stable"]["images"] == ["exam-server:v1"]
    assert status["history"][-1]["result"] == "Superseded"


def test_no_surge_takes_the_canary_from_stables_pods(stage: Stage) -> None:
    strategy = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}, "type": "RollingUpdate"}
    stage.settle(strategy=strategy)
    stage.push("v2")
    stage.wait_phase("Analysing")
    stage.world.wait_until(
        lambda: (stage.replicas("v1"), stage.replicas("v2")) == (3, 1), 20, "3 stable, 1 canary"
    )


def test_a_change_of_n_in_the_middle_is_followed(stage: Stage) -> None:
    stage.settle()
    stage.push("v2")
    stage.wait_phase("Analysing")
    for replicas, surge in ((8, 2), (6, 2)):
        stage.world.api.patch(
            "Deployment", "exam", {"spec": {"replicas": replicas}}, stage.namespace
        )
        wanted = (replicas + surge - 1, 1)
        stage.world.wait_until(
            lambda wanted=wanted: (stage.replicas("v1"), stage.replicas("v2")) == wanted,
            30,
            f"{wanted} pods",
        )
    assert stage.status["phase"] == "Analysing"


def test_a_deleted_canary_lets_go_and_says_how_to_finish(stage: Stage) -> None:
    stage.settle()
    stage.push("v2")
    stage.wait_phase("Analysing")
    stage.world.api.delete("Canary", "exam", stage.namespace)
    stage.wait_deployment(lambda d: f"{GROUP}/canary" not in d["metadata"]["labels"], 20, "let go")
    assert held(stage)
    event = stage.world.wait_until(lambda: stage.events("LetGo"), 10, "an Event")[0]
    assert "rollout resume deployment/exam" in event["message"]


def test_a_template_that_returns_to_stables_withdraws_the_release(stage: Stage) -> None:
    stage.settle()
    stage.push("v2")
    stage.wait_phase("Analysing")
    stage.push("v1")
    # The status is written before the world is changed: the release of the hold comes after it.
    stage.wait_phase("Withdrawn")
    stage.wait_deployment(lambda d: not d["spec"].get("paused"), 20, "the hold's end")
    stage.world.wait_rolled_out(stage.namespace)
    assert stage.replicas("v2") == 0
