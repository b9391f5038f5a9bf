"""Two replicas, one Lease: whatever befalls the leader, one acts, and a release ends as ever."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from tests.e2e import charted
from tests.e2e.house import AUDIENCE
from tests.e2e.rig.audit import Call
from tests.e2e.rig.proxy import Proxy, Way
from tests.e2e.rig.world import World
from tests.e2e.stage import Controller, Stage

USER: Final = f"system:serviceaccount:{charted.NAME}:{charted.NAME}"
WITH_LTI: Final = {"/exam": 60.0, "/submit": 30.0, "/lti/launch": 10.0}
# How long it takes is measured by tests/bench/takeover.py; this is the patience of a story. A Lease
# that was given back is taken before it could have run out.
AFTER_A_KILL_SECONDS: Final = 15
AFTER_A_STOP_SECONDS: Final = 5
LEASE_SECONDS: Final = 10
STOPPED_SECONDS: Final = 60
REVIEWS: Final = frozenset(
    {"tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectreviews"}
)


@dataclass
class Pair:
    """Two replicas over a stage, each with a way to the API server of its own."""

    stage: Stage
    replicas: list[Controller]
    ways: list[Proxy]
    began: float

    @property
    def holder(self) -> str:
        found = self.stage.world.api.find("Lease", charted.NAME, charted.NAME)
        return str(found["spec"].get("holderIdentity") or "") if found else ""

    def leader(self) -> Controller:
        """Who leads, once somebody does."""

        def found() -> Controller | None:
            holder = self.holder
            leading = (one for one in self.replicas if holder.startswith(f"{one.name}-"))
            return next(leading, None)

        leader = self.stage.world.wait_until(found, 30, "a leader")
        assert leader is not None
        return leader

    def other(self, one: Controller) -> Controller:
        return next(found for found in self.replicas if found is not one)

    def way(self, one: Controller) -> Proxy:
        return self.ways[self.replicas.index(one)]

    def led_by(self, one: Controller, seconds: float, since: float) -> None:
        """Wait until it leads, and say how long that took."""

        def leads() -> bool:
            return self.holder.startswith(f"{one.name}-")

        self.stage.world.wait_until(leads, seconds, f"{one.name} leads")
        print(f"{one.name} leads after {time.time() - since:.1f} s")

    def calls(self) -> list[Call]:
        return self.stage.world.audit.calls(since=self.began, user=USER)


def acts(call: Call) -> bool:
    """A write that only the leader may make: not of the Lease, and not a question."""
    return call.writes and call.resource not in {"leases", *REVIEWS}


def assert_one_actor(pair: Pair) -> None:
    """Each write was sent by whoever held the Lease: in the words of the API server."""
    holder, renewed, actors = "", 0.0, []
    for call in pair.calls():
        if call.resource == "leases" and call.writes and call.code < 300:
            holder, renewed = call.holder, call.at
        elif acts(call):
            assert holder, f"{call.agent} wrote while nobody led: {call}"
            assert f"({holder})" in call.agent, f"{call.agent} wrote while {holder} led: {call}"
            assert call.at - renewed < LEASE_SECONDS, f"after the end of its Lease: {call}"
            actors.append(call.agent)
    assert actors, "the controller has written something"


@pytest.fixture
def pair(stage: Stage) -> Iterator[Pair]:
    """Version v1 runs on ten pods, its Canary is looked after by two replicas."""
    world = stage.world
    world.api.delete("Lease", charted.NAME, charted.NAME)
    ways, replicas = [], []
    for name in ("a", "b"):
        way, account = detour(world, stage.account, name)
        ways.append(way)
        replicas.append(Controller(stage, name, account))
    pair = Pair(stage, replicas, ways, began=time.time())
    stage.world.deploy(stage.namespace, replicas=10)
    stage.world.wait_rolled_out(stage.namespace)
    stage.canary()
    for one in replicas:
        one.start()
    try:
        stage.wait_for(lambda s: s.get("stable"), 30, "stable to be found")
        yield pair
    finally:
        for one in replicas:
            if one.process is not None and one.process.running:
                os.kill(one.process.pid, signal.SIGCONT)
            one.stop()
        for way in ways:
            way.close()


def detour(world: World, account: Path, name: str) -> tuple[Proxy, Path]:
    """The same account, by way of a proxy."""
    config = yaml.safe_load(account.read_text())
    cluster = config["clusters"][0]["cluster"]
    server = urlsplit(cluster["server"])
    assert server.hostname is not None
    assert server.port is not None
    way = Proxy((server.hostname, server.port))
    cluster["server"] = f"https://127.0.0.1:{way.port}"
    path = world.folder / f"{account.stem}-{name}-{way.port}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return way, path


def rolled_back(pair: Pair, between: Callable[[Controller], None]) -> None:
    """The incident, with something that befalls the leader once the canary runs."""
    stage = pair.stage
    with stage.world.traffic(stage.namespace, rate=60, mix=WITH_LTI):
        leader = pair.leader()
        stage.push("v2", "--bug=crash-on-lti")
        stage.wait_for(lambda s: s["phase"] != "Idle", 60, "the release to begin")
        between(leader)
        stage.wait_phase("RolledBack")
    stage.world.wait_rolled_out(stage.namespace)
    assert (stage.image(), stage.ready("v1"), stage.replicas("v2")) == ("v1", 10, 0)
    assert [past["result"] for past in stage.status["history"]] == ["RolledBack"]


def another_release(pair: Pair) -> None:
    """Whoever leads by now has something to do, and so had whoever takes itself for the leader."""
    stage = pair.stage
    with stage.world.traffic(stage.namespace, rate=60):
        stage.push("v3")
        stage.wait_for(lambda s: len(s["history"]) == 2, 120, "the next release")
    assert stage.status["history"][-1]["result"] == "Promoted"


def test_a_leader_that_is_killed_is_followed_by_the_other_one(pair: Pair) -> None:
    def killed(leader: Controller) -> None:
        leader.kill()
        pair.led_by(pair.other(leader), AFTER_A_KILL_SECONDS, time.time())

    rolled_back(pair, killed)
    assert_one_actor(pair)


def test_a_leader_that_is_told_to_stop_hands_over_at_once(pair: Pair) -> None:
    """A good release this time: it is promoted in the end, by another process than began it."""
    stage = pair.stage
    leader = pair.leader()
    with stage.world.traffic(stage.namespace, rate=60):
        stage.push("v2")
        stage.wait_phase("Analysing")
        assert leader.process is not None
        os.kill(leader.process.pid, signal.SIGTERM)
        pair.led_by(pair.other(leader), AFTER_A_STOP_SECONDS, time.time())
        assert "The Lease is given back" in leader.log()
        stage.wait_phase("Promoted", "Baking", seconds=120)
        stage.wait_for(lambda s: s.get("history"), 60, "the end")
    stage.world.wait_rolled_out(stage.namespace)
    assert (stage.image(), stage.ready("v2")) == ("v2", 10)
    assert [past["result"] for past in stage.status["history"]] == ["Promoted"]
    assert_one_actor(pair)


def test_a_leader_that_was_stopped_for_a_minute_does_nothing_when_it_goes_on(pair: Pair) -> None:
    stopped: list[Controller] = []

    def stop(leader: Controller) -> None:
        assert leader.process is not None
        stopped.append(leader)
        os.kill(leader.process.pid, signal.SIGSTOP)
        pair.led_by(pair.other(leader), AFTER_A_KILL_SECONDS, time.time())

    since = time.time()
    rolled_back(pair, stop)
    (leader,) = stopped
    time.sleep(max(0.0, since + STOPPED_SECONDS - time.time()))
    assert leader.process is not None
    os.kill(leader.process.pid, signal.SIGCONT)
    # It looks around, finds another one in its place, and has all the time to do something wrong.
    pair.stage.world.wait_until(lambda: "only watches" in leader.log(), 20, "the former leader")
    another_release(pair)
    assert pair.leader() is pair.other(leader)
    assert_one_actor(pair)


@pytest.mark.parametrize("cut", [Way.REFUSED, Way.SWALLOWED])
def test_a_leader_that_is_cut_off_stops_before_the_other_one_begins(cut: Way, pair: Pair) -> None:
    def cut_off(leader: Controller) -> None:
        pair.way(leader).cut(cut)
        pair.led_by(pair.other(leader), AFTER_A_KILL_SECONDS, time.time())

    rolled_back(pair, cut_off)
    for way in pair.ways:
        way.mend()
    another_release(pair)
    assert_one_actor(pair)


def test_whoever_does_not_lead_serves_people_all_the_same(pair: Pair) -> None:
    """A command that is given to the standby is carried out by the leader."""
    stage, leader = pair.stage, pair.leader()
    standby = pair.other(leader)
    token = operator(stage)
    path = f"{standby.url}/api/v1/canaries/{stage.namespace}/exam"
    headers = {"Authorization": f"Bearer {token}"}
    stage.push("v2")
    stage.wait_phase("Analysing")

    def seen() -> bool:
        answer = httpx.get(path, headers=headers, timeout=5)
        assert answer.is_success, answer.text
        return bool(answer.json()["phase"] == "Analysing")

    stage.world.wait_until(seen, 30, "the standby to show it")
    revision = stage.status["release"]["canary"]["fingerprint"]
    answer = httpx.post(
        f"{path}/rollback",
        headers={**headers, "Idempotency-Key": "standby"},
        json={"revision": revision, "reason": "too slow"},
        timeout=5,
    )
    assert answer.status_code == 202, answer.text
    stage.wait_phase("RolledBack")
    assert_one_actor_but_for_commands(pair, standby)
    assert pair.leader() is leader


def assert_one_actor_but_for_commands(pair: Pair, standby: Controller) -> None:
    """What the standby wrote is the person's command and nothing else."""
    own = [c for c in pair.calls() if f"({standby.name}-" in c.agent and acts(c)]
    assert [(c.verb, c.kind) for c in own] == [("patch", "canaries")]


def operator(stage: Stage) -> str:
    """The token of somebody who may do everything with Canaries here."""
    api, name = stage.world.api, "operator"
    api.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, stage.namespace
    )
    role = "rbac.authorization.k8s.io"
    api.apply(
        {
            "apiVersion": f"{role}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": role, "kind": "ClusterRole", "name": "canary-operator"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": stage.namespace}],
        },
        stage.namespace,
    )
    token: str = api.token(name, stage.namespace, audience=AUDIENCE)
    return token
