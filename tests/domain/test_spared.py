"""A release whose pods have to go: listed in the finding, and held against nobody."""

from dataclasses import dataclass, field, replace
from typing import Any

from controller.domain.changes import Undo
from controller.domain.findings import Finding, Metric, Spared
from controller.domain.lifecycle import Phase
from controller.domain.policy import COUNTED, DeathCause, Policy, Restarts
from controller.domain.readings import Missing, Reading
from controller.domain.records import Container, ContainerRole, Termination
from controller.domain.snapshot import Scene
from tests.domain.tabletop import POLICY, Table, alone


@dataclass
class Befallen(Table):
    """A table without metrics, and what befalls pods on it: facts by the pods' names."""

    requests: Reading | None = field(default_factory=lambda: Missing("not asked"))
    fates: dict[str, dict[str, Any]] = field(default_factory=dict)

    def scene(self) -> Scene:
        scene = super().scene()
        pods = (replace(pod, **self.fates.get(pod.name, {})) for pod in scene.pods)
        return replace(scene, pods=tuple(pods))

    def app(self, **facts: Any) -> dict[str, Any]:
        """The application's container, which ran until now, or what is said."""
        return {"containers": (Container(name="app", ready=True, **facts),)}

    def told_to_go(self, disruption: str = "") -> dict[str, Any]:
        return {"leaving": True, "leaving_since": self.now, "disruption": disruption}

    def restarts(self) -> Finding:
        (found,) = (f for f in self.status.findings if f.metric is Metric.RESTARTS)
        return found

    def counted(self) -> int:
        release = self.status.release
        assert release is not None
        return int(release.first_crash_at is not None)


def trial(policy: Policy = POLICY) -> Befallen:
    table = Befallen(policy=alone(policy))
    table.looks(3)
    table.apply_template("B")
    table.looks(5)
    return table


def test_an_evicted_canary_is_listed_once_and_no_crash() -> None:
    table = trial()
    table.fates["B-0"] = table.app() | table.told_to_go("EvictionByEvictionAPI")
    table.looks(3)
    assert table.restarts().spared == (Spared(cause="Evicted", canary=1),)
    assert table.counted() == 0
    del table.fates["B-0"]
    table.looks(3)
    assert table.restarts().spared == (Spared(cause="Evicted", canary=1),)
    assert table.status.phase is Phase.ANALYSING


def test_a_drain_takes_pods_of_both_sides() -> None:
    table = trial()
    for name in ("B-0", "A-1", "A-2"):
        table.fates[name] = table.app() | table.told_to_go("EvictionByEvictionAPI")
    table.looks(2)
    assert table.restarts().spared == (Spared(cause="Evicted", canary=1, stable=2),)
    assert table.counted() == 0


def test_stable_pods_that_are_scaled_away_are_not_worth_a_word() -> None:
    table = trial()
    for name in ("A-1", "B-0"):
        table.fates[name] = table.app() | table.told_to_go()
    table.looks(2)
    assert table.restarts().spared == (Spared(cause="Deleted", canary=1),)


def test_a_crash_from_before_the_deletion_is_held_against_the_canary() -> None:
    table = trial()
    told = table.told_to_go()
    before = Termination(exit_code=1, reason="Error", finished_at=table.now.replace(year=2025))
    table.fates["B-0"] = table.app(deaths=1, last_death=before) | told
    table.look()
    assert table.counted() == 1
    assert table.restarts().spared == ()


def test_deaths_beside_the_application_are_listed_and_roll_nothing_back() -> None:
    table = trial()
    for deaths in range(1, 30):
        proxy = Container(
            name="istio-proxy", role=ContainerRole.SIDECAR, deaths=deaths, restarts=deaths
        )
        table.fates["B-0"] = {"containers": (*table.app()["containers"], proxy)}
        table.look()
    assert table.restarts().spared == (Spared(cause="Sidecar", canary=29),)
    assert (table.counted(), table.status.phase) == (0, Phase.ANALYSING)


def test_a_policy_that_counts_them_is_obeyed() -> None:
    counted = Restarts(counted=(*COUNTED, DeathCause.SIDECAR))
    table = trial(replace(POLICY, restarts=counted))
    for deaths in range(1, 30):
        proxy = Container(
            name="istio-proxy", role=ContainerRole.SIDECAR, deaths=deaths, restarts=deaths
        )
        table.fates["B-0"] = {"containers": (*table.app()["containers"], proxy)}
        table.look()
    assert any(isinstance(change, Undo) for change in table.changes)


def test_kills_under_pressure_are_spared_and_crashes_under_pressure_are_not() -> None:
    table = trial()
    pressed: dict[str, Any] = {"pressure": ("MemoryPressure",)}
    killed = Termination(exit_code=143, reason="Error", finished_at=table.now)
    table.fates["B-0"] = pressed | table.app(
        deaths=1, restarts=1, last_death=killed, unhealthy=True
    )
    table.looks(2)
    assert table.restarts().spared == (Spared(cause="NodePressure", canary=1),)
    assert table.counted() == 0
    crashed = Termination(exit_code=1, reason="Error", finished_at=table.now)
    table.fates["B-0"] = pressed | table.app(deaths=2, restarts=2, last_death=crashed)
    table.look()
    assert table.counted() == 1


def test_pods_that_were_evicted_long_ago_are_not_of_this_release() -> None:
    table = Befallen(policy=alone(POLICY))
    ended = Termination(exit_code=137, reason="Error", finished_at=table.now.replace(year=2025))
    gone = {"leaving": True, "disruption": "StorageLimit"}
    for name in ("A-8", "A-9", "B-2"):
        table.fates[name] = gone | table.app(deaths=1, last_death=ended)
    table.looks(3)
    table.apply_template("B")
    table.looks(5)
    table.sets["B"] = 3
    table.looks(3)
    release = table.status.release
    assert release is not None
    assert (release.deaths, release.spared, table.counted()) == ({}, (), 0)


def test_a_pod_of_the_past_is_not_counted_again_when_the_evidence_begins_anew() -> None:
    table = trial()
    table.fates["B-0"] = table.app() | table.told_to_go("EvictionByEvictionAPI")
    table.look()
    release = table.status.release
    assert release is not None
    table.status = replace(table.status, release=replace(release, evidence="not ours"))
    table.look()
    assert table.restarts().spared == (Spared(cause="Evicted", canary=1),)
