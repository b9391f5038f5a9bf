"""What kube-state-metrics says of the pods, those that are gone included."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from controller.domain.records import Ref
from controller.simulation.pods import SimulatedPod


@dataclass(slots=True)
class PodState:
    """One pod: its restarts with when each count was shown first, and when it came and went."""

    created_at: float
    gone_at: float | None = None
    shown: list[tuple[float, int]] = field(default_factory=list)

    def restarts(self, now: float) -> int | None:
        """The count that is shown; None when there is none yet."""
        seen = [restarts for at, restarts in self.shown if at <= now]
        return seen[-1] if seen else None


@dataclass(slots=True)
class PodStates:
    """Restarts show `lag_seconds` after they happened."""

    lag_seconds: float
    _pods: dict[Ref, PodState] = field(default_factory=dict)

    def note(self, pod: SimulatedPod, now: float, *, known: bool) -> None:
        """How often the pod was restarted shows in the metrics after a while, or is `known`."""
        state = self._pods.setdefault(_key(pod), PodState(pod.created_at))
        lag = 0.0 if known else self.lag_seconds
        if not state.shown or state.shown[-1][1] != pod.restarts:
            state.shown.append((now + lag, pod.restarts))

    def lose(self, pod: SimulatedPod, now: float) -> None:
        """The pod is gone; what was shown of it stays readable as its past."""
        state = self._pods.get(_key(pod))
        if state is not None:
            state.gone_at = now

    def restarts(self, pod: Ref, now: float) -> int | None:
        """Restarts of a pod that is there; None when nothing is shown of it."""
        state = self._pods.get(pod)
        return state.restarts(now) if state is not None and state.gone_at is None else None

    def all_of(self, namespace: str) -> Iterator[tuple[str, PodState]]:
        """Every pod that there ever was, by name."""
        return (
            (key.name, state) for key, state in self._pods.items() if key.namespace == namespace
        )


def _key(pod: SimulatedPod) -> Ref:
    return Ref(pod.workload.namespace, pod.name)
