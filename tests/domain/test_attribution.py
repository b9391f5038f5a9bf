"""Whose doing a death is, and how often each is counted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.attribution import (
    DISRUPTIONS,
    Deaths,
    cause_of,
    counted_deaths,
    counts,
    ended_before,
    matters,
    new_deaths,
)
from controller.domain.policy import COUNTED, DeathCause, Restarts
from controller.domain.records import Container, ContainerRole, Pod, Termination

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DEFAULT = Restarts()


def container(
    name: str = "server", deaths: int = 0, *, down: bool = False, **more: Any
) -> Container:
    """Died so often; down or, like the last time, started again."""
    restarts = deaths - 1 if down else deaths
    facts: dict[str, Any] = {"last_death": death() if deaths else None, **more}
    return Container(name=name, deaths=deaths, restarts=restarts, ready=not down, **facts)


def death(code: int = 1, reason: str = "Error", *, seconds: float = 0) -> Termination:
    """Ended so many seconds after noon."""
    return Termination(exit_code=code, reason=reason, finished_at=NOON + timedelta(seconds=seconds))


def pod(*containers: Container, **more: Any) -> Pod:
    return Pod(
        name="exam-1",
        uid="u1",
        replica_set="rs",
        created_at=NOON - timedelta(hours=1),
        containers=containers or (container(),),
        **more,
    )


def deleted(*containers: Container, disruption: str = "") -> Pod:
    """Told to stop at noon."""
    return pod(*containers, leaving=True, leaving_since=NOON, disruption=disruption)


def seen(one: Pod, restarts: Restarts = DEFAULT) -> tuple[int, dict[DeathCause, int]]:
    deaths = new_deaths(one, {}, restarts)
    return deaths.counted, dict(deaths.spared)


@pytest.mark.parametrize("code", [0, 1, 2, 134, 137, 139, 143, 255])
def test_a_process_that_ends_is_a_crash_whatever_its_exit_code(code: int) -> None:
    assert seen(pod(container(deaths=1, last_death=death(code)))) == (1, {})


@pytest.mark.parametrize("pressure", [(), ("MemoryPressure",), ("NotReady",)])
def test_out_of_memory_counts_whatever_presses_the_node(pressure: tuple[str, ...]) -> None:
    killed = container(deaths=1, last_death=death(137, "OOMKilled"))
    one = pod(killed, pressure=pressure)
    assert cause_of(one, killed, DEFAULT) is DeathCause.OUT_OF_MEMORY
    assert counts(one, killed, DEFAULT)


def test_a_liveness_kill_counts_unless_its_node_is_under_pressure() -> None:
    killed = container(deaths=1, last_death=death(143), unhealthy=True)
    assert cause_of(pod(killed), killed, DEFAULT) is DeathCause.LIVENESS
    assert seen(pod(killed)) == (1, {})
    pressed = pod(killed, pressure=("MemoryPressure",))
    assert seen(pressed) == (0, {DeathCause.NODE_PRESSURE: 1})


def test_a_crash_under_pressure_is_a_crash() -> None:
    assert seen(pod(container(deaths=1), pressure=("MemoryPressure",))) == (1, {})


@pytest.mark.parametrize("reason", ["Unknown", "ContainerStatusUnknown"])
def test_a_process_that_its_node_lost_did_not_crash(reason: str) -> None:
    lost = container(deaths=1, last_death=death(255, reason))
    assert seen(pod(lost)) == (0, {DeathCause.NODE_SHUTDOWN: 1})


@pytest.mark.parametrize(
    ("disruption", "cause"), [("", DeathCause.DELETED), ("Novel", DeathCause.EVICTED)]
)
def test_a_pod_that_has_to_go_says_why_or_was_deleted(disruption: str, cause: DeathCause) -> None:
    assert seen(deleted(container(), disruption=disruption)) == (0, {cause: 1})


@pytest.mark.parametrize(("disruption", "cause"), DISRUPTIONS.items())
def test_every_known_disruption_has_its_cause(disruption: str, cause: DeathCause) -> None:
    counted = cause is DeathCause.CRASH
    expected = (1, {}) if counted else (0, {cause: 1})
    ended = container(deaths=1, down=True, last_death=death(137), unhealthy=True)
    assert seen(pod(ended, leaving=True, disruption=disruption)) == expected


def test_a_storage_limit_of_its_own_is_its_own_doing() -> None:
    ended = container(deaths=1, down=True, last_death=death(137))
    assert seen(pod(ended, leaving=True, disruption="StorageLimit")) == (1, {})


def test_a_pod_that_has_to_go_dies_once_however_much_of_it_is_seen() -> None:
    told = new_deaths(deleted(container()), {}, DEFAULT)
    assert told == Deaths(counted=0, spared={DeathCause.DELETED: 1}, known={"u1/server": 1})
    gone = container(deaths=1, down=True, last_death=death(143, seconds=1))
    assert new_deaths(deleted(gone), told.known, DEFAULT) == Deaths(0, {}, told.known)
    assert new_deaths(deleted(gone), {}, DEFAULT) == told


def test_a_crash_from_before_the_deletion_counts() -> None:
    crashed = container(deaths=1, down=True, last_death=death(seconds=-1))
    assert seen(deleted(crashed)) == (1, {})
    assert seen(deleted(crashed, disruption="EvictionByEvictionAPI")) == (1, {})


def test_what_ends_in_the_second_of_the_deletion_was_told_to() -> None:
    ended = container(deaths=1, down=True, last_death=death(143))
    assert seen(deleted(ended)) == (0, {DeathCause.DELETED: 1})


def test_a_death_without_a_time_in_a_pod_that_leaves_was_told() -> None:
    lost = container(
        deaths=1, down=True, last_death=Termination(exit_code=137, reason="ContainerStatusUnknown")
    )
    assert seen(deleted(lost, disruption="DeletionByPodGC")) == (0, {DeathCause.NODE_SHUTDOWN: 1})


def test_crashes_before_the_last_death_of_a_deleted_pod_still_count() -> None:
    ended = container(deaths=3, down=True, last_death=death(143, seconds=1))
    assert seen(deleted(ended)) == (2, {DeathCause.DELETED: 1})
    runs = container(deaths=2, last_death=death(1, seconds=-60))
    assert seen(deleted(runs)) == (2, {DeathCause.DELETED: 1})


def test_only_the_last_death_has_a_story() -> None:
    killed = container(deaths=3, last_death=death(143), unhealthy=True)
    assert seen(pod(killed, pressure=("PIDPressure",))) == (2, {DeathCause.NODE_PRESSURE: 1})


def test_what_never_ran_cannot_be_told_to_stop() -> None:
    waiting = container(waiting="ContainerCreating")
    assert seen(deleted(waiting)) == (0, {})
    looping = container(
        deaths=2, down=True, waiting="CrashLoopBackOff", last_death=death(seconds=-9)
    )
    assert seen(deleted(looping)) == (2, {})


def test_init_containers_and_sidecars_are_not_the_application() -> None:
    migrate = container("migrate", 2, role=ContainerRole.INIT, last_death=death(137, "OOMKilled"))
    proxy = container("istio-proxy", 1, role=ContainerRole.SIDECAR, unhealthy=True)
    one = pod(container(), migrate, proxy)
    assert seen(one) == (0, {DeathCause.INIT: 2, DeathCause.SIDECAR: 1})
    assert (one.deaths, counted_deaths(one, DEFAULT)) == (0, 0)


def test_a_container_that_the_policy_names_is_looked_at_whatever_it_is_for() -> None:
    named = Restarts(containers=("server", "istio-proxy"))
    proxy = container("istio-proxy", 1, role=ContainerRole.SIDECAR)
    migrate = container("migrate", 1, role=ContainerRole.INIT)
    helper = container("helper", 1)
    assert seen(pod(container(), proxy, migrate, helper), named) == (
        1,
        {DeathCause.INIT: 1, DeathCause.SIDECAR: 1},
    )
    assert matters(proxy, named)
    assert not matters(helper, named)


def test_nothing_beside_the_application_is_told_to_stop() -> None:
    proxy = container("istio-proxy", role=ContainerRole.SIDECAR)
    assert seen(deleted(container(), proxy)) == (0, {DeathCause.DELETED: 1})


def test_what_counts_is_for_the_policy_to_say() -> None:
    counted = Restarts(counted=(*COUNTED, DeathCause.EVICTED, DeathCause.SIDECAR))
    proxy = container("istio-proxy", 1, role=ContainerRole.SIDECAR)
    assert seen(pod(container(), proxy), counted) == (1, {})
    assert seen(deleted(container(), disruption="EvictionByEvictionAPI"), counted) == (1, {})
    lenient = Restarts(counted=(DeathCause.CRASH,))
    killed = container(deaths=1, last_death=death(137, "OOMKilled"))
    assert seen(pod(killed), lenient) == (0, {DeathCause.OUT_OF_MEMORY: 1})


def test_a_restart_that_only_the_metric_source_knows_is_a_crash_and_counts_once() -> None:
    before = new_deaths(pod(container()), {}, DEFAULT, 1)
    assert before == Deaths(counted=1, spared={}, known={"u1": 1})
    assert new_deaths(pod(container()), before.known, DEFAULT, 1) == Deaths(0, {}, before.known)
    away = new_deaths(pod(container()), before.known, DEFAULT)
    assert away == Deaths(counted=0, spared={}, known=before.known)
    later = new_deaths(pod(container(deaths=1)), before.known, DEFAULT, 1)
    assert later == Deaths(counted=0, spared={}, known={"u1/server": 1})
    again = new_deaths(pod(container(deaths=2)), later.known, DEFAULT, 1)
    assert again == Deaths(counted=1, spared={}, known={"u1/server": 2})


def test_the_metric_source_is_not_asked_where_it_counts_something_else() -> None:
    proxy = container("istio-proxy", role=ContainerRole.SIDECAR)
    assert counted_deaths(pod(container(), proxy), DEFAULT, 3) == 0
    assert counted_deaths(pod(container()), Restarts(containers=("server",)), 3) == 0
    assert counted_deaths(deleted(container()), DEFAULT, 3) == 0
    init = container("migrate", 2, role=ContainerRole.INIT)
    assert counted_deaths(pod(container(), init), DEFAULT, 3) == 3


def test_a_count_that_goes_back_is_no_news() -> None:
    known = {"u1/server": 5}
    assert new_deaths(pod(container(deaths=2)), known, DEFAULT) == Deaths(0, {}, known)


def test_a_pod_that_ended_for_good_is_history_to_what_begins_later() -> None:
    ended = pod(container(deaths=1, down=True), leaving=True, disruption="Evicted")
    assert ended_before(ended, NOON + timedelta(seconds=3))
    # Whole seconds, and another clock: pods that end as a release begins are its own.
    assert not ended_before(ended, NOON + timedelta(seconds=1))
    assert ended_before(pod(container(), leaving=True, disruption="OutOfcpu"), NOON)
    # Told to stop before, it may die after: that is no death of what begins later.
    assert ended_before(deleted(container()), NOON + timedelta(hours=1))
    assert not ended_before(deleted(container()), NOON - timedelta(hours=1))
    assert not ended_before(pod(container(deaths=1)), NOON + timedelta(hours=1))


LIVES = st.lists(
    st.tuples(st.sampled_from(["crash", "oom", "live", "sidecar", "init"]), st.booleans()),
    max_size=8,
)


@given(LIVES, st.booleans())
def test_however_the_looks_fall_each_death_is_seen_once(
    lives: list[tuple[str, bool]], leaves: bool
) -> None:
    """Looking after every death, or only now and then, finds as many deaths in all."""
    parts = {
        "app": container(),
        "proxy": container("proxy", role=ContainerRole.SIDECAR),
        "init": container("init", role=ContainerRole.INIT),
    }
    known: dict[str, int] = {}
    total = 0
    for what, look in lives:
        name = {"sidecar": "proxy", "init": "init"}.get(what, "app")
        last = death(137, "OOMKilled") if what == "oom" else death(143)
        was = parts[name]
        parts[name] = replace(
            was,
            deaths=was.deaths + 1,
            restarts=was.restarts + 1,
            last_death=last,
            unhealthy=what == "live",
        )
        if look:
            found = new_deaths(pod(*parts.values()), known, DEFAULT)
            total += found.counted + sum(found.spared.values())
            known = dict(found.known)
    end = deleted(*parts.values()) if leaves else pod(*parts.values())
    found = new_deaths(end, known, DEFAULT)
    total += found.counted + sum(found.spared.values())
    assert total == len(lives) + leaves
