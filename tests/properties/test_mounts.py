"""Whatever is found of ConfigMaps and Secrets, and whenever: it changes no decision."""

from dataclasses import replace
from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import rule

from controller.domain.case import Plan
from controller.domain.mounts import AWAY, DENIED, OFF, Mounted, MountKind, Sighting, Unread
from controller.domain.plan import decide
from controller.domain.snapshot import Snapshot
from controller.domain.status import Notice, Status
from tests.properties.test_plan import TEMPLATES, Releases, TestReleases

FOUND = st.lists(
    st.builds(
        Mounted,
        kind=st.sampled_from(MountKind),
        name=st.sampled_from("ab"),
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
    """Two controllers of one world: one of them sees what is mounted."""

    twin: Status | None = None
    sighting: Sighting | None = None

    @rule(fingerprint=TEMPLATES, running=st.booleans(), found=FOUND, unread=UNREAD)
    def somebody_looks_at_what_is_mounted(
        self, fingerprint: str, running: bool, found: list[Mounted], unread: list[Unread]
    ) -> None:
        release = self.desk.status.release
        now = self.desk.now
        self.sighting = Sighting(
            fingerprint=fingerprint,
            at=now,
            release=release.started_at if release and running else None,
            found=tuple(
                replace(one, changed_at=now - timedelta(minutes=len(found))) for one in found
            ),
            unread=tuple(unread),
        )
        self._look(1)

    def _decided(self, snapshot: Snapshot) -> Plan:
        plan = super()._decided(snapshot)
        scene = replace(snapshot.scene, status=self.twin or snapshot.scene.status)
        twin = decide(replace(snapshot, scene=scene, mounts=self.sighting))
        assert (twin.change, twin.look, twin.wake_after) == (
            plan.change,
            plan.look,
            plan.wake_after,
        )
        assert without_mounts(twin.status) == without_mounts(plan.status)
        self.twin = twin.status
        return plan


TestTwins = Twins.TestCase
TestTwins.settings = settings(TestReleases.settings)
del TestReleases
