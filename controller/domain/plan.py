"""`decide` is the controller: facts in, a plan out. Start reading here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from controller.domain import rest, rollback, rollout, trial
from controller.domain.case import Case, Plan, amended, with_notice
from controller.domain.changes import Change, ClearIntent, LetGo, Occurrence, OptIn, Promote
from controller.domain.command import answered, is_done, is_meant
from controller.domain.conditions import MESSAGE_MAX, NO_WAY_BACK, conditions
from controller.domain.drift import drift_news, with_mounts
from controller.domain.identify import identify
from controller.domain.lifecycle import AT_REST, JUDGED, Phase
from controller.domain.policy import Mode, Policy
from controller.domain.records import Intent, Problem, Workload
from controller.domain.snapshot import Scene, Snapshot
from controller.domain.status import Notice, NoticeKind, Release, Status
from controller.domain.weigh import weigh, with_crashes
from controller.domain.wording import crash_sentence

HANDLERS: Final[Mapping[Phase, Callable[[Case], Plan]]] = {
    **dict.fromkeys(AT_REST, rest.at_rest),
    Phase.SEEDING: trial.seed,
    Phase.ANALYSING: trial.analyse,
    Phase.HOLDING: trial.hold,
    Phase.PROMOTING: rollout.promote,
    Phase.BAKING: rollout.bake,
    Phase.ROLLING_BACK: rollback.roll_back,
    Phase.PAUSED_BY_USER: rest.paused_by_user,
}


def decide(snapshot: Snapshot) -> Plan:
    """What to do about one Canary, given everything that is known at this instant."""
    scene = snapshot.scene
    status = with_mounts(_housekeep(snapshot), snapshot.mounts)
    problem = _obstacle(scene)
    if problem is not None:
        return _refuse(snapshot, status, problem)
    assert isinstance(scene.policy, Policy)
    assert scene.workload is not None
    case = _case(snapshot, scene.policy, scene.workload, status)
    plan = HANDLERS[status.phase](_judged(case))
    return _finish(case, plan)


def _case(snapshot: Snapshot, policy: Policy, workload: Workload, status: Status) -> Case:
    release = status.release
    under_way = status.phase not in AT_REST
    return Case(
        snapshot=snapshot,
        policy=policy,
        workload=workload,
        status=status,
        family=identify(
            snapshot.scene,
            stable=status.stable.fingerprint if status.stable else "",
            canary=release.canary.fingerprint if release and under_way else workload.fingerprint,
        ),
        intent=_open_intent(snapshot.scene, status),
    )


def _judged(case: Case) -> Case:
    """The case with its evidence up to date, where a release is being judged."""
    if case.status.phase not in JUDGED | {Phase.ROLLING_BACK}:
        return case
    release = with_crashes(_named(case), case.snapshot.crashes)
    if case.status.phase is Phase.ROLLING_BACK or release.bypass:
        return replace(case, status=amended(case.status, release=release))
    release, verdict = weigh(case.snapshot, case.policy, release, case.family)
    status = replace(
        case.status,
        release=release,
        verdict=verdict.outcome.value,
        findings=verdict.findings,
        uncovered=verdict.uncovered,
    )
    return replace(case, status=status, verdict=verdict)


def _named(case: Case) -> Release:
    """The release, its canary with the revision's number and name as soon as it has them."""
    found, release = case.family.canary, case.release
    if found is None or found.revision == 0:
        return release
    canary = release.canary
    if (canary.number, canary.replica_set) == (found.revision, found.name):
        return release
    named = replace(canary, number=found.revision, replica_set=found.name)
    return replace(release, canary=named)


def _obstacle(scene: Scene) -> Problem | None:
    """Why nothing can be done about this Canary, whatever happens in the cluster."""
    if isinstance(scene.policy, Problem):
        return scene.policy
    if scene.workload is None:
        return Problem(
            reason="TargetNotFound",
            field="spec.targetRef.name",
            message=f"there is no Deployment {scene.policy.target!r} in {scene.ref.namespace}",
            remedy="Create it, or correct the name; the Canary takes effect by itself",
        )
    if scene.workload.strategy != "RollingUpdate":
        return Problem(
            reason="StrategyNotSupported",
            field="spec.targetRef.name",
            message=f"the Deployment's strategy is {scene.workload.strategy}, which stops all pods "
            "before it starts the next revision: there cannot be canaries",
            remedy="Set the Deployment's spec.strategy.type to RollingUpdate",
        )
    if scene.rival is not None:
        return Problem(
            reason="TargetTaken",
            field="spec.targetRef.name",
            message=f"the older Canary {scene.rival!r} watches this Deployment already",
            remedy="Delete one of the two",
        )
    return None


