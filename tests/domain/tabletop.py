"""A Deployment on a table: facts set by hand, decisions one at a time, changes carried out."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.domain.case import Plan
from controller.domain.changes import (
    Catch,
    Change,
    Freeze,
    LetGo,
    OptIn,
    Promote,
    Scale,
    Seed,
    Undo,
)
from controller.domain.evidence import History
from controller.domain.mounts import Sighting
from controller.domain.plan import decide
from controller.domain.policy import Policy, RequestSource, Share, Step
from controller.domain.readings import Counts, Reading, Tally
from controller.domain.records import (
    Container,
    GateKind,
    Intent,
    IntentAction,
    Pod,
    Ref,
    ReplicaSet,
    Termination,
    Workload,
)
from controller.domain.snapshot import Scene, Snapshot
from controller.domain.status import Crash, Status

START = datetime(2026, 11, 22, 13, 24, tzinfo=UTC)
REF = Ref("exams", "exam-api")
STEPS = (
    Step(canary=Share(pods=1), min_duration=timedelta(seconds=30)),
    Step(canary=Share(percent=50), min_duration=timedelta(seconds=30)),
)
POLICY = Policy(target="exam-api", steps=STEPS, bake=timedelta(minutes=2))


@dataclass
class Table:
    """The facts, and what one decision after the other makes of them."""

    policy: Policy = POLICY
    replicas: int = 10
    surge: int = 3
    unavailable: int = 2
    gate: GateKind = GateKind.POLICY
    gitops: str | None = None
    now: datetime = START
    template: str = "A"
    paused: bool = False
    mark: str | None = None
    label: str | None = None
    skip: str | None = None
    sets: dict[str, int] = field(default_factory=lambda: {"A": 10})
    deaths: dict[str, int] = field(default_factory=dict)
    unready: set[str] = field(default_factory=set)
    status: Status = field(default_factory=Status)
    intent: Intent | None = None
    crashes: tuple[Crash, ...] = ()
    requests: Reading | None = None
    mounts: Sighting | None = None
    plans: list[Plan] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    born: dict[str, datetime] = field(default_factory=lambda: {"A": START - timedelta(hours=30)})

    def ready(self, name: str) -> int:
        return 0 if name in self.unready else self.sets.get(name, 0)

    def scene(self) -> Scene:
        total = sum(self.sets.values())
        ready = sum(self.ready(name) for name in self.sets)
        return Scene(
            ref=REF,
            version="1",
            generation=1,
            policy=self.policy,
            status=self.status,
            intent=self.intent,
            gate=self.gate,
            workload=Workload(
                name="exam-api",
                uid="d",
                version="1",
                generation=1,
                observed_generation=1,
                replicas=self.replicas,
                total=total,
                updated=self.sets.get(self.template, 0),
                available=ready,
                paused=self.paused,
                fingerprint=self.template,
                images=(f"exam:{self.template}",),
                max_surge=self.surge,
                max_unavailable=self.unavailable,
                gate_mark=self.mark,
                opted_in=self.label,
                writer="kubectl",
                gitops=self.gitops,
                skip=self.skip,
            ),
            replica_sets=tuple(
                ReplicaSet(
                    name=f"rs-{name}",
                    uid=f"uid-{name}",
                    fingerprint=name,
                    replicas=count,
                    ready=self.ready(name),
                    revision=number + 1,
                    images=(f"exam:{name}",),
                )
                for number, (name, count) in enumerate(self.sets.items())
            ),
            pods=tuple(
                self._pod(name, number) for name, n in self.sets.items() for number in range(n)
            ),
        )

    def _pod(self, name: str, number: int) -> Pod:
        pod = f"{name}-{number}"
        deaths = self.deaths.get(pod, 0)
        died = Termination(exit_code=1, reason="Error", finished_at=self.now)
        return Pod(
            name=pod,
            uid=f"uid-{pod}",
            replica_set=f"uid-{name}",
            created_at=self.born.setdefault(name, self.now),
            ready=name not in self.unready,
            containers=(
                Container(
                    name="app",
                    deaths=deaths,
                    restarts=deaths,
                    last_death=died if deaths else None,
                ),
            ),
        )

    def look(self, seconds: float = 1.0) -> Plan:
        """One decision, carried out."""
        self.now += timedelta(seconds=seconds)
        plan = decide(
            Snapshot(
                scene=self.scene(),
                now=self.now,
                requests=self._requests(),
                history=History(),
                crashes=self.crashes,
                mounts=self.mounts,
            )
        )
        self.status = plan.status
        self.plans.append(plan)
        if plan.change is not None:
            self.changes.append(plan.change)
            self.carry_out(plan.change)
        return plan

    def _requests(self) -> Reading:
        if self.requests is not None:
            return self.requests
        return self.traffic()

    def traffic(self, canary: Counts | None = None, stable: Counts | None = None) -> Reading:
        """Requests per pod in the last 10 s window: 100 each without an error, unless said."""
        release = self.status.release
        since = (release and release.evaluated_until) or self.now
        pods = {}
        for name, count in self.sets.items():
            is_canary = release is not None and name == release.canary.fingerprint
            counts = (canary if is_canary else stable) or Counts(0, 100)
            for number in range(count):
                pods[f"{name}-{number}"] = {"/exam": counts}
        return Tally(since=since, until=self.now, pods=pods)

    def looks(self, count: int, seconds: float = 1.0) -> None:
        for _ in range(count):
            self.look(seconds)

    def apply_template(self, name: str) -> None:
        """A person or a tool applies another template; the gate pauses it, if there is one."""
        self.template = name
        if self.gate is GateKind.POLICY and self.label and self.skip is None:
            self.paused, self.mark = True, "2"
        elif not self.paused:
            self.sets.setdefault(name, 0)
            self.sets[name] += 3

    def command(self, action: IntentAction, **fields: Any) -> None:
        said = {"id": f"{action}-{len(self.plans)}", "by": "ada", **fields}
        self.intent = Intent(action=action, **said)

    def finish_rollout(self) -> None:
        """The deployment controller runs the user's strategy to its end."""
        assert not self.paused
        self.sets = dict.fromkeys(self.sets, 0) | {self.template: self.replicas}

    def carry_out(self, change: Change) -> None:
        """What the cluster makes of a change."""
        match change:
            case OptIn(name):
                self.label = name
            case LetGo():
                self.label = None
            case Catch():
                self.paused, self.mark = True, "2"
            case Seed(replicas):
                self.sets[self.template] = replicas
                rest = {name: n for name, n in self.sets.items() if name != self.template}
                largest = max(rest, key=lambda name: rest[name])
                self.sets[largest] += self.replicas + self.surge - sum(self.sets.values())
            case Scale(pairs):
                self.sets |= {name.removeprefix("rs-"): n for name, n in pairs}
            case Promote():
                self.paused, self.mark = False, None
            case Undo(name):
                self.template, self.paused, self.mark = name.removeprefix("rs-"), False, None
                self.finish_rollout()
            case Freeze(stable, replicas, others):
                self.paused, self.mark = True, "2"
                self.sets[stable.removeprefix("rs-")] = replicas
                self.sets |= {name.removeprefix("rs-"): 0 for name in others}
            case _:
                self.intent = None


def settled(**facts: object) -> Table:
    """A table whose Canary watches a Deployment that runs template A."""
    table = Table(**facts)  # type: ignore[arg-type]
    table.looks(3)
    return table


def on_trial(**facts: object) -> Table:
    """A table on which template B is being analysed."""
    table = settled(**facts)
    table.apply_template("B")
    table.looks(5)
    return table


def alone(policy: Policy = POLICY) -> Policy:
    """The policy without request metrics: judged by restarts."""
    return replace(policy, requests=None)


__all__ = ["RequestSource", "Table", "alone", "on_trial", "settled"]
