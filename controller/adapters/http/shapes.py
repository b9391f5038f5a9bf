"""What the REST read API answers: the records of the domain, with sentences for people."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from controller.adapters.http.shape import Shape
from controller.adapters.http.shapes_commands import CommandShape, MeantShape
from controller.adapters.http.shapes_course import CourseShape
from controller.domain.findings import Metric, Outcome, Range, Side, Spared
from controller.domain.lifecycle import Phase
from controller.domain.records import IntentAction
from controller.domain.status import Result
from controller.engine.ports import Verb


class RevisionShape(Shape):
    """A template that runs or ran."""

    fingerprint: str
    number: Annotated[int, Field(description="the Deployment's revision; 0: not known")]
    replica_set: Annotated[str, Field(description="its name; empty: not known")] = ""
    images: tuple[str, ...]
    name: Annotated[str, Field(description="how people are told of it")]


class PodsShape(Shape):
    """How many pods a revision has."""

    wanted: int
    ready: int
    restarts: int


class GlanceShape(Shape):
    """One Canary in a line."""

    namespace: str
    name: str
    phase: Phase
    since: datetime | None
    message: str
    verdict: Annotated[str, Field(description="what all findings say together; empty: none yet")]
    stable: RevisionShape | None
    canary: RevisionShape | None
    step: Annotated[int | None, Field(description="counted from 1; null: no release runs")]
    steps: int | None
    stable_pods: PodsShape
    canary_pods: PodsShape
    url: str


class PageShape(Shape):
    """Some of the Canaries. `next` goes into `after` for those that follow."""

    items: tuple[GlanceShape, ...]
    total: Annotated[int, Field(description="how many match, on all pages")]
    next: str | None
    at: datetime


class CrashShape(Shape):
    """A death of a canary container, and what it said last."""

    pod: str
    container: str
    at: datetime
    exit_code: int
    reason: str
    deaths: int
    log: str
    sentence: str


class ReleaseShape(Shape):
    """A release that runs, or the last one that did. Times are null for what did not happen."""

    canary: RevisionShape
    running: bool
    started_at: datetime
    step: Annotated[int, Field(description="counted from 1")]
    step_since: datetime
    canary_share: Annotated[str | None, Field(description="of this step: pods, or percent of them")]
    first_crash_at: datetime | None
    decided_at: datetime | None
    cause: Annotated[str, Field(description="why it was rolled back; empty: it was not")]
    held_for: str
    not_undone: Annotated[
        str,
        Field(description="ConfigMaps and Secrets that a rollback leaves changed; may be empty"),
    ]
    crashes: tuple[CrashShape, ...]


class WordsShape(Shape):
    """A finding in words, part by part; a part that has nothing to say is empty."""

    what: str
    canary: str
    stable: str
    ratio: str
    hidden: Annotated[str, Field(description="what the canary may still hide")]
    evidence: str
    note: str


class FindingShape(Shape):
    """One comparison of canary and stable, in numbers and as a sentence."""

    metric: Metric
    segment: Annotated[str, Field(description="empty: the whole service")]
    outcome: Outcome
    canary: Side
    stable: Side
    evidence: float
    needed: Annotated[float, Field(description="the evidence from which on the canary is worse")]
    reason: str
    ratio: Annotated[
        Range | None, Field(description="canary : stable, an anytime-valid 95 % interval")
    ] = None
    hidden: Annotated[
        float | None,
        Field(description="a rate above this would have shown, except with probability 0.05"),
    ] = None
    spared: Annotated[
        tuple[Spared, ...], Field(description="deaths that were seen and not counted")
    ] = ()
    bound: Annotated[float | None, Field(description="the plain limit that has to be kept")] = None
    since: Annotated[datetime | None, Field(description="when a guard went out of bounds")] = None
    sentence: str
    words: WordsShape
    shown: Annotated[bool, Field(description="worth a line of its own on a page")] = True


class UncoveredShape(Shape):
    """A part of the traffic on which the canary was not exercised enough."""

    segment: str
    requests: int
    needed: int


class PastShape(Shape):
    """A release that ended."""

    canary: RevisionShape
    started_at: datetime
    ended_at: datetime
    result: Result
    reason: str


class PodShape(Shape):
    """A pod of the workload."""

    name: str
    role: Annotated[str, Field(description="canary, stable or other")]
    ready: bool
    leaving: bool
    restarts: int
    deaths: int
    condition: Annotated[str, Field(description="in words")]


class ReplicaSetShape(Shape):
    """A revision of the workload as the cluster has it."""

    name: str
    role: str
    revision: int
    images: tuple[str, ...]
    replicas: int
    ready: int


class MomentShape(Shape):
    """A decision that did more than weigh."""

    at: datetime
    phase: Phase
    came_from: Annotated[Phase | None, Field(description="null: the phase did not change")]
    message: str
    change: Annotated[str, Field(description="what was done to the workload; empty: nothing")]
    events: tuple[str, ...]


class EntryShape(MomentShape):
    """One decision of the flight recorder, in a few lines."""

    number: Annotated[int, Field(description="counted since the service started")]
    url: Annotated[str, Field(description="the whole entry, as a file for `canaryctl explain`")]


class JournalShape(Shape):
    """The decisions that are remembered."""

    items: Annotated[tuple[EntryShape, ...], Field(description="newest first")]
    at: datetime


class CanaryShape(GlanceShape):
    """Everything that is known of one Canary."""

    at: datetime
    problem: Annotated[str, Field(description="why the Canary cannot be acted on; empty: it can")]
    release: ReleaseShape | None
    findings: Annotated[tuple[FindingShape, ...], Field(description="those shown come first")]
    unshown: Annotated[str, Field(description="what is said of the others; empty: none")]
    uncovered: tuple[UncoveredShape, ...]
    history: Annotated[tuple[PastShape, ...], Field(description="newest first")]
    pods: tuple[PodShape, ...]
    replica_sets: tuple[ReplicaSetShape, ...]
    commands: Annotated[
        tuple[CommandShape, ...],
        Field(description="what people asked for, newest first; one that waits is on top"),
    ]
    possible: Annotated[
        tuple[IntentAction, ...],
        Field(
            description="what can be asked for now, by whoever reads this; promote-full is "
            "`promote` with `full`"
        ),
    ]
    may: Annotated[
        tuple[Verb, ...] | None,
        Field(description="what whoever reads this has the right to; null: nobody was asked"),
    ] = None
    course: Annotated[
        CourseShape | None,
        Field(description="the release over time; null: none was seen, or it was not asked for"),
    ] = None
    meant: Annotated[
        MeantShape | None,
        Field(description="what a command has to name; null: there is no release to command"),
    ]
    timeline: Annotated[tuple[MomentShape, ...], Field(description="newest first")]
