"""Whatever people, pods and metrics do to a Deployment on a table: what must never happen."""

from dataclasses import replace
from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from controller.domain.case import Plan
from controller.domain.changes import (
    Change,
    ClearIntent,
    Freeze,
    LetGo,
    OptIn,
    Promote,
    Scale,
    Seed,
)
from controller.domain.evidence import History
from controller.domain.findings import Outcome
from controller.domain.lifecycle import UNDER_ANALYSIS, Phase
from controller.domain.plan import decide
from controller.domain.policy import OnInconclusive, Policy, RollbackStrategy, Share, Step
from controller.domain.readings import Counts, Missing
from controller.domain.records import GateKind, IntentAction, Workload
from controller.domain.rollback import SLOW_AFTER
from controller.domain.snapshot import Scene, Snapshot
from controller.domain.status import Status
from tests.domain.desk import Desk
from tests.domain.tabletop import POLICY

TEMPLATES = st.sampled_from("ABC")
HARMLESS = (OptIn, LetGo, ClearIntent)
STEPS = (
    Step(canary=Share(pods=1), min_duration=timedelta(seconds=10)),
    Step(canary=Share(percent=50), max_duration=timedelta(minutes=5)),
)


class Releases(RuleBasedStateMachine):
    """One Deployment under all that may happen, one decision after the other."""

    @initialize(
        gate=st.sampled_from(GateKind),
        strategy=st.sampled_from(RollbackStrategy),
        goes_on=st.sampled_from(OnInconclusive),
        judged_by_requests=st.booleans(),
        budget=st.sampled_from([(3, 2), (1, 0), (0, 1)]),
    )
    def set_up(
        self,
        gate: GateKind,
        strategy: RollbackStrategy,
        goes_on: OnInconclusive,
        judged_by_requests: bool,
        budget: tuple[int, int],
    ) -> None:
        policy: Policy = replace(
            POLICY, steps=STEPS, rollback=strategy, on_inconclusive=goes_on, rollback_window=1
        )
        if not judged_by_requests:
            policy = replace(policy, requests=None)
        surge, unavailable = budget
        self.desk = Desk(policy=policy, gate=gate, surge=surge, unavailable=unavailable)
        self.metrics = "good"
        for _ in range(3):
            self._look(1)

    # What the world does.

    @rule(name=TEMPLATES)
    def somebody_applies_a_template(self, name: str) -> None:
        self.desk.apply_template(name)
        self._look(1)

    @rule(name=TEMPLATES)
    @precondition(lambda self: self.desk.paused)
    def somebody_lifts_the_pause(self, name: str) -> None:
        self.desk.paused = False
        self._look(1)

    @rule()
    @precondition(lambda self: not self.desk.paused)
    def a_person_pauses(self) -> None:
        self.desk.paused, self.desk.mark = True, None

    @rule(name=TEMPLATES, number=st.integers(0, 4), times=st.integers(1, 4))
    def a_container_dies(self, name: str, number: int, times: int) -> None:
        pod = f"{name}-{number}"
        self.desk.deaths[pod] = self.desk.deaths.get(pod, 0) + times

    @rule(name=TEMPLATES, count=st.integers(0, 12))
    def pods_are_not_ready(self, name: str, count: int) -> None:
        self.desk.lacking[name] = count

    @rule()
    def all_pods_become_ready(self) -> None:
        self.desk.lacking.clear()
        self._look(1)

    @rule(replicas=st.sampled_from([0, 1, 2, 5, 10, 20]))
    def somebody_scales(self, replicas: int) -> None:
        self.desk.resize(replicas)

    @rule(metrics=st.sampled_from(["good", "bad", "none"]))
    def the_metrics_change(self, metrics: str) -> None:
        self.metrics = metrics

    @rule(action=st.sampled_from(IntentAction), revision=st.sampled_from(["", "", "B", "Z"]))
    def a_person_asks(self, action: IntentAction, revision: str) -> None:
        self.desk.command(action, revision=revision)
        self._look(1)

    @rule()
    @precondition(lambda self: not self.desk.paused)
    def the_rollout_ends(self) -> None:
        self.desk.finish_rollout()
        self._look(1)

    @rule(count=st.integers(1, 4), seconds=st.sampled_from([1, 5, 30, 200]))
    def time_passes(self, count: int, seconds: int) -> None:
        for _ in range(count):
            self._look(seconds)

    # What is decided, and what must hold of it.

    def _look(self, seconds: float) -> None:
        desk = self.desk
        desk.now += timedelta(seconds=seconds)
        desk.requests = {
            "good": desk.traffic(),
            "bad": desk.traffic(canary=Counts(40, 100)),
            "none": Missing("unreachable"),
        }[self.metrics]
        scene = desk.scene()
        snapshot = Snapshot(scene=scene, now=desk.now, requests=desk.requests, history=History())
        plan = self._decided(snapshot)
        assert scene.workload is not None
        self._check_promotion(scene, scene.workload, plan)
        if plan.change is not None:
            self._check_pause(scene.workload, plan.change)
            self._check_rejected(scene.workload, plan.status, plan.change)
            self._check_capacity(plan.change)
        desk.status = plan.status
        if plan.change is not None:
            desk.carry_out(plan.change)

    def _decided(self, snapshot: Snapshot) -> Plan:
        plan = decide(snapshot)
        assert decide(snapshot) == plan
        return plan

    def _check_promotion(self, scene: Scene, workload: Workload, plan: Plan) -> None:
        """A promotion is earned by evidence, or a person's."""
        if scene.status.phase not in UNDER_ANALYSIS or plan.status.phase is not Phase.PROMOTING:
            return
        intent = scene.intent
        asked = intent is not None and getattr(intent, "action", None) in {
            IntentAction.PROMOTE,
            IntentAction.PROMOTE_FULL,
        }
        lifted = workload.gate_mark is not None and not workload.paused
        blind = {Outcome.BLIND.value, Outcome.WORSE.value}
        assert asked or lifted or plan.status.verdict not in blind, plan.status.message

    def _check_pause(self, workload: Workload, change: Change) -> None:
        """A person's pause: nothing of the workload is touched."""
        assert not workload.paused_by_a_person or isinstance(change, HARMLESS), change

    def _check_rejected(self, workload: Workload, status: Status, change: Change) -> None:
        """A rejected template gets no pods of us, unless a person lifted its pause."""
        rejected = {r.fingerprint for r in status.rejected}
        if status.stable is not None:
            rejected -= {status.stable.fingerprint}
        by_hand = workload.gate_mark is not None and not workload.paused
        if isinstance(change, Seed) or (isinstance(change, Promote) and not by_hand):
            assert self.desk.template not in rejected, change
        if isinstance(change, Scale):
            grown = {
                n.removeprefix("rs-") for n, count in change.replica_sets if count > self._n(n)
            }
            assert not grown & rejected, change

    def _check_capacity(self, change: Change) -> None:
        """Ours never takes more Ready pods than the user's strategy may, nor wants too many."""
        desk = self.desk
        match change:
            case Scale(pairs):
                wanted = {name.removeprefix("rs-"): count for name, count in pairs}
            case Freeze(stable, replicas, others):
                wanted = {stable.removeprefix("rs-"): replicas}
                wanted |= {name.removeprefix("rs-"): 0 for name in others}
            case _:
                return
        after = desk.sets | wanted
        ready = sum(desk.ready(name) for name in desk.sets)
        still = sum(min(desk.ready(name), count) for name, count in after.items())
        # A canary with as many pods as the workload is one too many, whatever that costs: the
        # deployment controller would take stable to none, paused or not.
        saturated = desk.sets.get(desk.template, 0) >= desk.replicas
        # Two revisions that cannot pass each other cost one more, once the way back is slow.
        since = desk.status.since
        rolling_back = desk.status.phase is Phase.ROLLING_BACK and since is not None
        stuck = rolling_back and desk.now - since >= SLOW_AFTER
        spared = max(desk.unavailable, int(saturated)) + int(stuck)
        assert still >= min(ready, desk.replicas - spared), (change, desk.sets)
        limit = max(sum(desk.sets.values()), desk.replicas + desk.surge)
        if sum(count > 0 for count in desk.sets.values()) > 2 or not self._n("A"):
            # A third revision pays for the two others: the deployment controller takes from it.
            limit += max(0, ready - (desk.replicas - desk.unavailable))
        assert sum(after.values()) <= limit, (change, desk.sets)
        assert all(count >= 0 for count in after.values()), change

    def _n(self, name: str) -> int:
        return self.desk.sets.get(name.removeprefix("rs-"), 0)


TestReleases = Releases.TestCase
TestReleases.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
