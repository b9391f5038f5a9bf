"""What real processes, real traffic and a real Prometheus lead to."""

import json

from tests.e2e.stage import Stage

CALM = {"/exam": 60.0, "/submit": 40.0}
WITH_LTI = {"/exam": 60.0, "/submit": 30.0, "/lti/launch": 10.0}
SLOW_PROMOTION = {"steps": [{"canary": 1, "minDuration": "4m", "maxDuration": "5m"}]}


def test_a_good_version_goes_through_its_steps_and_is_promoted(stage: Stage) -> None:
    stage.settle()
    strategy = stage.deployment["spec"]["strategy"]
    with stage.world.traffic(stage.namespace, rate=80, mix=CALM) as users:
        stage.push("v2")
        stage.wait_phase("Analysing")
        assert stage.replicas("v2") == 1
        stage.wait_for(lambda s: s["release"].get("step") == 1, 90, "the second step")
        stage.wait_phase("Baking", "Promoted")
        stage.wait_phase("Promoted")
    stage.world.wait_rolled_out(stage.namespace)
    assert stage.ready("v2") == 4
    assert stage.deployment["spec"]["strategy"] == strategy
    assert not stage.deployment["spec"].get("paused")
    assert stage.status["stable"]["images"] == ["exam-server:v2"]
    # A pod that ends may be gone before the last user has heard of it; that is no error of ours.
    seen = users.counts()
    outcomes = set().union(*seen.by_route.values())
    assert outcomes <= {"ok", "refused"}
    assert seen.failed() <= seen.total() * 0.005
    stage.world.wait_until(lambda: stage.channel.of("promoted"), 10, "the Slack message")


def test_a_crash_on_a_rare_route_is_rolled_back_by_undo_and_told_with_its_last_words(
    stage: Stage,
) -> None:
    stage.settle(replicas=10)
    with stage.world.traffic(stage.namespace, rate=60, mix=WITH_LTI):
        stage.push("v2", "--bug=crash-on-lti")
        stage.wait_phase("RolledBack")
    stage.world.wait_rolled_out(stage.namespace)
    assert (stage.image(), stage.ready("v1"), stage.replicas("v2")) == ("v1", 10, 0)
    stage.world.wait_until(lambda: stage.channel.of("rolled back"), 10, "the Slack message")
    told = json.dumps(stage.channel.of("rolled back"), ensure_ascii=False)
    for words in (f"{stage.namespace}/exam", "exam-server:v2", "exam-server:v1", "exit code 1"):
        assert words in told
    assert "LtiLaunchError" in told
    assert "Undo" in told
    history = stage.status["history"]
    assert [past["result"] for past in history] == ["RolledBack"]
    stage.world.wait_until(lambda: stage.events("RolledBack"), 10, "the Event")


def test_500s_on_one_rare_route_are_rolled_back_although_the_whole_hardly_moves(
    stage: Stage,
) -> None:
    mix = {"/exam": 70.0, "/submit": 26.0, "/lti/launch": 4.0}
    stage.settle(spec=SLOW_PROMOTION, replicas=10)
    with stage.world.traffic(stage.namespace, rate=100, mix=mix) as users:
        stage.push("v2", "--bug=500-on-lti")
        stage.wait_phase("RolledBack", seconds=150)
        seen = users.counts()
    assert seen.failed() / seen.total() < 0.005
    assert "/lti/launch" in stage.status["history"][-1]["reason"]


def test_both_revisions_failing_alike_is_not_the_canarys_fault(stage: Stage) -> None:
    stage.settle(args=["--error-rate=0.2"])
    with stage.world.traffic(stage.namespace, rate=80, mix=CALM):
        stage.push("v2", "--error-rate=0.2")
        status = stage.wait_phase("Promoting", "Baking", "Promoted", "RolledBack", "Holding")
    assert status["phase"] in {"Promoting", "Baking", "Promoted"}
    assert not stage.events("RollingBack")


def test_without_traffic_nothing_is_promoted_and_a_person_is_told_what_is_missing(
    stage: Stage,
) -> None:
    steps = [{"canary": 1, "minDuration": "2s", "maxDuration": "6s"}]
    stage.settle(spec={"steps": steps})
    stage.push("v2")
    status = stage.wait_phase("Holding")
    assert "release" in status
    assert stage.replicas("v2") == 1
    stage.world.wait_until(lambda: stage.channel.of("waits for a person"), 10, "the message")
    stage.command("promote-full because the change is a comment")
    stage.wait_phase("Promoted")
    assert stage.ready("v2") == 4


