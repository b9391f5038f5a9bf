"""The deployment controller: carries out what `rollout` makes of each Deployment."""

import math
import random
from collections.abc import Iterable
from typing import Final

from controller.domain.records import Ref
from controller.simulation.cluster.objects import Deployment, Revision
from controller.simulation.cluster.rollout import (
    Created,
    Facts,
    SetFacts,
    current_of,
    next_step,
)
from controller.simulation.cluster.server import Server
from controller.simulation.cluster.timing import Timing
from controller.simulation.trace import BY_DEPLOYMENT_CONTROLLER

HISTORY_MAX: Final = 10
"""Old ReplicaSets that are kept: the default of `revisionHistoryLimit`."""


class DeploymentController:
    """Looks at a Deployment a moment after it or one of its ReplicaSets changed."""

    def __init__(self, server: Server, timing: Timing, dice: random.Random) -> None:
        self._server = server
        self._timing = timing
        self._dice = dice
        server.wake_deployment = self.wake

    def wake(self, deployment: Deployment) -> None:
        """Look at it soon, once."""
        if not deployment.due:
            deployment.due = True
            delay = self._dice.uniform(*self._timing.sync_seconds)
            self._server.loop.call_later(delay, self._sync, deployment)

    def _sync(self, deployment: Deployment) -> None:
        deployment.due = False
        if self._server.deployments.get(deployment.key) is not deployment:
            return
        self._number(deployment)
        step = next_step(facts_of(deployment))
        if isinstance(step, Created):
            self._create(deployment, step.replicas)
            step = next_step(facts_of(deployment))
        assert not isinstance(step, Created), "there is one already"
        marks = marks_of(deployment)
        by_name = {one.key.name: one for one in deployment.sets}
        for scaled in step:
            revision = by_name[scaled.name]
            self._server.resize(revision, scaled.replicas, BY_DEPLOYMENT_CONTROLLER, marks)
        if deployment.manifest.paused or (not step and _is_complete(deployment)):
            self._clean_up(deployment)
        self._count(deployment)

    def _number(self, deployment: Deployment) -> None:
        """The template's ReplicaSet has the greatest revision number, also if it is an old one."""
        current = current_revision(deployment)
        if current is None:
            return
        number = _greatest(one for one in deployment.sets if one is not current) + 1
        if current.revision < number:
            current.revision = number
            self._server.changed(current)

    def _create(self, deployment: Deployment, replicas: int) -> None:
        desired, most = marks_of(deployment)
        revision = Revision(
            key=self._free_name(deployment),
            uid=self._server.uid(),
            deployment=deployment,
            template=deployment.manifest.template,
            created_at=self._server.loop.time(),
            replicas=replicas,
            desired=desired,
            most=most,
            revision=_greatest(deployment.sets) + 1,
        )
        self._server.add_replica_set(revision, BY_DEPLOYMENT_CONTROLLER)

    def _free_name(self, deployment: Deployment) -> Ref:
        """Another name when the usual one is taken by a ReplicaSet of somebody else's."""
        name = replica_set_name(deployment.key, deployment.manifest.template)
        collisions = 0
        while name in self._server.replica_sets:
            collisions += 1
            usual = replica_set_name(deployment.key, deployment.manifest.template)
            name = Ref(usual.namespace, f"{usual.name}-{collisions}")
        return name

    def _clean_up(self, deployment: Deployment) -> None:
        """Old ReplicaSets without pods, beyond the history, by their revision."""
        current = current_revision(deployment)
        old = [one for one in deployment.sets if one is not current]
        beyond = max(0, len(old) - HISTORY_MAX)
        for one in sorted(old, key=lambda one: one.revision)[:beyond]:
            if one.replicas == one.actual == 0 and not one.due:
                self._server.remove_replica_set(one, BY_DEPLOYMENT_CONTROLLER)

    def _count(self, deployment: Deployment) -> None:
        """Write the status, if it is any different."""
        current = current_revision(deployment)
        counts = (
            deployment.generation,
            sum(one.actual for one in deployment.sets),
            current.actual if current else 0,
            sum(one.ready for one in deployment.sets),
        )
        known = (
            deployment.observed,
            deployment.total,
            deployment.updated,
            deployment.available,
        )
        if counts != known:
            deployment.observed, deployment.total, deployment.updated, deployment.available = counts
            self._server.changed(deployment)
            # Its own status is news to it as well: what is complete now is tidied up next.
            self.wake(deployment)


def facts_of(deployment: Deployment) -> Facts:
    """What the deployment controller goes by."""
    made = deployment.manifest
    surge, unavailable = made.fenceposts
    current = current_revision(deployment)
    return Facts(
        replicas=made.replicas,
        surge=surge,
        unavailable=unavailable,
        paused=made.paused,
        strategy=made.strategy,
        total=deployment.total,
        sets=tuple(
            SetFacts(
                name=one.key.name,
                created_at=math.floor(one.created_at),
                replicas=one.replicas,
                available=one.ready,
                desired=one.desired,
                most=one.most,
                current=one is current,
            )
            for one in deployment.sets
        ),
    )


def current_revision(deployment: Deployment) -> Revision | None:
    """The ReplicaSet that counts as the template's."""
    sets = [(one.key.name, math.floor(one.created_at), one.template) for one in deployment.sets]
    name = current_of(sets, deployment.manifest.template)
    return next((one for one in deployment.sets if one.key.name == name), None)


def marks_of(deployment: Deployment) -> tuple[int, int]:
    """The annotations of a ReplicaSet that is scaled now: desired, and at most."""
    made = deployment.manifest
    return made.replicas, made.replicas + made.fenceposts[0]


def replica_set_name(deployment: Ref, template: str) -> Ref:
    """The usual name of a template's ReplicaSet."""
    return Ref(deployment.namespace, f"{deployment.name}-{template}")


def _greatest(sets: Iterable[Revision]) -> int:
    return max((one.revision for one in sets), default=0)


def _is_complete(deployment: Deployment) -> bool:
    wanted = deployment.manifest.replicas
    counts = (deployment.total, deployment.updated, deployment.available)
    return counts == (wanted, wanted, wanted) and deployment.observed == deployment.generation
