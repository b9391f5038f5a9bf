"""One decision in the making: the facts at hand, and the plan that a handler answers with."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from controller.domain.changes import Change, Occurrence
from controller.domain.findings import Outcome, Verdict
from controller.domain.identify import Family
from controller.domain.lifecycle import Event, advance
from controller.domain.policy import Policy
from controller.domain.records import Intent, IntentAction, Workload
from controller.domain.snapshot import Snapshot
from controller.domain.status import (
    HISTORY_MAX,
    OUTBOX_MAX,
    Notice,
    NoticeKind,
    Past,
    Release,
    Result,
    Revision,
    Status,
)

SOON: Final = timedelta(seconds=1)

R = TypeVar("R", Release, Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done: the next status, at most one change, and when to look again.

    `look` asks for metrics at the next look: a release is being judged. `wake_after` None means
    that nothing is expected; a change in the cluster wakes the release anyway.
    """

    status: Status
    change: Change | None = None
    occurrences: tuple[Occurrence, ...] = ()
    look: bool = False
    wake_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The facts of one decision. `intent` is a person's command that was not yet acted on."""

    snapshot: Snapshot
    policy: Policy
    workload: Workload
    family: Family
    status: Status
    intent: Intent | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict(outcome=Outcome.UNDECIDED))

    @property
    def now(self) -> datetime:
        return self.snapshot.now

    @property
    def release(self) -> Release:
        assert self.status.release is not None, f"no release while {self.status.phase!r}"
        return self.status.release

    @property
    def stable(self) -> Revision:
        assert self.status.stable is not None, f"no stable while {self.status.phase!r}"
        return self.status.stable

    @property
    def phase_age(self) -> timedelta:
        return self.now - (self.status.since or self.now)

    def asks(self, *actions: IntentAction) -> bool:
        """Whether a person asks for one of these now."""
        return self.intent is not None and self.intent.action in actions

    def stay(
        self,
        change: Change | None = None,
        *,
        say: Occurrence | None = None,
        look: bool = False,
        wake_after: timedelta | None = None,
        **fields: Any,
    ) -> Plan:
        """Remain in the phase."""
        status = amended(self.status, **fields)
        return Plan(
            status=status,
            change=change,
            occurrences=(say,) if say else (),
            look=look,
            wake_after=wake_after,
        )

    def move(
        self,
        event: Event,
        change: Change | None = None,
        *,
        say: Occurrence | None = None,
        notice: Notice | None = None,
        **fields: Any,
    ) -> Plan:
        """Go to the phase that the table names, and look again at once."""
        status = replace(
            self.status,
            phase=advance(self.status.phase, event),
            since=self.now,
            outbox=with_notice(fields.pop("outbox", self.status.outbox), notice),
            **fields,
        )
        return Plan(
            status=status,
            change=change,
            occurrences=(say,) if say else (),
            wake_after=timedelta(0),
        )

    def ended(self, result: Result, reason: str) -> tuple[Past, ...]:
        """The history with this release at its end."""
        past = Past(
            canary=self.release.canary,
            started_at=self.release.started_at,
            ended_at=self.now,
            result=result,
            reason=reason,
        )
        return (*self.status.history, past)[-HISTORY_MAX:]


def amended(record: R, **fields: Any) -> R:
    """The record with these fields; the record itself where it has them already.

    Most visits find nothing new, and a copy of twenty fields costs as much as a small comparison.
    """
    news = {name: value for name, value in fields.items() if getattr(record, name) != value}
    return replace(record, **news) if news else record


def with_notice(outbox: Iterable[Notice], notice: Notice | None) -> tuple[Notice, ...]:
    """The outbox with a notice more, unless it is in there already.

    Where there is no room, steps that passed give way first: what came after them says more. Then
    the oldest do.
    """
    outbox = tuple(outbox)
    if notice is None or any(waiting.key == notice.key for waiting in outbox):
        return outbox
    if len(outbox) >= OUTBOX_MAX:
        passed = [one for one in outbox if one.kind is NoticeKind.STEP_PASSED]
        leaves = passed[0] if passed else outbox[0]
        outbox = tuple(one for one in outbox if one is not leaves)
    return (*outbox, notice)
