"""Metrics of how things stand, asked for at each scrape: nothing is kept that could go stale."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from controller.domain.lifecycle import JUDGED, Phase
from controller.domain.status import Status
from controller.engine.ports import Clock

PREFIX: Final = "canary_controller_"


def gauge(name: str, text: str, number: float) -> Metric:
    """A gauge without labels."""
    return GaugeMetricFamily(PREFIX + name, text, value=number)


class Watches(Collector):
    """What the watches count themselves."""

    def __init__(
        self,
        ages_seconds: Callable[[], Mapping[str, float]],
        relists: Callable[[], Mapping[str, int]],
        reconnects: Callable[[], Mapping[str, int]],
    ) -> None:
        self._ages_seconds = ages_seconds
        self._relists = relists
        self._reconnects = reconnects

    def collect(self) -> Iterator[Metric]:
        age = GaugeMetricFamily(
            f"{PREFIX}watch_age_seconds",
            "Time since the API server was last heard of, by kind of object; on every replica.",
            labels=["kind"],
        )
        for kind, seconds in self._ages_seconds().items():
            age.add_metric([kind], seconds)
        yield age
        yield self._counted(
            "watch_relists", "Full reads after a watch was lost, by kind of object.", self._relists
        )
        yield self._counted(
            "watch_connects", "How often a watch was opened, by kind of object.", self._reconnects
        )

    def _counted(
        self, name: str, text: str, count: Callable[[], Mapping[str, int]]
    ) -> CounterMetricFamily:
        family = CounterMetricFamily(PREFIX + name, text, labels=["kind"])
        for kind, number in count().items():
            family.add_metric([kind], number)
        return family


class Standing(Collector):
    """How the Canaries stand, in one pass over their statuses; the same on every replica."""

    def __init__(self, statuses: Callable[[], Iterable[Status]], clock: Clock) -> None:
        self._statuses = statuses
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        now = self._clock.now()
        phases: Counter[Phase] = Counter()
        oldest: dict[Phase, float] = {}
        blind, waiting, notice = 0, 0, 0.0
        for status in self._statuses():
            phases[status.phase] += 1
            since = _seconds(status.since, now)
            oldest[status.phase] = max(oldest.get(status.phase, 0.0), since)
            blind += _is_blind(status)
            waiting += len(status.outbox)
            notice = max([notice, *(_seconds(one.at, now) for one in status.outbox)])
        yield from self._by_phase(phases, oldest)
        yield gauge(
            "blind_releases",
            "Releases that are being judged and cannot be: MetricsAvailable is False.",
            blind,
        )
        yield gauge("notices_waiting", "Notices that are not delivered yet.", waiting)
        yield gauge(
            "oldest_notice_seconds", "Age of the oldest notice that is not delivered yet.", notice
        )

    def _by_phase(
        self, phases: Mapping[Phase, int], oldest: Mapping[Phase, float]
    ) -> Iterator[Metric]:
        number = GaugeMetricFamily(
            f"{PREFIX}canaries", "Canaries, by the phase they are in.", labels=["phase"]
        )
        age = GaugeMetricFamily(
            f"{PREFIX}phase_oldest_seconds",
            "How long the Canary that is longest in a phase has been in it.",
            labels=["phase"],
        )
        for phase in Phase:
            number.add_metric([phase.value], phases.get(phase, 0))
            age.add_metric([phase.value], oldest.get(phase, 0.0))
        yield number
        yield age


class Hall(Collector):
    """Who acts here: this replica or another one."""

    def __init__(
        self,
        leads: Callable[[], bool],
        transitions: Callable[[], int],
        gate_in_force: Callable[[], bool],
    ) -> None:
        self._leads = leads
        self._transitions = transitions
        self._gate_in_force = gate_in_force

    def collect(self) -> Iterator[Metric]:
        yield gauge(
            "leader", "1 on the replica that acts, 0 on those that only watch.", self._leads()
        )
        family = CounterMetricFamily(
            f"{PREFIX}lease_transitions", "How often the Lease went from one replica to another."
        )
        family.add_metric([], self._transitions())
        yield family
        yield gauge(
            "gate_in_force",
            "1 where the admission policy holds changed Deployments, 0 where they are caught.",
            self._gate_in_force(),
        )


class Streams(Collector):
    """Browsers and scripts that follow releases live."""

    def __init__(self, opened: Callable[[], int], cut: Callable[[], int]) -> None:
        self._opened = opened
        self._cut = cut

    def collect(self) -> Iterator[Metric]:
        yield gauge("streams", "Live streams that are open on this replica.", self._opened())
        family = CounterMetricFamily(
            f"{PREFIX}streams_cut", "Streams that were ended because their readers were too slow."
        )
        family.add_metric([], self._cut())
        yield family


class Losses(Collector):
    """Decisions that nobody can replay."""

    def __init__(self, lost: Callable[[], int]) -> None:
        self._lost = lost

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            f"{PREFIX}recorder_lost", "Entries that the flight recorder could not write."
        )
        family.add_metric([], self._lost())
        yield family


def _seconds(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0


def _is_blind(status: Status) -> bool:
    let_through = status.release is not None and status.release.bypass
    return (
        status.phase in JUDGED
        and not let_through
        and any(
            one.type == "MetricsAvailable" and one.status == "False" for one in status.conditions
        )
    )
