"""The examples in the API's description: the incident, at the moment of its rollback."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import BaseModel

from controller.adapters.http.compared import compared
from controller.adapters.http.paths import canary_path, command_path, entry_path
from controller.adapters.http.shapes import (
    CanaryShape,
    CrashShape,
    EntryShape,
    GlanceShape,
    JournalShape,
    MomentShape,
    PageShape,
    PastShape,
    PodShape,
    PodsShape,
    ReleaseShape,
    ReplicaSetShape,
    RevisionShape,
)
from controller.adapters.http.shapes_commands import (
    CommandShape,
    CommandState,
    MeantShape,
    OrderShape,
    PromoteShape,
    ReceiptShape,
)
from controller.adapters.http.shapes_course import CourseShape, MarkShape, PointShape, TrackShape
from controller.domain.findings import Finding, Metric, Outcome, Range, Side
from controller.domain.lifecycle import Phase
from controller.domain.records import IntentAction, Ref
from controller.domain.status import Result
from controller.domain.wording import finding_sentence
from controller.engine.ports import Verb

_PUSHED: Final = datetime(2026, 11, 22, 13, 24, tzinfo=UTC)
_CRASHED: Final = _PUSHED + timedelta(seconds=9.3)
_DECIDED: Final = _PUSHED + timedelta(seconds=9.4)
_CRASHES: Final = Finding(
    metric=Metric.RESTARTS,
    outcome=Outcome.WORSE,
    canary=Side(events=2, exposure=4.1),
    stable=Side(events=0, exposure=864_000),
    evidence=1.2e3,
    needed=400,
    reason="history",
    ratio=Range(low=210.0),
)
_CAUSE: Final = finding_sentence(_CRASHES)
_FINDINGS, _UNSHOWN = compared([_CRASHES])

_STABLE: Final = RevisionShape(
    fingerprint="5d8f6c7b9a",
    number=41,
    replica_set="exam-api-5d8f6c7b9a",
    images=("exam-api:41",),
    name="revision 41 (exam-api:41)",
)
_CANARY: Final = RevisionShape(
    fingerprint="7c4e1a2f30",
    number=42,
    replica_set="exam-api-7c4e1a2f30",
    images=("exam-api:42",),
    name="revision 42 (exam-api:42)",
)
_GLANCE: Final = GlanceShape(
    namespace="exams",
    name="exam-api",
    phase=Phase.ROLLING_BACK,
    since=_DECIDED,
    message=_CAUSE,
    verdict="Worse",
    stable=_STABLE,
    canary=_CANARY,
    step=1,
    steps=3,
    stable_pods=PodsShape(wanted=10, ready=9, restarts=0),
    canary_pods=PodsShape(wanted=1, ready=0, restarts=1),
    url="/api/v1/canaries/exams/exam-api",
)
_CRASH: Final = CrashShape(
    pod="exam-api-7c4e1a2f30-x2x9k",
    container="app",
    at=_CRASHED,
    exit_code=1,
    reason="Error",
    deaths=1,
    log="TypeError: cannot read properties of undefined (reading 'launch')",
    sentence="container app of pod exam-api-7c4e1a2f30-x2x9k ended with exit code 1 (Error), "
    "death 1",
)

_REF: Final = Ref("exams", "exam-api")
_ID: Final = "3f0a9c5d1e7b42a6c8d90b1f"
_REVISION: Final = "7c4e1a2f30"

PROMOTE: Final = PromoteShape(
    revision=_REVISION, step=1, full=True, reason="compared by hand, the deadline is at noon"
)
ORDER: Final = OrderShape(revision=_REVISION, reason="teachers cannot open the exam")
RECEIPT: Final = ReceiptShape(
    id=_ID,
    action=IntentAction.ROLLBACK,
    state=CommandState.WAITING,
    answer="",
    canary=canary_path(_REF),
    command=command_path(_REF, _ID),
)
COMMAND: Final = CommandShape(
    id=_ID,
    action=IntentAction.ROLLBACK,
    state=CommandState.TAKEN,
    at=_DECIDED,
    by="ada@example.com",
    via="REST API from 10.0.0.3",
    reason=ORDER.reason,
    release="revision 42 (exam-api:42)",
    answer=f"ada@example.com asked for rollback by REST API from 10.0.0.3 ({ORDER.reason})",
    url=command_path(_REF, _ID),
)

COURSE: Final = CourseShape(
    revision=_REVISION,
    started_at=_PUSHED,
    known_since=_PUSHED,
    spacing_seconds=0,
    points=(
        PointShape(
            at=_DECIDED,
            phase=Phase.ROLLING_BACK,
            step=1,
            evidence=_CRASHES.evidence,
            needed=_CRASHES.needed,
            tracks=(
                TrackShape(
                    metric=Metric.RESTARTS,
                    segment="",
                    canary=_CRASHES.canary,
                    stable=_CRASHES.stable,
                    evidence=_CRASHES.evidence,
                    blind="",
                ),
            ),
        ),
    ),
    marks=(
        MarkShape(at=_PUSHED, kind="phase", text="Seeding"),
        MarkShape(at=_CRASHED, kind="crash", text="exam-api-7c4e1a2f30-x2x9k died (Error)"),
        MarkShape(at=_DECIDED, kind="phase", text="RollingBack"),
    ),
)

LIST: Final = PageShape(items=(_GLANCE,), total=12, next="exams/exam-api", at=_DECIDED)
CANARY: Final = CanaryShape(
    **dict(_GLANCE),
    at=_DECIDED,
    problem="",
    release=ReleaseShape(
        canary=_CANARY,
        running=True,
        started_at=_PUSHED,
        step=1,
        step_since=_PUSHED,
        canary_share="1",
        first_crash_at=_CRASHED,
        decided_at=_DECIDED,
        cause=_CAUSE,
        held_for="",
        not_undone="ConfigMap exam-config (changed 3 min before the release): a rollback does not "
        "bring that back",
        crashes=(_CRASH,),
    ),
    findings=_FINDINGS,
    unshown=_UNSHOWN,
    uncovered=(),
    history=(
        PastShape(
            canary=_STABLE,
            started_at=_PUSHED - timedelta(days=1),
            ended_at=_PUSHED - timedelta(hours=23),
            result=Result.PROMOTED,
            reason="every step passed",
        ),
    ),
    pods=(
        PodShape(
            name="exam-api-7c4e1a2f30-x2x9k",
            role="canary",
            ready=False,
            leaving=False,
            restarts=0,
            deaths=1,
            condition="not ready: CrashLoopBackOff",
        ),
    ),
    replica_sets=(
        ReplicaSetShape(
            name="exam-api-7c4e1a2f30",
            role="canary",
            revision=42,
            images=("exam-api:42",),
            replicas=1,
            ready=0,
        ),
    ),
    commands=(COMMAND,),
    possible=(),
    may=(Verb.PROMOTE, Verb.ROLLBACK, Verb.HOLD),
    course=COURSE,
    meant=MeantShape(revision=_REVISION, step=1),
    timeline=(
        MomentShape(
            at=_DECIDED,
            phase=Phase.ROLLING_BACK,
            came_from=Phase.ANALYSING,
            message=_CAUSE,
            change="wrote the template of exam-api-5d8f6c7b9a back",
            events=(f"RollingBack: {_CAUSE}",),
        ),
    ),
)

JOURNAL: Final = JournalShape(
    items=tuple(
        EntryShape(**dict(one), number=17, url=entry_path(_REF, 17)) for one in CANARY.timeline
    ),
    at=_DECIDED,
)

# What the description of the API refers to by name.
EXAMPLES: Final[Mapping[str, BaseModel]] = {
    "list": LIST,
    "canary": CANARY,
    "course": COURSE,
    "command": COMMAND,
    "journal": JOURNAL,
    "receipt": RECEIPT,
    "promote": PROMOTE,
    "order": ORDER,
}
