"""Which pods are given traffic: what EndpointSlices say, which is late by about a second."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from controller.simulation.pods import SimulatedPod

ENDPOINT_SECONDS: Final = 1.0
JITTER: Final = 0.5
"""Each delay is between half and one and a half of the usual one."""
LEAVING: Final = 0.5
"""That a pod is asked to end is known sooner by so much: its node need not notice it first."""


@dataclass(slots=True)
class _Endpoint:
    """A pod's place in the balancer: what it should be, and when that is known at the latest."""

    wanted: bool = False
    known: bool = False
    due_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class Balancer:
    """Follows pods with a delay, both when they become Ready and when they are so no longer.

    `changed` is called after the endpoints changed.
    """

    dice: random.Random
    changed: Callable[[], None]
    endpoint_seconds: float = ENDPOINT_SECONDS
    _endpoints: dict[SimulatedPod, _Endpoint] = field(default_factory=dict)

    def takes(self, pod: SimulatedPod) -> bool:
        """Whether requests are sent to this pod now."""
        endpoint = self._endpoints.get(pod)
        return endpoint is not None and endpoint.known

    def settle(self, pod: SimulatedPod) -> None:
        """A pod that has been there for long: what it is now is known."""
        known = _can_serve(pod)
        self._endpoints[pod] = _Endpoint(wanted=known, known=known)

    def update(self, pod: SimulatedPod) -> None:
        """The pod may have changed; that will be known after a while, in the order it happened."""
        endpoint = self._endpoints.setdefault(pod, _Endpoint())
        wanted = _can_serve(pod)
        if wanted == endpoint.wanted:
            return
        endpoint.wanted = wanted
        loop = asyncio.get_running_loop()
        usual = self.endpoint_seconds * (LEAVING if pod.leaving else 1.0)
        delay = usual * self.dice.uniform(1 - JITTER, 1 + JITTER)
        endpoint.due_at = max(endpoint.due_at, loop.time() + delay)
        loop.call_at(endpoint.due_at, self._learn, pod, wanted)

    def is_done_with(self, pod: SimulatedPod) -> bool:
        """Whether nothing is sent to the pod, and nothing about it is still to be learnt."""
        endpoint = self._endpoints.get(pod)
        return endpoint is None or not (endpoint.wanted or endpoint.known)

    def forget(self, pod: SimulatedPod) -> None:
        self._endpoints.pop(pod, None)

    def _learn(self, pod: SimulatedPod, serves: bool) -> None:  # noqa: FBT001 - a timer's argument
        endpoint = self._endpoints.get(pod)
        if endpoint is not None and endpoint.known != serves:
            endpoint.known = serves
            self.changed()


def _can_serve(pod: SimulatedPod) -> bool:
    return pod.running and pod.ready and not pod.leaving
