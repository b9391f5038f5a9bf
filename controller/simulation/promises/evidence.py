"""S2: nothing is promoted on missing or unexercised evidence."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from controller.domain.lifecycle import AT_REST, UNDER_ANALYSIS, Phase
from controller.domain.policy import Mode, OnInconclusive
from controller.domain.readings import Counts, Past, Tally
from controller.domain.status import Release, Status
from controller.simulation.promises.story import Story, held
from controller.simulation.trace import Committed, Noted, PodBorn, Read, Shown

READS_UNDER_WAY = 2
"""While a decision is written, the answer to the next look may arrive: it was not known yet."""
FEW = 0.999
"""Sums of counts are not exact."""

Segments = dict[str, float]


@dataclass(slots=True)
class _Known:
    """What the answers said that were taken into a release's evidence."""

    canary: Segments = field(default_factory=lambda: defaultdict(float))
    stable: Segments = field(default_factory=lambda: defaultdict(float))
    used: list[Tally] = field(default_factory=list)


def promoted_on_evidence_only(story: Story) -> Iterator[str]:
    """S2: the last answer before the decision was one, and the canary was exercised.

    What a person asked for is a person's decision, and so is a template that is let through.
    """
    if story.scenario.policy.requests is None:
        return
    templates = {born.pod: born.fingerprint for born in story.trace.of(PodBorn)}
    people = _commands(story)
    reads: dict[str, list[Read]] = defaultdict(list)
    known = _Known()
    for moment in story.moments():
        entry = moment.entry
        if isinstance(entry, Read):
            reads[entry.process].append(entry)
        elif isinstance(entry, Committed):
            if not _goes_on(moment.status, entry.status):
                known = _Known()
            _take_in(known, entry, reads[entry.process], templates)
            if entry.status.phase is Phase.PROMOTING and moment.status.phase in UNDER_ANALYSIS:
                if _by_hand(moment.status, entry, moment.shown, people):
                    continue
                for lack in _lacks(story, known, reads[entry.process]):
                    yield f"at {entry.at:.3f} s {entry.process} promoted: {lack}"
        if isinstance(entry, Committed):
            yield from _untried(story, moment.status, entry, moment.shown)


def _untried(story: Story, before: Status, entry: Committed, shown: Shown | None) -> Iterator[str]:
    """A template goes from rest to promoting only when nothing can be tried, and that is said."""
    release = entry.status.release
    begun = before.phase in AT_REST and entry.status.phase is Phase.PROMOTING
    if not begun or release is None or shown is None or release.bypass:
        return
    lifted = shown.mark is not None and not shown.paused
    few = story.scenario.policy.mode is Mode.OBSERVE or shown.replicas <= 1
    if not (lifted or few) and held(shown):
        yield f"at {entry.at:.3f} s {entry.process} let {release.canary.fingerprint} out untried"


def _goes_on(before: Status, after: Status) -> bool:
    one, other = before.release, after.release
    return one is not None and other is not None and one.started_at == other.started_at


def _take_in(
    known: _Known, entry: Committed, reads: list[Read], templates: Mapping[str, str]
) -> None:
    """Count the answer that this commit has taken into the evidence, each window once."""
    release = entry.status.release
    if release is None or release.evaluated_until is None:
        return
    for read in reversed(reads):
        tally = read.answer
        if read.slow or not isinstance(tally, Tally):
            continue
        if tally.until == release.evaluated_until and tally not in known.used:
            known.used.append(tally)
            _count(known, tally, release, entry.status, templates)
            return


def _count(
    known: _Known, tally: Tally, release: Release, status: Status, templates: Mapping[str, str]
) -> None:
    stable = status.stable.fingerprint if status.stable is not None else ""
    for pod, segments in tally.pods.items():
        template = templates.get(pod, stable)
        side = {release.canary.fingerprint: known.canary, stable: known.stable}.get(template)
        if side is not None:
            _add(side, segments)


def _add(side: Segments, segments: Mapping[str, Counts]) -> None:
    for name, counts in segments.items():
        side[name] += counts.requests


def _lacks(story: Story, known: _Known, reads: list[Read]) -> Iterator[str]:
    """What the evidence lacked."""
    policy = story.scenario.policy
    recent = [read for read in reads if not (read.history or read.slow)][-READS_UNDER_WAY:]
    if not any(isinstance(read.answer, Tally) for read in recent):
        said = str(recent[-1].answer) if recent else "nothing was asked"
        yield f"no answer of the metrics was known: {said}"
    if policy.on_inconclusive is OnInconclusive.CONTINUE:
        return
    needed = policy.coverage.min_requests
    if sum(known.canary.values()) < needed * FEW:
        yield f"the canary had {sum(known.canary.values()):g} requests of {needed}"
    rest = 0.0
    sources = [known.stable, *_histories(reads)]
    for name in sorted(name for name in known.stable if name):
        if known.canary[name] < needed * FEW:
            rest += min(_share(source, name) for source in sources)
    if rest > policy.coverage.ignorable_share * 2:
        yield f"{rest:.2%} of stable's traffic was not tried on the canary"


def _histories(reads: list[Read]) -> Iterator[Segments]:
    for read in reads:
        if isinstance(read.answer, Past) and not read.slow:
            sums: Segments = defaultdict(float)
            for segments in read.answer.pods.values():
                _add(sums, segments)
            if sum(sums.values()) > 0:
                yield sums


def _share(segments: Segments, name: str) -> float:
    total = sum(segments.values())
    return segments[name] / total if total > 0 else 0.0


def _commands(story: Story) -> frozenset[float]:
    """When a person's command was said to be taken."""
    return frozenset(
        note.at for note in story.trace.of(Noted) if note.occurrence.reason == "CommandTaken"
    )


def _by_hand(
    before: Status, entry: Committed, shown: Shown | None, people: frozenset[float]
) -> bool:
    """Whether a person promoted: by a command, or by lifting the pause."""
    lifted = shown is not None and shown.mark is not None and not shown.paused
    commanded = entry.status.intent_done not in {"", before.intent_done}
    return lifted or commanded or any(entry.at <= at <= entry.at + 1 for at in people)
