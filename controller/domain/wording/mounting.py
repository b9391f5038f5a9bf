"""What people are told of ConfigMaps and Secrets that a rollback does not bring back."""

from datetime import datetime, timedelta
from typing import Final

from controller.domain.lifecycle import JUDGED, Phase
from controller.domain.mounts import DENIED, OFF, Drift, MountKind, Turn, Unread
from controller.domain.status import Release, Status
from controller.domain.wording.figures import duration

SHOWN_MAX: Final = 5
# Clocks of two machines, and the order of two writes of one push.
AT_ONCE: Final = timedelta(seconds=2)
_DAYS: Final = timedelta(days=2)

# What a rollback would miss most comes first.
_ORDER: Final = (Turn.DELETED, Turn.CHANGED, Turn.CREATED)
_VALUES: Final = {
    MountKind.CONFIG_MAP: "config.configMaps",
    MountKind.SECRET: "config.secrets",
}


def drift_sentence(release: Release) -> str:
    """What changed and when, the gravest first; empty where nothing did."""
    drift = sorted(release.drift, key=lambda one: (_ORDER.index(one.turn), one.mount))
    said = [_one(one, release.started_at) for one in drift[:SHOWN_MAX]]
    more = [f"{len(drift) - SHOWN_MAX} more"] if len(drift) > SHOWN_MAX else []
    return ", ".join([*said, *more])


def unread_sentence(unread: Unread) -> str:
    """Why a kind was not looked at, and what to do for it."""
    match unread.reason:
        case reason if reason in {OFF, DENIED}:
            why = f"{unread.reason} (chart value {_VALUES[unread.kind]})"
        case _:
            why = f"{unread.reason}, {unread.detail}" if unread.detail else unread.reason
    return f"{unread.kind.value}s were not looked at: {why}"


def left_words(release: Release, *, ended: bool) -> str:
    """What a rollback leaves as it is; empty where it leaves nothing.

    What should have been looked at and was not is told at the end, when it matters.
    """
    said = drift_sentence(release)
    unread = [u for u in release.unread if release.drift or (ended and u.wanted)]
    why = [unread_sentence(one) for one in unread]
    told = [f"{said}: a rollback does not bring that back"] if said else []
    return ". ".join((*told, *why))


def left_of(status: Status) -> str:
    """The same of a release that may still be rolled back, or just was."""
    release, back = status.release, status.phase is Phase.ROLLED_BACK
    if release is None or not (back or status.phase in JUDGED | {Phase.ROLLING_BACK}):
        return ""
    return left_words(release, ended=back)


def left_over(release: Release) -> str:
    """The end of a sentence about a rollback; empty where it brings back all that changed."""
    said = drift_sentence(release)
    return f". Not undone by that: {said}" if said else ""


def _one(drift: Drift, started_at: datetime) -> str:
    return f"{drift.mount} ({drift.turn.value.lower()} {_when(drift, started_at)})"


def _when(drift: Drift, started_at: datetime) -> str:
    if drift.at is None:
        return "since stable was promoted"
    before = started_at - drift.at
    if abs(before) <= AT_ONCE:
        return "with the release"
    if before > timedelta(0):
        return f"{_span(before)} before the release"
    return f"{_span(-before)} after the release began"


def _span(span: timedelta) -> str:
    if span >= _DAYS:
        return f"{span.days} days"
    seconds = round(span.total_seconds())
    return f"{seconds} s" if seconds < 60 else duration(timedelta(seconds=seconds))
