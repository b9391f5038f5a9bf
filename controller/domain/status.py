"""What is remembered of a release: the Canary's status, all the memory that the controller has."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from controller.domain.findings import Finding, Spared, Uncovered
from controller.domain.lifecycle import Phase
from controller.domain.mounts import Baseline, Drift, Unread
from controller.domain.naming import API
from controller.domain.records import GateKind, IntentAction

HISTORY_MAX: Final = 10
REJECTED_MAX: Final = 10
OUTBOX_MAX: Final = 20
COMMANDS_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A template that was or is being run."""

    __pydantic_config__: ClassVar = API
    fingerprint: str
    number: int = 0
    replica_set: str = ""
    images: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = ", ".join(self.images) or self.fingerprint[:10]
        return f"revision {self.number} ({what})" if self.number else what


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A death of a canary container, with its last words, kept because the pod may be gone soon."""

    __pydantic_config__: ClassVar = API
    pod: str
    container: str
    at: datetime
    exit_code: int
    reason: str
    deaths: int
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A template that was rolled back, and who had written it."""

    __pydantic_config__: ClassVar = API
    fingerprint: str
    at: datetime
    reason: str
    writer: str = "unknown"


class Result(StrEnum):
    """How a release ended."""

    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"
    WITHDRAWN = "Withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A release that ended."""

    __pydantic_config__: ClassVar = API
    canary: Revision
    started_at: datetime
    ended_at: datetime
    result: Result
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A person's command and what became of it: who, how, from where, why, of which release.

    `revision` and `step` are what it was meant for, as it was written. `answer` says in words what
    was done, or why nothing was.
    """

    __pydantic_config__: ClassVar = API
    id: str
    action: IntentAction
    at: datetime
    by: str
    revision: str = ""
    step: int | None = None
    via: str = ""
    reason: str = ""
    canary: str = ""
    taken: bool = False
    answer: str = ""


class NoticeKind(StrEnum):
    """Which phase a notice announces."""

    STARTED = "Started"
    STEP_PASSED = "StepPassed"
    HOLDING = "Holding"
    PROMOTED = "Promoted"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    QUARANTINED = "Quarantined"
    INTERRUPTED = "Interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message to people, in the outbox until it was delivered.

    Delivered at least once: `key` is derived from release and phase, so that a repeat after a
    crash is recognised. `facts` are (name, value) pairs in reading order. All notices of a release
    have the same `release`; "" is of none. `revision` (a fingerprint) and `step` (counted from 1)
    are what a command in answer to it is meant for. `channel` and `mentions` are the Canary's own
    wishes, empty: as configured; `asks`: a person is needed.
    """

    __pydantic_config__: ClassVar = API
    key: str
    kind: NoticeKind
    at: datetime
    headline: str
    facts: tuple[tuple[str, str], ...] = ()
    findings: tuple[str, ...] = ()
    log: str = ""
    release: str = ""
    revision: str = ""
    step: int | None = None
    channel: str = ""
    mentions: tuple[str, ...] = ()
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One attempt to move the workload from stable to canary.

    `evidence` is the encoded state of the bets, `evaluated_until` the instant up to which requests
    are in it, `slow_until` the same for slow requests, `watched_until` for restarts. `deaths` are
    the container deaths already seen, keyed as in `attribution`; `spared` those of them that were
    not held against anybody. `breached` says since when each guard has been out of its bounds,
    `unscraped_since` since when samples of stable's pods came and none of the canary's.
    `held_for` says what a person has to know while it holds, `bypass` why the release is let
    through unjudged, `promoted_by` who had it promoted before all was compared, `cause` why it was
    rolled back, `strategy` how; `undone` is set once the stable template was seen back, so that a
    re-applied one is not undone for ever; `warned` once people were told that the rollback is slow.
    `drift` is what a rollback does not bring back, `unread` what could not be looked at for that.
    """

    __pydantic_config__: ClassVar = API
    canary: Revision
    started_at: datetime
    step: int = 0
    step_since: datetime
    ready_at: datetime | None = None
    evidence: str = ""
    evaluated_until: datetime | None = None
    slow_until: datetime | None = None
    watched_until: datetime | None = None
    deaths: dict[str, int] = field(default_factory=dict)
    spared: tuple[Spared, ...] = ()
    breached: dict[str, datetime] = field(default_factory=dict)
    unscraped_since: datetime | None = None
    first_crash_at: datetime | None = None
    decided_at: datetime | None = None
    crashes: tuple[Crash, ...] = ()
    bypass: str = ""
    held_for: str = ""
    approved: bool = False
    promoting: bool = False
    promoted_by: str = ""
    cause: str = ""
    strategy: str = ""
    undone: bool = False
    warned: bool = False
    drift: tuple[Drift, ...] = ()
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition by the Kubernetes API conventions."""

    __pydantic_config__: ClassVar = API
    type: str
    status: str
    reason: str
    message: str = ""
    last_transition_time: datetime
    observed_generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The Canary's status subresource.

    `stable` was promoted last, `recent_stables` are the fingerprints before it (a person's
    rollback to one of them must never wait). `intent_done` is the intent that was acted on,
    `skipped` the skip annotation that let a change through: it does so once. `commands` are what
    people asked for last, newest last. `mounts` are stable's ConfigMaps and Secrets as they were.
    """

    __pydantic_config__: ClassVar = API
    phase: Phase = Phase.IDLE
    since: datetime | None = None
    observed_generation: int = 0
    gate: GateKind | None = None
    stable: Revision | None = None
    recent_stables: tuple[str, ...] = ()
    release: Release | None = None
    verdict: str = ""
    message: str = ""
    findings: tuple[Finding, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()
    skipped: str | None = None
    rejected: tuple[Rejected, ...] = ()
    history: tuple[Past, ...] = ()
    outbox: tuple[Notice, ...] = ()
    intent_done: str = ""
    commands: tuple[Command, ...] = ()
    mounts: Baseline | None = None
    conditions: tuple[Condition, ...] = ()
