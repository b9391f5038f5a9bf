"""S8: every phase that people must know of is told, and twice only under the same key."""

from collections.abc import Iterator, Mapping
from typing import Final

from controller.domain.lifecycle import JUDGED, Phase
from controller.domain.status import Notice, NoticeKind, Status
from controller.simulation.faults.forecast import Fault
from controller.simulation.promises.story import Story
from controller.simulation.trace import Befell, Committed, Told
from controller.simulation.weather import Effect

DELIVERY_SECONDS: Final = 120.0
"""By then a notice has gone out, in calm: twice the longest pause between two attempts."""

NOTICES: Final[Mapping[Phase, NoticeKind]] = {
    Phase.HOLDING: NoticeKind.HOLDING,
    Phase.PROMOTED: NoticeKind.PROMOTED,
    Phase.ROLLED_BACK: NoticeKind.ROLLED_BACK,
    Phase.QUARANTINED: NoticeKind.QUARANTINED,
}
INTERRUPTIONS: Final = frozenset({Phase.SUPERSEDED, Phase.WITHDRAWN})


def told(story: Story) -> Iterator[str]:
    """S8: what was committed is told, and nothing else is."""
    committed: dict[str, list[Notice]] = {}
    due: dict[str, tuple[float, NoticeKind]] = {}
    for moment in story.moments():
        entry = moment.entry
        if isinstance(entry, Committed):
            yield from _enter(moment.status, entry, due)
            for notice in entry.status.outbox:
                known = committed.setdefault(notice.key, [])
                if notice not in known:
                    known.append(notice)
        elif isinstance(entry, Told):
            key = entry.notice.key
            if entry.notice not in committed.get(key, []):
                yield f"at {entry.at:.3f} s {entry.process} told what was not committed: {key}"
            due.pop(key, None)
    for key, notices in committed.items():
        if len(notices) > 1:
            yield f"{len(notices)} different notices have one key: {key}"
    yield from _never_told(story, due)


def _never_told(story: Story, due: dict[str, tuple[float, NoticeKind]]) -> Iterator[str]:
    late = [
        f"{kind.value} at {at:.3f} s was never told: {key}"
        for key, (at, kind) in due.items()
        if story.ended_at - max(at, story.calm_at) >= DELIVERY_SECONDS
    ]
    if len(late) > _refused(story):
        yield from late


def _enter(
    before: Status, entry: Committed, due: dict[str, tuple[float, NoticeKind]]
) -> Iterator[str]:
    """What has to be told of the phase that was entered; it waits in the outbox from then on."""
    kind = _kind(before.phase, entry.status.phase)
    if kind is None:
        return
    fresh = [notice for notice in entry.status.outbox if notice.kind is kind]
    if fresh:
        due[fresh[-1].key] = (entry.at, kind)
    else:
        yield f"at {entry.at:.3f} s {entry.status.phase.value} was entered without a notice"


def _kind(before: Phase, after: Phase) -> NoticeKind | None:
    if before is after:
        return None
    if (before, after) == (Phase.SEEDING, Phase.ANALYSING):
        return NoticeKind.STARTED
    if after in INTERRUPTIONS:
        if before in JUDGED:
            return NoticeKind.INTERRUPTED
        return NoticeKind.ROLLED_BACK if before is Phase.ROLLING_BACK else None
    return NOTICES.get(after)


def _refused(story: Story) -> int:
    """Notices that the other side will never take: they are logged, and lost to people."""
    return sum(
        befell.fault == Fault.REFUSED.value and befell.detail == Effect.SEND.value
        for befell in story.trace.of(Befell)
    )
