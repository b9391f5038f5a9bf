"""Whatever is found of ConfigMaps and Secrets, and whenever: it changes no decision."""

from dataclasses import replace
from datetime import datetime, timedelta

import hypothesis.strategies as st
from hypothesis import HealthCheck, event, settings
from hypothesis.stateful import rule

from controller.domain.case import Plan
from controller.domain.lifecycle import AT_REST
from controller.domain.mounts import AWAY, DENIED, OFF, Mounted, MountKind, Sighting, Unread
from controller.domain.plan import decide
from controller.domain.snapshot import Snapshot
from controller.domain.status import Notice, Status
from tests.properties.test_plan import Releases

FOUND = st.lists(
    st.builds(
        Mounted,
        kind=st.sampled_from(MountKind),
        name=st.sampled_from("bc"),
        version=st.sampled_from(["", "1", "2"]),
        changed_at=st.none(),
    ),
    max_size=4,
    unique_by=lambda one: one.mount,
)
UNREAD = st.lists(
    st.builds(Unread, kind=st.sampled_from(MountKind), reason=st.sampled_from([AWAY, DENIED, OFF])),
    max_size=2,
)


def without_mounts(status: Status) -> Status:
    """What is left where nobody looks at ConfigMaps and Secrets."""
    release = status.release
    bare = replace(release, drift=(), unread=()) if release else None
    return replace(status, mounts=None, release=bare, outbox=tuple(_bare(n) for n in status.outbox))


def _bare(notice: Notice) -> Notice:
    return replace(notice, facts=tuple(f for f in notice.facts if f[0] != "Not undone"))


class Twins(Releases):
    """Two controllers of one world: one of them sees what is mounted.

    What it sees is of now, unless it is of another template or release (`stray`).
    """

    twin: Status | None = None
    found: tuple[Mounted, ...] = ()
    unread: tuple[Unread, ...] = ()
    stray: str = ""

    @rule(found=FOUND, unread=UNREAD, stray=st.sampled_from(["", "", "B"]))
    def somebody_writes_what_is_mounted(
        self, found: list[Mounted], unread: list[Unread], stray: str
    ) -> None:
        self.found, self.unread, self.stray = tuple(found), tuple(unread), stray
        self._look(1)

    def _decided(self, snapshot: Snapshot) -> Plan:
        plan = super()._decided(snapshot)
        before = self.twin or snapshot.scene.status
        sighted = replace(
            snapshot,
            scene=replace(snapshot.scene, status=before),
            mounts=self._sighting(before, snapshot.now),
        )
        twin = decide(sighted)
        assert (twin.change, twin.look, twin.wake_after) == (
            plan.change,
            plan.look,
            plan.wake_after,
        )
        assert without_mounts(twin.status) == without_mounts(plan.status)
        self.twin = twin.status
        if twin.status.release and twin.status.release.drift:
            event(f"drift while {twin.status.phase.value}")
        return plan

    def _sighting(self, status: Status, now: datetime) -> Sighting:
        release, resting = status.release, status.phase in AT_REST
        stable = status.stable.fingerprint if status.stable else "A"
        pushed = Mounted(
            kind=MountKind.CONFIG_MAP, name="pushed", version="before" if resting else "with it"
        )
        return Sighting(
            fingerprint=self.stray or stable,
            at=now,
            release=release.started_at if release and not resting else None,
            found=tuple(
                replace(one, changed_at=now - timedelta(minutes=3)) for one in (pushed, *self.found)
            ),
            unread=self.unread,
        )


TestTwins = Twins.TestCase
TestTwins.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
