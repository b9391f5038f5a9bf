"""Who judges the releases; and the production evidence as judge, one release after another."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

import numpy as np

from controller.domain.evidence import (
    CrashWindow,
    Evidence,
    History,
    RequestPast,
    RequestWindow,
    bursts_of,
)
from controller.domain.findings import Outcome
from controller.domain.policy import Policy
from controller.domain.readings import Counts
from tests.bench.decision.scenarios import LOOK_SECONDS
from tests.bench.decision.traces import Bools, Floats, Moment, Served

POLICY: Final = Policy(target="bench")
PodCounts = Mapping[str, Mapping[str, Counts]]


class Opinion(NamedTuple):
    """What a judge thinks of each lane after a look."""

    worse: Bools
    not_worse: Bools


class Judge(Protocol):
    """Told of the past, begun, then told of the release look by look."""

    def remember(self, served: Served) -> None:
        """One look of stable's past."""

    def begin(self, restarts: Floats, pod_seconds: float) -> None:
        """The release starts; restarts of the past per lane, and the pod-seconds they are of."""

    def weigh(self, moment: Moment) -> Opinion:
        """One look at the release."""


class OneByOne:
    """Each lane in evidence of its own, fed as the engine feeds it. Slow: it checks `Batch`."""

    def __init__(self, lanes: int, policy: Policy = POLICY) -> None:
        self._policy = policy
        self._past: list[list[PodCounts]] = [[] for _ in range(lanes)]
        self._evidence: list[Evidence] = []
        self._canaries = 0

    def remember(self, served: Served) -> None:
        for lane, looks in enumerate(self._past):
            looks.append(_named(served, lane))

    def begin(self, restarts: Floats, pod_seconds: float) -> None:
        for looks, count in zip(self._past, restarts, strict=True):
            history = History(errors=_past_of(looks), restarts=int(count), pod_seconds=pod_seconds)
            self._evidence.append(Evidence.begin(self._policy, history))

    def weigh(self, moment: Moment) -> Opinion:
        outcomes = [self._weigh(moment, lane) for lane in range(len(self._evidence))]
        self._canaries = moment.served.canaries
        return Opinion(
            np.array([outcome is Outcome.WORSE for outcome in outcomes]),
            np.array([outcome is Outcome.NOT_WORSE for outcome in outcomes]),
        )

    def _weigh(self, moment: Moment, lane: int) -> Outcome:
        served, evidence = moment.served, self._evidence[lane]
        canaries = served.canaries
        pods = _named(served, lane)
        names = list(pods)
        if self._canaries not in (0, canaries):
            evidence.exposure_changed()
        evidence.add_crashes(
            CrashWindow(
                canary_crashes=int(moment.canary_crashes[lane]),
                stable_crashes=int(moment.stable_crashes[lane]),
                canary_seconds=LOOK_SECONDS * canaries,
                stable_seconds=LOOK_SECONDS * (len(names) - canaries),
                seconds=LOOK_SECONDS,
            )
        )
        evidence.add_requests(
            RequestWindow(
                seconds=LOOK_SECONDS,
                canary={name: pods[name] for name in names[:canaries]},
                stable={name: pods[name] for name in names[canaries:]},
                canary_pods=canaries,
                stable_pods=len(names) - canaries,
            )
        )
        return evidence.verdict().outcome


def _named(served: Served, lane: int) -> PodCounts:
    """What the pods of one lane counted, as a metric source tells it."""
    rows = zip(served.errors[lane].tolist(), served.requests[lane].tolist(), strict=True)
    return {
        f"pod-{pod:02}": {
            f"/route/{route:02}": Counts(failed, asked)
            for route, (failed, asked) in enumerate(zip(errors, requests, strict=True))
        }
        for pod, (errors, requests) in enumerate(rows)
    }


def _past_of(looks: list[PodCounts]) -> RequestPast:
    segments: dict[str, Counts] = {}
    pods: dict[str, Counts] = {}
    for look in looks:
        for pod, routes in look.items():
            pods[pod] = sum(routes.values(), pods.get(pod, Counts()))
            for route, counts in routes.items():
                segments[route] = segments.get(route, Counts()) + counts
    return RequestPast(segments=segments, pods=pods, bursts=bursts_of(tuple(looks)))
