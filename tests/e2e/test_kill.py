"""The controller is killed in every phase of a release: same end, one rollback, no other notice."""

import json
import random
import re
import time

import pytest

from tests.e2e.stage import Stage

WITH_LTI = {"/exam": 60.0, "/submit": 30.0, "/lti/launch": 10.0}


def keys(stage: Stage, headline: str) -> set[str]:
    """The keys under which a headline was sent: each message ends with its own."""
    sent = stage.world.wait_until(lambda: stage.channel.of(headline), 10, f"the news: {headline}")
    told = [json.dumps(message) for message in sent]
    return {found for text in told for found in re.findall(r"key (\S+?:[A-Za-z]+)", text)}


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
    assert len(keys(stage, "was rolled back")) == 1
    assert len(keys(stage, "trying")) == 1


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
    assert len(keys(stage, "was promoted")) == 1
