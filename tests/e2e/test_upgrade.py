"""Upgrade with a release in progress: it goes on, and what is stored stays readable."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from helm.generate import NAME
from tests.e2e import charted
from tests.e2e.charted import Object
from tests.e2e.rig.world import World
from tests.e2e.stage import GROUP, QUICK, Controller, Stage, install, served

LEASE: Final = ("--lease-namespace", NAME, "--lease-name", NAME)
CRDS: Final = sorted((Path(__file__).parent / "crds").glob("*.yaml"))
PROMOTED_SECONDS: Final = 90


def test_a_release_goes_on_over_an_upgrade(settled: Stage) -> None:
    """As the Deployment rolls: the next replica comes before the one that is told to go."""
    stage = settled
    stage.settle(spec=QUICK)
    stage.push("v2")
    before = stage.wait_phase("Analysing")
    manifests = charted.chart(
        stage.world,
        {"replicas": 3, "controller": {"lookIntervalSeconds": 2}, "podLabels": {"team": "a"}},
    )
    assert charted.apply(stage.world, manifests) == []
    found = stage.world.api.get("Deployment", NAME, NAME)
    assert found["spec"]["replicas"] == 3
    fresh = Controller(stage)
    fresh.start()
    stage.controller.stop()
    stage.controller = fresh
    with stage.world.traffic(stage.namespace, rate=60):
        stage.wait_phase("Promoted", seconds=PROMOTED_SECONDS)
    stage.world.wait_rolled_out(stage.namespace)
    (past,) = stage.status["history"]
    assert (past["result"], past["startedAt"]) == ("Promoted", before["release"]["startedAt"])
    assert (stage.image(), stage.ready("v2")) == ("v2", 4)
    # A namespace of a test before may be on its way out, and is watched, too.
    told = [m for m in stage.channel.of("trying") if stage.namespace in json.dumps(m)]
    assert len(told) == 1


@pytest.mark.parametrize("older", CRDS, ids=lambda path: path.stem)
def test_what_is_stored_stays_readable_when_the_resource_is_upgraded(
    own_world: World, place: str, older: Path
) -> None:
    world = own_world
    for manifest in yaml.safe_load_all(older.read_text()):
        world.api.apply(manifest, manager="kubectl")
    world.wait_until(lambda: served(world), 30, "the older resource to be served")
    world.api.apply(stored(), place, manager="kubectl")
    world.api.patch("Canary", "exam", {"status": STORED}, place, subresource="status")
    known = world.api.get("Canary", "exam", place)
    account = install(world)
    wait_established(world)
    now = world.api.get("Canary", "exam", place)
    assert missing(known["spec"], now["spec"]) == []
    assert now["status"] == known["status"]
    # It can be written as it was, and is taken up by the controller where it was left.
    world.api.apply(stored(), place, manager="kubectl")
    stage = Stage(world, account, place, settings=LEASE)
    world.deploy(place, replicas=4)
    world.wait_rolled_out(place)
    stage.controller.start()
    status = stage.wait_for(lambda s: s["phase"] != "Analysing", 60, "the end of the old release")
    stage.controller.stop()
    assert status["history"][: len(STORED["history"])] == STORED["history"]


STORED: Final[Object] = {
    "phase": "Analysing",
    "since": "2026-01-02T03:04:05Z",
    "message": "exam: trying revision 2 (exam-server:v0) on 1 of 4 pods",
    "stable": {"fingerprint": "a" * 20, "number": 1, "images": ["exam-server:older"]},
    "release": {
        "canary": {"fingerprint": "b" * 20, "number": 2, "images": ["exam-server:v0"]},
        "startedAt": "2026-01-02T03:04:05Z",
        "stepSince": "2026-01-02T03:04:06Z",
        "deaths": {"0c2d/server": 1},
    },
    "history": [
        {
            "canary": {"fingerprint": "c" * 20, "number": 1},
            "startedAt": "2026-01-01T00:00:00Z",
            "endedAt": "2026-01-01T00:10:00Z",
            "result": "Promoted",
            "reason": "no difference that matters",
        }
    ],
}


def stored() -> Object:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": "exam"},
        "spec": {
            "targetRef": {"name": "exam"},
            "steps": [{"canary": 1, "minDuration": "3s"}, {"canary": "50%", "minDuration": "3s"}],
            "bake": "5s",
        },
    }


def missing(before: Any, now: Any, path: str = "spec") -> list[str]:
    """What was there and is there no more, or is something else; what was added is no loss."""
    if isinstance(before, dict):
        return [
            lost
            for name, value in before.items()
            for lost in missing(value, now.get(name), f"{path}.{name}")
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [lost for i, (a, b) in pairs for lost in missing(a, b, f"{path}[{i}]")]
    return [] if before == now else [f"{path}: {before!r} is {now!r}"]


def wait_established(world: World) -> None:
    def holds(found: Object) -> bool:
        conditions = {c["type"]: c["status"] for c in found["status"]["conditions"]}
        return conditions.get("Established") == "True" and conditions.get(
            "NonStructuralSchema"
        ) in {
            None,
            "False",
        }

    name = f"canaries.{GROUP}"
    world.api.wait_for("CustomResourceDefinition", name, holds, seconds=30, what=name)
