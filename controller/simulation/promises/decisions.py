"""S1, S4, S5 and S6: what is decided, in what order, and how often."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from controller.domain.findings import Outcome
from controller.domain.lifecycle import JUDGED, TRANSITIONS, Phase
from controller.domain.policy import Mode
from controller.domain.status import Past, Release, Revision, Status
from controller.simulation.promises.story import Deed, Story, pods_of
from controller.simulation.trace import Committed, Shown

MOVES: Final = frozenset((before, after) for (before, _), after in TRANSITIONS.items())
ROLLED_BACK: Final = "rolled back"
PROMOTED: Final = "promoted"


def once_worse_it_never_rises(story: Story) -> Iterator[str]:
    """S1: after a WORSE verdict no hand of ours gives that revision another pod."""
    if story.scenario.policy.mode is Mode.OBSERVE:
        return
    convicted: Release | None = None
    since = 0.0
    for moment in story.moments():
        entry, before = moment.entry, moment.shown
        if isinstance(entry, Committed):
            release = entry.status.release
            if convicted is not None and not _same(convicted, release):
                convicted = None
            if entry.status.verdict == Outcome.WORSE.value and convicted is None:
                convicted, since = release, entry.at
        elif isinstance(entry, Shown) and moment.ours and before is not None:
            if convicted is None or entry.workload != story.target:
                continue
            deed = Deed(before=before, after=entry, status=moment.status)
            for wrong in _raised(deed, convicted.canary.fingerprint):
                yield f"at {entry.at:.3f} s {entry.by} {wrong}, judged worse at {since:.3f} s"


def _raised(deed: Deed, fingerprint: str) -> Iterator[str]:
    before, after = pods_of(deed.before, fingerprint), pods_of(deed.after, fingerprint)
    if after > before:
        yield f"raised {fingerprint} from {before} to {after} pods"
    if deed.after.template == fingerprint and (deed.lifts_the_pause or deed.writes_a_template):
        yield f"let {fingerprint} roll out"


def the_path_is_in_the_table(story: Story) -> Iterator[str]:
    """S4: from one phase to the next only as the table says."""
    for before, entry in story.commits():
        move = (before.phase, entry.status.phase)
        if move[0] is not move[1] and move not in MOVES:
            yield f"at {entry.at:.3f} s {entry.process} went from {move[0]} to {move[1]}"


def decided_once(story: Story) -> Iterator[str]:
    """S5: a release is promoted once, rolled back once, and ends once, however often we die."""
    ends: Counter[str] = Counter()
    for before, entry in story.commits():
        ends.update(_named(p.canary, p.started_at) for p in _new(before, entry.status))
    for release, count in ends.items():
        if count > 1:
            yield f"{release} ended {count} times"
    for (what, release), count in _decisive(story).items():
        if count > 1 + _undone_by_people(story, what):
            yield f"{release} was {what} {count} times"


def _decisive(story: Story) -> Counter[tuple[str, str]]:
    """How often each release was promoted and rolled back: what made a difference."""
    deeds: Counter[tuple[str, str]] = Counter()
    for deed in story.deeds():
        release = deed.status.release
        if release is None or deed.status.phase not in JUDGED | {Phase.ROLLING_BACK}:
            continue
        name = _named(release.canary, release.started_at)
        if deed.writes_a_template:
            deeds[ROLLED_BACK, name] += 1
        elif deed.promotes:
            deeds[PROMOTED, name] += 1
    return deeds


def _named(canary: Revision, started_at: datetime) -> str:
    return f"the release of {canary.fingerprint} from {started_at:%H:%M:%S.%f}"


def _new(before: Status, after: Status) -> list[Past]:
    return [past for past in after.history if past not in before.history]


def _undone_by_people(story: Story, what: str) -> int:
    """How often somebody took back what was done: each of them may be answered once."""
    count = 0
    ours = story.processes
    before: Shown | None = None
    for shown in story.trace.of(Shown):
        if before is not None and shown.by not in ours:
            again = before.template != shown.template
            count += again if what == ROLLED_BACK else (shown.paused and not before.paused)
        before = shown
    return count


def a_new_template_starts_over(story: Story) -> Iterator[str]:
    """S6: evidence of one template is never another's, and our own rollback is no release."""
    yield from _own_template_tried(story)
    for before, entry in story.commits():
        status = entry.status
        release = status.release
        if release is None or status.phase not in JUDGED:
            continue
        tried = release.canary.fingerprint
        if status.stable is not None and tried == status.stable.fingerprint:
            yield f"at {entry.at:.3f} s {entry.process} took the stable {tried} for a canary"
        if _same(release, before.release):
            continue
        if release.step or release.deaths or release.approved:
            yield f"at {entry.at:.3f} s the release of {tried} began with another's evidence"
        if before.phase in JUDGED:
            yield f"at {entry.at:.3f} s the release of {tried} began in the middle of another"
    for deed in story.deeds():
        release = deed.status.release
        if deed.promotes and release is not None and deed.status.phase in JUDGED:
            tried = release.canary.fingerprint
            if deed.after.template != tried:
                yield (
                    f"at {deed.at:.3f} s {deed.after.by} let {deed.after.template} roll out, but "
                    f"{tried} was tried"
                )


def _own_template_tried(story: Story) -> Iterator[str]:
    """A release of the very template that we wrote last, and nobody after us."""
    own = ""
    for moment in story.moments():
        entry, before = moment.entry, moment.shown
        if isinstance(entry, Shown) and before is not None and entry.workload == story.target:
            if before.template != entry.template:
                own = entry.template if moment.ours else ""
        elif isinstance(entry, Committed) and own:
            release, begun = entry.status.release, moment.status.phase not in JUDGED
            tried = release is not None and release.canary.fingerprint == own
            if tried and begun and entry.status.phase in JUDGED:
                yield f"at {entry.at:.3f} s {entry.process} tried {own}, which it wrote back itself"


def _same(one: Release, other: Release | None) -> bool:
    if other is None:
        return False
    same = one.canary.fingerprint == other.canary.fingerprint
    return same and one.started_at == other.started_at