def _refuse(snapshot: Snapshot, status: Status, problem: Problem) -> Plan:
    """Say what is wrong, once; touch nothing. A release that runs stays held as it is."""
    said = f"{problem}{_held_meanwhile(snapshot.scene)}"
    problem = replace(problem, remedy=f"{problem.remedy}{_held_meanwhile(snapshot.scene)}")
    known = any(c.type == "Ready" and c.message == said[:MESSAGE_MAX] for c in status.conditions)
    status = replace(status, message=said)
    if not known and _held_meanwhile(snapshot.scene):
        status = replace(status, outbox=with_notice(status.outbox, _stuck(snapshot, said)))
    say = Occurrence(reason=problem.reason, message=said, warning=True)
    return Plan(
        status=replace(status, conditions=conditions(snapshot, status, problem)),
        occurrences=() if known else (say,),
    )


def _stuck(snapshot: Snapshot, said: str) -> Notice:
    """A Deployment that is held by a Canary that cannot be acted on: a person has to know."""
    scene = snapshot.scene
    assert scene.workload is not None
    return Notice(
        key=f"{scene.ref}:{scene.generation}:{NoticeKind.HOLDING.value}",
        kind=NoticeKind.HOLDING,
        at=snapshot.now,
        headline=f"{scene.workload.name}: held, and its Canary cannot be acted on",
        facts=(("Workload", f"{scene.ref.namespace}/{scene.workload.name}"), ("Why", said)),
        asks=True,
    )


def _held_meanwhile(scene: Scene) -> str:
    """What people have to know while nothing is done about a Deployment that we hold."""
    if scene.workload is None or not scene.workload.held_by_us:
        return ""
    resume = f"kubectl -n {scene.ref.namespace} rollout resume deployment/{scene.workload.name}"
    return f". The Deployment stays held meanwhile, and nothing judges it; to let it go: {resume}"


def _housekeep(snapshot: Snapshot) -> Status:
    """The status without what is over: delivered notices, an intent that was taken away."""
    scene = snapshot.scene
    status = scene.status
    return amended(
        status,
        outbox=tuple(n for n in status.outbox if n.key not in snapshot.delivered),
        observed_generation=scene.generation,
        gate=scene.gate,
        intent_done=status.intent_done if scene.intent is not None else "",
        since=status.since or snapshot.now,
        skipped=status.skipped if scene.workload is None or scene.workload.skip else None,
    )


def _open_intent(scene: Scene, status: Status) -> Intent | None:
    """A person's command not yet acted on and meant for what runs now."""
    intent = scene.intent
    if not isinstance(intent, Intent) or is_done(intent, status):
        return None
    return intent if is_meant(intent, status) else None


def _finish(case: Case, plan: Plan) -> Plan:
    """What holds for every plan: opt-in, intents done with, conditions, Observe touches nothing."""
    scene = case.snapshot.scene
    status, change = plan.status, plan.change
    known = scene.status.release
    said = (*_deaths(case, status), *drift_news(known, status.release), *plan.occurrences)
    if change is None:
        change = _registration(case)
    if isinstance(scene.intent, Intent):
        if not is_done(scene.intent, status):
            status, answer = answered(case, scene.intent, plan.status)
            said = (*said, answer)
        elif change is None:
            change = ClearIntent(scene.intent.id)
    elif isinstance(scene.intent, Problem):
        status = replace(status, message=str(scene.intent))
    if case.policy.mode is Mode.OBSERVE and not _is_harmless(case, change):
        change = None
    status = amended(status, conditions=conditions(case.snapshot, status, None))
    said = (*said, *_no_way_back(scene.status, status))
    return replace(plan, status=status, change=change, occurrences=said)


def _no_way_back(before: Status, now: Status) -> Iterator[Occurrence]:
    """That a rollback will be impossible one day, said once, while there is time."""
    known = any(c.reason == NO_WAY_BACK for c in before.conditions)
    for condition in now.conditions:
        if condition.reason == NO_WAY_BACK and not known:
            yield Occurrence(reason="NoWayBack", message=condition.message, warning=True)


def _deaths(case: Case, now: Status) -> Iterator[Occurrence]:
    """The deaths of canary containers that were not known before."""
    before, after = case.snapshot.scene.status.release, now.release
    known = {(c.pod, c.container, c.deaths) for c in before.crashes} if before else set()
    for crash in after.crashes if after else ():
        if (crash.pod, crash.container, crash.deaths) not in known:
            said = crash_sentence(crash)
            message = f"{said[0].upper()}{said[1:]}"
            yield Occurrence(reason="CanaryContainerDied", message=message, warning=True)


def _is_harmless(case: Case, change: Change | None) -> bool:
    """What Observe may do all the same: undo what Enforce has left behind, a pause of ours too."""
    if isinstance(change, Promote):
        return case.workload.gate_mark is not None
    return isinstance(change, LetGo | ClearIntent)


def _registration(case: Case) -> OptIn | LetGo | None:
    """The opt-in label is there exactly while the Canary enforces."""
    name = case.snapshot.scene.ref.name
    if case.policy.mode is Mode.OBSERVE:
        return LetGo() if case.workload.opted_in == name else None
    return OptIn(name) if case.workload.opted_in != name else None
