"""The buttons of a release's page: which are there, and what exactly each of them will do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from controller.adapters.http.pagestages import span, step_pods
from controller.adapters.http.pagewords import PHASES, counted
from controller.adapters.http.shapes import CanaryShape
from controller.domain.lifecycle import Phase
from controller.domain.policy import Policy, RollbackStrategy
from controller.domain.records import IntentAction, Workload
from controller.domain.snapshot import Scene
from controller.engine.commands import POSSIBLE, VERBS
from controller.engine.ports import Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One button. `why_not` says why it cannot be pressed now, empty: it can.

    `effects` is what will happen, sentence by sentence; `path` is what the command is posted to.
    """

    word: str
    label: str
    verb: str
    path: str
    full: bool
    tone: str
    why_not: str
    effects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What the sentences speak of."""

    one: CanaryShape
    scene: Scene
    policy: Policy
    workload: Workload
    step: int

    @property
    def canary(self) -> str:
        return self.one.release.canary.name if self.one.release else "the canary"

    @property
    def stable(self) -> str:
        return self.one.stable.name if self.one.stable else "the stable revision"

    @property
    def here(self) -> str:
        """The step as it is now."""
        pods = step_pods(self.policy.steps[self.step], self.workload.replicas)
        return f"step {self.step + 1} of {len(self.policy.steps)} ({pods})"


_LABELS: Final[Mapping[IntentAction, tuple[str, str, str]]] = {
    IntentAction.PROMOTE: ("Promote", "promote", "primary"),
    IntentAction.PROMOTE_FULL: ("Promote to all", "promote", ""),
    IntentAction.ROLLBACK: ("Roll back", "rollback", "danger"),
    IntentAction.HOLD: ("Hold", "hold", ""),
    IntentAction.RESUME: ("Resume", "resume", ""),
    IntentAction.RETRY: ("Retry", "retry", ""),
}


def actions(
    one: CanaryShape, scene: Scene, may: frozenset[Verb] | None = None
) -> tuple[Action, ...]:
    """Every button, in the order of IntentAction; `may` None: nobody in particular looks."""
    effects = _effects(one, scene)
    made = []
    for action in IntentAction:
        label, path, tone = _LABELS[action]
        why_not = _why_not(action, one, may) or ("" if effects else "there is nothing to act on")
        made.append(
            Action(
                word=action.value,
                label=label,
                verb=VERBS[action].value,
                path=f"{one.url}/{path}",
                full=action is IntentAction.PROMOTE_FULL,
                tone=tone,
                why_not=why_not,
                effects=effects.get(action, ()) if not why_not else (),
            )
        )
    return tuple(made)


def may_not(verb: str, namespace: str) -> str:
    """What is said to whoever lacks a right; the script says the same (actions.mjs)."""
    return f"you may not: ask an administrator for the verb {verb} on canaries in {namespace}"


def _why_not(action: IntentAction, one: CanaryShape, may: frozenset[Verb] | None) -> str:
    if one.problem:
        return "the Canary cannot be acted on: see above"
    if action not in one.possible:
        when = " or ".join(f"“{PHASES[p][2]}”" for p in Phase if p in POSSIBLE[action])
        return f"possible only while {when}"
    if one.meant is None:
        return "there is no release"
    if may is not None and VERBS[action] not in may:
        return may_not(VERBS[action].value, one.namespace)
    return ""


def _effects(one: CanaryShape, scene: Scene) -> dict[IntentAction, tuple[str, ...]]:
    if not isinstance(scene.policy, Policy) or scene.workload is None or one.release is None:
        return {}
    step = min(one.release.step, len(scene.policy.steps)) - 1
    facts = _Facts(one=one, scene=scene, policy=scene.policy, workload=scene.workload, step=step)
    return {action: say(facts) for action, say in _SAID.items()}


def _promote(facts: _Facts) -> tuple[str, ...]:
    following = _following(facts)
    if following is None:
        return (f"This is the last step: {_all(facts)}", _watched(facts))
    pods = step_pods(facts.policy.steps[following], facts.workload.replicas)
    return (
        f"{facts.canary} leaves {facts.here} without waiting for the comparison to decide.",
        f"It goes on to step {following + 1} of {len(facts.policy.steps)}: {pods}.",
    )


def _promote_full(facts: _Facts) -> tuple[str, ...]:
    left = len(facts.policy.steps) - facts.step
    return (
        f"{counted(left, 'step')} {'is' if left == 1 else 'are'} cut short: {_all(facts)}",
        _watched(facts),
    )


def _roll_back(facts: _Facts) -> tuple[str, ...]:
    stable, replicas = facts.one.stable, facts.workload.replicas
    name = f"revision {stable.number}" if stable and stable.number else "stable"
    said = [f"Rolls back to {name}: all {replicas} pods run {facts.stable}."]
    canaries = facts.one.canary_pods.wanted
    gone = f"The {counted(canaries, 'pod')} of {facts.canary} " if canaries > 1 else ""
    gone = gone or f"The pod of {facts.canary} "
    said.append(
        f"{gone}{'go' if canaries > 1 else 'goes'}, and its template is quarantined: applied "
        "again, it is kept out until somebody retries it."
    )
    if facts.policy.rollback is RollbackStrategy.FREEZE or (
        facts.policy.rollback is RollbackStrategy.AUTO and facts.workload.gitops
    ):
        owner = facts.workload.gitops or "whoever manages it"
        said.append(f"The Deployment's template stays as {owner} wrote it, with no pods of it.")
    return tuple(said)


def _hold(facts: _Facts) -> tuple[str, ...]:
    return (
        f"{facts.canary} stays at {facts.here} until somebody promotes, resumes or rolls it back.",
        "It is still watched: if it turns worse than stable, it is rolled back at once.",
    )


def _resume(facts: _Facts) -> tuple[str, ...]:
    return (
        f"The comparison goes on at {facts.here}.",
        f"{facts.canary} is then promoted or rolled back by itself, on what the comparison shows.",
    )


def _retry(facts: _Facts) -> tuple[str, ...]:
    first = step_pods(facts.policy.steps[0], facts.workload.replicas)
    return (
        f"The quarantine of {facts.canary} is lifted.",
        "While the Deployment asks for it, it is started as a canary again, "
        f"from step 1 ({first}).",
    )


_SAID: Final[Mapping[IntentAction, Callable[[_Facts], tuple[str, ...]]]] = {
    IntentAction.PROMOTE: _promote,
    IntentAction.PROMOTE_FULL: _promote_full,
    IntentAction.ROLLBACK: _roll_back,
    IntentAction.HOLD: _hold,
    IntentAction.RESUME: _resume,
    IntentAction.RETRY: _retry,
}


def _following(facts: _Facts) -> int | None:
    """The next step that has more pods or needs approval, as the decision finds it; None: none."""
    steps, replicas = facts.policy.steps, facts.workload.replicas
    wanted = steps[facts.step].canary.of(replicas)
    for index in range(facts.step + 1, len(steps)):
        if steps[index].approval or steps[index].canary.of(replicas) > wanted:
            return index
    return None


def _all(facts: _Facts) -> str:
    return f"all {facts.workload.replicas} pods get {facts.canary}."


def _watched(facts: _Facts) -> str:
    return (
        f"It is watched for {span(facts.policy.bake)} after that, and rolled back if it "
        "turns worse."
    )
