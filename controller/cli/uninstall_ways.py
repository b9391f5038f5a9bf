"""The commands that finish what is left on one Deployment, by the controller or without it."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from controller.adapters.kube.names import GATE_MARK, GROUP, OPT_IN_LABEL, PLURAL
from controller.adapters.kube.seeding import DESIRED_ANNOTATION
from controller.cli.invoked import program
from controller.cli.safely import plain
from controller.cli.uninstall_told import Left, Leftover
from controller.domain.lifecycle import Phase
from controller.domain.policy import Policy, RollbackStrategy

ENDED: Final = "promoted,rolled-back,withdrawn,superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Commands to be run one after the other, and where they lead."""

    to: str
    commands: tuple[str, ...]


class Ways:
    """For one Deployment. `flags` are the person's own, by which their cluster is found."""

    def __init__(self, found: Leftover, flags: str) -> None:
        self._found = found
        self._flags = f" {flags}" if flags else ""
        self._place = f"-n {found.remains.namespace}{self._flags}"
        self._workload = found.remains.workload

    def running(self) -> tuple[Way, ...]:
        """While the controller runs; none where it can do nothing about it any more."""
        found = self._found
        if found.remains.canary is None:
            return ()
        match found.left:
            case Left.HELD if found.under_trial:
                return (self._promoted(), *self._rolled_back())
            case Left.HELD if found.phase in {Phase.ROLLED_BACK, Phase.QUARANTINED}:
                return (*self._returned(), self._retried())
            case Left.HELD | Left.UNJUDGED:
                return (self._awaited(),)
            case Left.PAUSED_BY_PERSON:
                return (self._kept_paused(by_us=True), self._resumed(self._deleted()))
            case Left.STUCK:
                return (Way(to="let rollouts start again", commands=self._settled()),)
            case Left.PAUSED | Left.MARKED:
                return (Way(to="take the label off", commands=(self._deleted(),)),)

    def gone(self) -> tuple[Way, ...]:
        """When the controller is gone, by kubectl alone."""
        off = tuple(self._taken_off())
        match self._found.left:
            case Left.HELD | Left.PAUSED:
                keep = Way(
                    to=f"roll out {self._found.trial} to all pods",
                    commands=(*off, *self._settled(), self._resume()),
                )
                return (keep, *self._put_back(off))
            case Left.PAUSED_BY_PERSON:
                return (self._kept_paused(by_us=False), self._resumed(*off))
            case Left.UNJUDGED:
                watch = f"kubectl rollout status deployment/{self._workload.name} {self._place}"
                return (Way(to="see it through by eye", commands=(watch, *off)),)
            case Left.STUCK:
                return (Way(to="let rollouts start again", commands=(*self._settled(), *off)),)
            case Left.MARKED:
                return (Way(to="take our marks off", commands=off),)

    # The ways, while the controller runs.

    def _promoted(self) -> Way:
        full = f"{self._act('promote')} --full"
        return Way(to=f"keep {self._found.trial}", commands=(full, *self._ended()))

    def _rolled_back(self) -> Iterator[Way]:
        """A rollback that freezes leaves the pause behind: Git has to ask for what ran before."""
        if self._freezes():
            yield from self._returned()
            return
        to = f"go back to {self._found.stable or 'what ran before'}"
        yield Way(to=to, commands=(self._act("rollback"), *self._ended()))

    def _returned(self) -> Iterator[Way]:
        """By applying what ran before: the pause is lifted then."""
        before = self._found.stable or "what ran before"
        if tool := self._workload.gitops:
            said = plain(f"# revert it in Git, so that {tool} applies {before} again")
            yield Way(to=f"go back to {before}", commands=(said, *self._lifted()))
        elif self._found.back_to:
            commands = (self._back(), *self._lifted())
            yield Way(to=f"go back to {before}", commands=commands)

    def _retried(self) -> Way:
        retry = (self._act("retry"), f"{self._act('promote')} --full", *self._ended())
        return Way(to=f"have {self._found.trial} all the same", commands=retry)

    def _awaited(self) -> Way:
        return Way(to="let it end", commands=self._ended())

    def _ended(self) -> tuple[str, ...]:
        name = self._found.remains.canary
        wait = f"{program()} status {name} {self._place} --wait-for {ENDED}"
        return wait, *self._lifted()

    def _lifted(self) -> tuple[str, str]:
        """The Canary goes last: without it nobody lifts a pause."""
        wait = f"kubectl rollout status deployment/{self._workload.name} {self._place}"
        return wait, self._deleted()

    # By kubectl.

    def _put_back(self, off: tuple[str, ...]) -> Iterator[Way]:
        if not self._found.back_to:
            return
        before = self._found.stable or f"what {self._found.back_to} runs"
        tool = self._workload.gitops
        first = (f"# revert it in Git first, or {tool} applies it again",) if tool else ()
        commands = (*first, *off, *self._settled(), self._back())
        yield Way(to=f"go back to {before}", commands=commands)

    def _kept_paused(self, *, by_us: bool) -> Way:
        off = (self._deleted(),) if by_us else tuple(self._taken_off())
        return Way(to="leave it paused", commands=off)

    def _resumed(self, *before: str) -> Way:
        return Way(to="lift the pause", commands=(*before, self._resume()))

    def _taken_off(self) -> Iterator[str]:
        """Label first: a gate that is still there holds what carries it."""
        name = self._workload.name
        if self._workload.opted_in is not None:
            yield f"kubectl label deployment {name} {self._place} {OPT_IN_LABEL}-"
        if self._workload.gate_mark is not None:
            yield f"kubectl annotate deployment {name} {self._place} {GATE_MARK}-"

    def _resume(self) -> str:
        return f"kubectl rollout resume deployment/{self._workload.name} {self._place}"

    def _settled(self) -> tuple[str, ...]:
        said = f"{DESIRED_ANNOTATION}={self._workload.replicas} --overwrite"
        return tuple(
            f"kubectl annotate replicaset {name} {self._place} {said}" for name in self._found.stuck
        )

    def _back(self) -> str:
        """Template and pause in one write: `kubectl rollout undo` refuses a paused Deployment.

        The label is the ReplicaSet's own; a Deployment's template has none.
        """
        template = (
            f"$(kubectl get replicaset {self._found.back_to} {self._place} "
            "-o jsonpath='{.spec.template}')"
        )
        return (
            f"kubectl patch deployment {self._workload.name} {self._place} --type=json -p "
            '\'[{"op":"replace","path":"/spec/template","value":\'"'
            f'{template}"\'}},{{"op":"remove","path":"/spec/template/metadata/labels/'
            'pod-template-hash"},{"op":"add","path":"/spec/paused","value":false}]\''
        )

    def _deleted(self) -> str:
        return f"kubectl delete {PLURAL}.{GROUP} {self._found.remains.canary} {self._place}"

    def _act(self, command: str) -> str:
        return f"{program()} {command} {self._found.remains.canary} {self._place}"

    def _freezes(self) -> bool:
        record = self._found.remains.record
        chosen = record.policy.rollback if record and isinstance(record.policy, Policy) else None
        if chosen in {None, RollbackStrategy.AUTO}:
            return self._workload.gitops is not None and self._workload.replicas > 1
        return chosen is RollbackStrategy.FREEZE


def flags_of(kubeconfig: str | None, context: str | None) -> str:
    """The flags that kubectl and ours have in common, as they were typed."""
    typed = (("--kubeconfig", kubeconfig), ("--context", context))
    return " ".join(f"{name} {shlex.quote(value)}" for name, value in typed if value)