def test_a_killed_prometheus_promotes_nothing_and_crashes_are_still_caught(stage: Stage) -> None:
    stage.settle(replicas=10)
    prometheus = stage.world.prometheus
    prometheus.kill()
    try:
        with stage.world.traffic(stage.namespace, rate=60, mix=CALM) as users:
            stage.push("v2", "--bug=crash-on-lti")
            stage.wait_for(
                lambda s: s.get("phase") == "Analysing" and s.get("verdict") == "Blind", 60, "blind"
            )
            assert stage.replicas("v2") == 1
            users.change(mix=WITH_LTI)
            stage.wait_phase("RolledBack")
    finally:
        prometheus.start()
    assert "Crashes" in stage.status["history"][-1]["reason"]


def test_one_replica_rolls_out_and_is_undone_when_it_crashes(stage: Stage) -> None:
    stage.settle(replicas=1, spec={"bake": "5m"})
    with stage.world.traffic(stage.namespace, rate=20, mix=WITH_LTI):
        stage.push("v2", "--bug=crash-on-lti")
        stage.wait_phase("RolledBack", seconds=120)
    stage.world.wait_rolled_out(stage.namespace)
    assert (stage.image(), stage.ready("v1")) == ("v1", 1)


def test_freeze_under_a_process_that_re_applies_the_bad_manifest_does_not_flap(
    stage: Stage,
) -> None:
    stage.settle(replicas=10, labels={"kustomize.toolkit.fluxcd.io/name": "exam"})
    bad = {"replicas": 10, "version": "v2", "args": ["--bug=crash-on-lti"]}
    bad["labels"] = {"kustomize.toolkit.fluxcd.io/name": "exam"}
    with stage.world.traffic(stage.namespace, rate=60, mix=WITH_LTI):
        stage.world.deploy(stage.namespace, manager="kustomize-controller", **bad)
        stage.wait_phase("RolledBack")
        for _ in range(5):
            stage.world.deploy(stage.namespace, manager="kustomize-controller", **bad)
        generation = stage.deployment["metadata"]["generation"]
        stage.world.wait_until(
            lambda: (stage.ready("v1"), stage.replicas("v2")) == (10, 0), 20, "stable alone"
        )
    assert stage.image() == "v2"
    assert stage.deployment["spec"]["paused"]
    assert stage.deployment["metadata"]["generation"] == generation
    assert stage.status["rejected"][-1]["writer"] == "kustomize-controller"


def test_freeze_after_the_rollout_is_complete_keeps_serving_pods(stage: Stage) -> None:
    flux = {"kustomize.toolkit.fluxcd.io/name": "exam"}
    stage.settle(replicas=6, labels=flux, spec={"bake": "5m"})
    stage.push("v2")
    stage.wait_phase("Analysing")
    stage.command("promote-full")
    stage.wait_phase("Baking")
    assert stage.ready("v2") == 6
    with stage.world.traffic(stage.namespace, rate=50, mix=CALM) as users:
        stage.command("rollback because the answers are wrong")
        stage.wait_phase("RolledBack", seconds=60)
        seen = users.counts()
    stage.world.wait_until(
        lambda: [stage.replicas(v) for v in ("v1", "v2")] == [6, 0], 20, "stable alone"
    )
    assert (stage.image(), stage.deployment["spec"]["paused"]) == ("v2", True)
    assert seen.failed() <= seen.total() * 0.02


def test_a_rejected_template_applied_again_is_quarantined_and_its_writer_named(
    stage: Stage,
) -> None:
    stage.settle()
    stage.push("v2")
    stage.wait_phase("Analysing")
    stage.command("rollback because the exam begins in a minute")
    stage.wait_phase("RolledBack")
    stage.world.deploy(stage.namespace, replicas=4, version="v2", manager="late-pipeline")
    status = stage.wait_phase("Quarantined")
    assert "late-pipeline" in status["message"]
    stage.world.wait_until(
        lambda: (stage.ready("v1"), stage.replicas("v2")) == (4, 0), 20, "stable alone"
    )
    stage.command("retry")
    stage.wait_phase("Analysing")
    stage.world.wait_until(lambda: stage.replicas("v2") == 1, 20, "one canary pod")
