"""Uninstall with a release in progress: what would stay paused is named, and no more than that."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from helm.generate import NAME
from tests.e2e import charted
from tests.e2e.charted import Object
from tests.e2e.rig.processes import REPOSITORY
from tests.e2e.rig.world import World
from tests.e2e.stage import GROUP, Stage

LABEL, MARK = f"{GROUP}/canary", f"{GROUP}/gate"
# The tools that the words name, as a person has them.
BIN: Final = Path(sys.executable).parent
LEFT, NOTHING = 13, 0
SLOW: Final[Object] = {
    "steps": [{"canary": 1, "minDuration": "1h", "maxDuration": "2h"}],
    "analysis": {"requests": {"disabled": True}},
    "bake": "3s",
}
TOLD_SECONDS: Final = 90


def check(world: World, namespace: str, code: int | None = None) -> Object:
    """What `uninstall-check` says of a namespace."""
    argv = [sys.executable, "-m", "controller", "uninstall-check", "-n", namespace, "-o", "json"]
    argv += ["--kubeconfig", str(world.kubeconfig)]
    done = subprocess.run(
        argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == (done.returncode if code is None else code), done.stderr + done.stdout
    said: Object = json.loads(done.stdout)
    return said


def follow(item: Object, when: str, to: str) -> None:
    """Do what it says, word for word."""
    ways = {way["to"]: way["commands"] for way in item["finish"][when]}
    (chosen,) = [name for name in ways if name.startswith(to)]
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    for command in ways[chosen]:
        done = subprocess.run(
            ["bash", "-c", command],
            env=environment,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TOLD_SECONDS,
            check=False,
        )
        # How a release ended is an exit code, too.
        assert done.returncode in {0, 12}, f"{command}\n{done.stdout}{done.stderr}"


def paused(world: World, namespace: str) -> set[str]:
    found = world.api.list("Deployment", namespace)
    return {one["metadata"]["name"] for one in found if one["spec"].get("paused")}


def traces(world: World, namespace: str) -> set[str]:
    """The Deployments that still carry something of ours."""
    return {
        one["metadata"]["name"]
        for one in world.api.list("Deployment", namespace)
        if LABEL in one["metadata"].get("labels", {})
        or MARK in one["metadata"].get("annotations", {})
    }


def on_trial(stage: Stage, **spec: Any) -> None:
    """A release that stays where it is, and another Deployment at rest."""
    stage.settle(spec={**SLOW, **spec})
    bystander(stage)
    stage.push("v2")
    stage.wait_phase("Analysing")


def bystander(stage: Stage) -> None:
    world, name = stage.world, "other"
    world.deploy(stage.namespace, name, replicas=2)
    world.wait_rolled_out(stage.namespace, name)
    other = copy.deepcopy(stage.manifest(**SLOW))
    other["metadata"]["name"] = other["spec"]["targetRef"]["name"] = name
    world.api.apply(other, stage.namespace)
    world.api.wait_for(
        "Deployment", name, lambda d: LABEL in d["metadata"]["labels"], stage.namespace
    )


def lefts(said: Object) -> dict[str, str]:
    return {item["deployment"]: item["left"] for item in said["items"]}


@pytest.mark.parametrize(("to", "version"), [("keep", "v2"), ("go back", "v1")])
def test_who_follows_the_words_before_uninstalling_leaves_nothing(
    settled: Stage, to: str, version: str
) -> None:
    stage, world = settled, settled.world
    on_trial(stage)
    said = check(world, stage.namespace, LEFT)
    assert lefts(said) == {"exam": "Held", "other": "Marked"}
    for item in said["items"]:
        first = to if item["left"] == "Held" else "take the label off"
        follow(item, "whileTheControllerRuns", first)
    world.wait_until(lambda: not traces(world, stage.namespace), 30, "our label to be gone")
    check(world, stage.namespace, NOTHING)
    stage.controller.stop()
    charted.uninstall(world, charted.chart(world))
    world.wait_rolled_out(stage.namespace)
    assert (paused(world, stage.namespace), stage.image()) == (set(), version)
    check(world, stage.namespace, NOTHING)


def test_who_follows_the_words_for_a_frozen_rejected_template_leaves_nothing(
    settled: Stage,
) -> None:
    stage, world = settled, settled.world
    on_trial(stage, rollback={"strategy": "Freeze"})
    stage.command("rollback")
    stage.wait_phase("RolledBack")
    (item, _) = check(world, stage.namespace, LEFT)["items"]
    assert (item["left"], item["paused"]) == ("Held", True)
    follow(item, "whileTheControllerRuns", "go back")
    world.wait_until(
        lambda: traces(world, stage.namespace) == {"other"}, 30, "our label to be gone"
    )
    assert (paused(world, stage.namespace), stage.image()) == (set(), "v1")
    assert stage.replicas("v2") == 0


@pytest.mark.parametrize(("to", "version"), [("roll out", "v2"), ("go back", "v1")])
def test_what_stays_paused_after_uninstalling_in_spite_of_it_was_named(
    settled: Stage, to: str, version: str
) -> None:
    stage, world = settled, settled.world
    on_trial(stage)
    named = {i["deployment"] for i in check(world, stage.namespace, LEFT)["items"] if i["paused"]}
    stage.controller.stop()
    charted.uninstall(world, charted.chart(world))
    assert world.api.find("Deployment", NAME, NAME) is None
    assert world.api.get("Canary", "exam", stage.namespace), "the resource and all Canaries stay"
    assert paused(world, stage.namespace) == named == {"exam"}
    # Without its policy nothing is held any more, whatever label it has.
    world.wait_until(lambda: goes_through(stage), 60, "the gate to let everything through")
    world.wait_rolled_out(stage.namespace, "other")
    assert paused(world, stage.namespace) == named
    said = check(world, stage.namespace, LEFT)
    assert lefts(said) == {"exam": "Held", "other": "Marked"}
    for item in said["items"]:
        follow(item, "whenTheControllerIsGone", to if item["paused"] else "take our marks off")
    world.wait_rolled_out(stage.namespace)
    assert (paused(world, stage.namespace), traces(world, stage.namespace)) == (set(), set())
    assert (stage.image(), stage.ready(version)) == (version, 4)
    check(world, stage.namespace, NOTHING)


def goes_through(stage: Stage) -> bool:
    """Whether a changed template of a labelled Deployment is let through."""
    world, namespace = stage.world, stage.namespace
    turn = len(world.api.list("ReplicaSet", namespace, labels="app=other"))
    world.release(namespace, "other", version=f"v{turn + 1}")
    found = world.api.get("Deployment", "other", namespace)
    if not found["spec"].get("paused"):
        return True
    # Still held: as it was before, for the next look.
    body = {"spec": {"paused": False}, "metadata": {"annotations": {MARK: None}}}
    world.api.patch("Deployment", "other", body, namespace)
    return False
