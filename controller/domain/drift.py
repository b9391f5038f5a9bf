"""What of stable's ConfigMaps and Secrets changed since it was promoted; it changes no decision."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from controller.domain.changes import Occurrence
from controller.domain.lifecycle import AT_REST, JUDGED, Phase
from controller.domain.mounts import Baseline, Drift, Mount, Mounted, Sighting, Turn
from controller.domain.status import Release, Result, Status
from controller.domain.wording.mounting import drift_sentence

_FOLLOWED = JUDGED | {Phase.ROLLING_BACK, Phase.ROLLED_BACK}


def with_mounts(status: Status, sighting: Sighting | None) -> Status:
    """The status with what a sighting adds to it.

    Only what was found while no release ran is remembered as what stable was promoted with.
    """
    stable = status.stable
    if sighting is None or stable is None or sighting.fingerprint != stable.fingerprint:
        return status
    release = status.release
    if sighting.release is None:
        calm = status.phase in AT_REST
        return replace(status, mounts=_baseline(status, sighting)) if calm else status
    if release is None or status.phase not in _FOLLOWED or release.started_at != sighting.release:
        return status
    drift, unread = tuple(_drifted(status, sighting)), sighting.unread
    if (release.drift, release.unread) == (drift, unread):
        return status
    return replace(status, release=replace(release, drift=drift, unread=unread))


def drift_news(before: Release | None, after: Release | None) -> Iterator[Occurrence]:
    """An Event for what was not known before; what is said of the end of a release says it too."""
    if after is None or not after.drift:
        return
    known = before.drift if before and before.started_at == after.started_at else ()
    if set(after.drift) - set(known):
        said = f"A rollback does not bring these back: {drift_sentence(after)}"
        yield Occurrence(reason="MountsChanged", message=said)


def baseline_of(status: Status) -> Baseline | None:
    """What stable was promoted with, as far as it was read for this very template."""
    kept, stable = status.mounts, status.stable
    return kept if kept and stable and kept.fingerprint == stable.fingerprint else None


def _baseline(status: Status, sighting: Sighting) -> Baseline:
    """What was read first stays: what is found later may have changed meanwhile."""
    kept = baseline_of(status)
    if kept is None:
        return Baseline(fingerprint=sighting.fingerprint, at=sighting.at, mounts=sighting.found)
    known = {one.mount for one in kept.mounts}
    more = tuple(one for one in sighting.found if one.mount not in known)
    return replace(kept, mounts=(*kept.mounts, *more)) if more else kept


def _drifted(status: Status, sighting: Sighting) -> Iterator[Drift]:
    kept = baseline_of(status)
    known: Mapping[Mount, Mounted] = {one.mount: one for one in kept.mounts} if kept else {}
    since = kept.at if kept else _promoted_at(status)
    for found in sighting.found:
        turn = _turn(known.get(found.mount), found, since)
        if turn is not None:
            yield Drift(kind=found.kind, name=found.name, turn=turn, at=found.changed_at)


def _turn(before: Mounted | None, now: Mounted, since: datetime | None) -> Turn | None:
    """What became of it; where it was not read in time, its own time has to tell."""
    if before is None:
        later = since and now.changed_at and now.changed_at > since
        return Turn.CHANGED if later else None
    if before.version == now.version:
        return None
    if not now.version:
        return Turn.DELETED
    return Turn.CHANGED if before.version else Turn.CREATED


def _promoted_at(status: Status) -> datetime | None:
    """When stable was promoted, as far as the history goes back."""
    assert status.stable is not None
    for past in reversed(status.history):
        same = past.canary.fingerprint == status.stable.fingerprint
        if same and past.result is Result.PROMOTED:
            return past.ended_at
    return None
