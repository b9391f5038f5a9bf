"""The controller is killed in every phase of a release: same end, one rollback, no other notice."""

import random
import time

import pytest

from tests.e2e.stage import Stage

WITH_LTI = {"/exam": 60.0, "/submit": 30.0, "/lti/launch": 10.0}


def keys(stage: Stage) -> list[str]:
    """The key of each message, which its last line carries."""
    found = []
    for text in stage.channel.texts:
        at = text.index(f"{stage.namespace}/exam:")
        found.append(text[at:].split('"')[0].split("`")[0].split(" ")[0])
    return found


@pytest.mark.parametrize("phase", ["Idle", "Seeding", "Analysing", "RollingBack", "RolledBack"])
def test_killed_while(phase: str, stage: Stage) -> None:
    dice = random.Random(f"killed while {phase}")
    stage.settle(replicas=10)
    with stage.world.traffic(stage.namespace, rate=60, mix=WITH_LTI):
        if phase != "Idle":
            stage.push("v2", "--bug=crash-on-lti")
            stage.wait_for(lambda s: s["phase"] == phase or s.get("history"), 90, phase)
        time.sleep(dice.uniform(0, 0.5))
        stage.controller.kill()
        if phase == "Idle":
            stage.push("v2", "--bug=crash-on-lti")
        time.sleep(dice.uniform(0, 2))
        stage.controller.start()
        stage.wait_phase("RolledBack")
    stage.world.wait_rolled_out(stage.namespace)
    assert (stage.image(), stage.ready("v1"), stage.replicas("v2")) == ("v1", 10, 0)
    assert [past["result"] for past in stage.status["history"]] == ["RolledBack"]
    stage.world.wait_until(lambda: stage.channel.of("was rolled back"), 10, "the message")
    told = [m["text"] for m in stage.channel.of("was rolled back")]
    assert len(set(told)) == 1


@pytest.mark.parametrize("phase", ["Promoting", "Baking", "Holding"])
def test_a_promotion_survives_being_killed_while(phase: str, stage: Stage) -> None:
    dice = random.Random(f"promotion, killed while {phase}")
    stage.settle()
    stage.push("v2")
    stage.wait_phase("Analysing")
    stage.command("hold" if phase == "Holding" else "promote-full")
    stage.wait_for(lambda s: s["phase"] == phase or s.get("history"), 60, phase)
    time.sleep(dice.uniform(0, 0.5))
    stage.controller.kill()
    time.sleep(dice.uniform(0, 2))
    stage.controller.start()
    if phase == "Holding":
        stage.command("promote-full")
    stage.wait_phase("Promoted")
    stage.world.wait_rolled_out(stage.namespace)
    assert stage.ready("v2") == 4
    assert [past["result"] for past in stage.status["history"]] == ["Promoted"]
