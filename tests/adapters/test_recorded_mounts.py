"""Transcripts of decisions, with what is mounted and from before anybody looked at that."""

import json
from dataclasses import replace

from controller.adapters import recorder
from controller.adapters.kube.status_codec import dump_status, load_status
from controller.domain.mounts import Baseline, Mount, Mounted, MountKind, Sighting, Unread
from controller.domain.plan import decide
from controller.domain.snapshot import Snapshot
from controller.engine.journal import Entry
from tests.domain.tabletop import REF, Table, on_trial

CONFIG = Mount(MountKind.CONFIG_MAP, "exam-config")


def found(table: Table, version: str) -> Mounted:
    return Mounted(kind=CONFIG.kind, name=CONFIG.name, version=version, changed_at=table.now)


def drifted() -> Entry:
    """A decision in a release during which a ConfigMap was seen to have changed."""
    table = on_trial()
    release, stable = table.status.release, table.status.stable
    assert release is not None
    assert stable is not None
    before = Baseline(fingerprint=stable.fingerprint, at=table.now, mounts=(found(table, "1"),))
    table.status = replace(table.status, mounts=before)
    sighting = Sighting(
        fingerprint=stable.fingerprint,
        at=table.now,
        release=release.started_at,
        found=(found(table, "2"),),
        unread=(Unread(kind=MountKind.SECRET, reason="off"),),
    )
    snapshot = Snapshot(scene=table.scene(), now=table.now, mounts=sighting)
    plan = decide(snapshot)
    assert plan.status.release is not None
    assert plan.status.release.drift
    return Entry(REF, snapshot, plan, number=1)


def without(value: object, *names: str) -> object:
    """What a version wrote that knew nothing of this."""
    if isinstance(value, dict):
        return {k: without(v, *names) for k, v in value.items() if k not in names}
    return [without(one, *names) for one in value] if isinstance(value, list) else value


def test_a_decision_with_what_is_mounted_is_replayed_as_it_was() -> None:
    entry = drifted()
    again = recorder.load(recorder.dump(entry))
    assert again == entry
    assert decide(again.snapshot) == entry.plan


def test_a_transcript_from_before_is_read_and_decides_the_same() -> None:
    entry = drifted()
    document = without(json.loads(recorder.dump(entry)), "mounts", "drift", "unread")
    opened = recorder.open_recording(json.dumps(document).encode())
    assert opened.ignored == ()
    replayed = decide(opened.entry.snapshot)
    assert (replayed.change, replayed.status.phase) == (
        entry.plan.change,
        entry.plan.status.phase,
    )
    assert replayed.status.mounts is None


def test_the_status_survives_a_restart() -> None:
    status = drifted().plan.status
    assert load_status(json.loads(json.dumps(dump_status(status)))) == status
