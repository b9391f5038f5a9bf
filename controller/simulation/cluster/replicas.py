"""The ReplicaSet controller: as many pods as wanted, and which of them go first."""

import math
import random

from controller.simulation.cluster.node import Node
from controller.simulation.cluster.objects import Berth, Revision
from controller.simulation.cluster.server import Server
from controller.simulation.cluster.timing import Timing
from controller.simulation.trace import BY_DEPLOYMENT_CONTROLLER


class ReplicaSetController:
    """Looks at a ReplicaSet a moment after it or one of its pods changed."""

    def __init__(self, server: Server, node: Node, timing: Timing, dice: random.Random) -> None:
        self._server = server
        self._node = node
        self._timing = timing
        self._dice = dice
        server.wake_replica_set = self.wake

    def wake(self, revision: Revision) -> None:
        """Look at it soon, once."""
        if not revision.due:
            revision.due = True
            delay = self._dice.uniform(*self._timing.sync_seconds)
            self._server.loop.call_later(delay, self._sync, revision)

    def _sync(self, revision: Revision) -> None:
        revision.due = False
        if revision.gone:
            return
        staying = revision.staying
        missing = revision.replicas - len(staying)
        for _ in range(missing):
            self._node.place(revision)
        if missing < 0:
            now = self._server.loop.time()
            first = sorted(staying, key=lambda berth: _rank(berth, now))
            for berth in first[:-missing]:
                self._node.leave(berth, BY_DEPLOYMENT_CONTROLLER)
        self.count(revision)

    def count(self, revision: Revision) -> None:
        """Write the status, if it is any different."""
        counts = (len(revision.staying), revision.ready_now)
        if counts != (revision.actual, revision.ready):
            revision.actual, revision.ready = counts
            self._server.changed(revision)
            self._server.wake_deployment(revision.deployment)


def _rank(berth: Berth, now: float) -> tuple[object, ...]:
    """The lowest is deleted first: not running, not Ready, young; of like age any of them.

    Ages are compared by their logarithm, as upstream does, so that not always the pods go that a
    rollout made last.
    """
    pod = berth.pod
    return (
        pod.started_at is not None,
        pod.ready,
        _magnitude(now - berth.ready_at) if pod.ready else 0,
        0 if pod.ready else -pod.restarts,
        _magnitude(now - pod.created_at),
        pod.uid,
    )


def _magnitude(age_seconds: float) -> int:
    return -1 if age_seconds <= 0 else int(math.log2(age_seconds * 1e9))
