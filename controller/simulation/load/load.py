"""The users of a run and the pods that serve them: who gets traffic, when, and how it fares.

Between two events rates are constant, so nothing happens until something changes or somebody
looks: then what happened since is drawn at once.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from controller.domain.records import Ref
from controller.simulation.dice import Dice
from controller.simulation.load.balancer import Balancer
from controller.simulation.load.fleet import Fleet, Member
from controller.simulation.load.ledger import Ledger
from controller.simulation.load.lives import OLD_SECONDS, Lives, Node
from controller.simulation.load.rates import Law, Rates, Surroundings
from controller.simulation.load.scrapes import FAILED, FAST, Scrapes
from controller.simulation.load.states import PodStates
from controller.simulation.load.traffic import HOUR_SECONDS, Draws
from controller.simulation.load.troubles import Troubles
from controller.simulation.outcome import Moment
from controller.simulation.pods import SimulatedPod
from controller.simulation.scenario import Scenario

SWING_SECONDS: Final = 60.0
"""How long the traffic is taken to be the same while it rises and falls with the day."""


class Load:
    """Traffic on one Deployment of the cluster: a PodListener with timers of its own.

    `stable_template` and `canary_template` have the scenario's defects; any other has none. Counts
    begin with the push, see `pushed`. `stop` when the run is over.
    """

    def __init__(
        self,
        scenario: Scenario,
        cluster: Node,
        key: Ref,
        dice: Dice,
        *,
        stable_template: str,
        canary_template: str,
    ) -> None:
        self._scenario = scenario
        self._key = key
        self._dice = dice.stream("bursts")
        slow = scenario.policy.slow_requests
        self._law = Law(scenario.traffic.routes, slow)
        self._ledger = Ledger(canary_template)
        self._fleet = Fleet(
            canary=canary_template,
            differ_by=scenario.traffic.pods_differ_by,
            dice=dice.stream("pods of the traffic"),
            balancer=Balancer(dice=dice.stream("balancer"), changed=self._changed),
        )
        defects = {
            stable_template: scenario.stable_defects,
            canary_template: scenario.canary_defects,
        }
        self._lives = Lives(cluster, dice.stream("lives"), defects, self._dies, self._changed)
        self._troubles = Troubles(
            scenario, dice.stream("troubles"), self._changed, self._fleet.lucks
        )
        self.scrapes: Final = Scrapes(
            scenario.scraping,
            self._law.routes,
            dice.counts("scrapes"),
            refresh=self._catch_up,
            blind=self._troubles.is_blind,
            channels=FAST + (slow is not None),
        )
        self.states: Final = PodStates(scenario.scraping.restarts_lag_seconds)
        self.guards: Final = scenario.guards
        self._draws = Draws(scenario.traffic, self._law, self.scrapes, self._ledger, dice)
        self._rates: Rates | None = None
        self._at = self._now()
        self._planning = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stopped = False
        self._listeners = cluster.listeners
        self._listeners.append(self)
        self._rise_and_fall()
        self._plan_burst()

    # What a run asks.

    @property
    def push_at(self) -> float | None:
        """When the canary was pushed, in seconds of the run; None before."""
        return self._ledger.pushed_at

    def pushed(self, at: float) -> None:
        """The canary is pushed now: users are counted and disturbances planned from here."""
        self._catch_up()
        self._ledger.pushed_at = at
        self._troubles.pushed()
        self._timers["moment"] = self._call_at(at + self._ledger.next_moment_at, self._end_moment)

    def stop(self) -> None:
        """Nothing happens any more."""
        self._catch_up()
        self._stopped = True
        self._listeners[:] = [one for one in self._listeners if one is not self]
        for timer in self._timers.values():
            timer.cancel()
        self._lives.stop()

    @property
    def requests(self) -> int:
        """Of users, since the push."""
        self._catch_up()
        return self._ledger.requests

    @property
    def failed(self) -> int:
        """Requests that did not get a good answer."""
        self._catch_up()
        return self._ledger.failed

    @property
    def failed_extra(self) -> int:
        """Those that would have got one without the release."""
        self._catch_up()
        return self._ledger.failed_extra

    @property
    def crashes(self) -> int:
        """Canary processes that died by a defect."""
        return self._ledger.crashes

    @property
    def harmed_at(self) -> float | None:
        """When the release did harm first, in seconds after the push."""
        self._catch_up()
        at, pushed_at = self._ledger.harmed_at, self._ledger.pushed_at
        return None if at is None or pushed_at is None else at - pushed_at

    def moments(self) -> tuple[Moment, ...]:
        """Every five seconds since the push; the last moment may be shorter."""
        self._catch_up()
        return self._ledger.moments(self._at, self._fleet.present())

    # What the cluster tells.

    def born(self, pod: SimulatedPod) -> None:
        """See PodListener, here and below."""
        if pod.workload != self._key:
            return
        self._catch_up()
        now = self._now()
        settled = now - pod.created_at > OLD_SECONDS
        self._fleet.add(pod, settled=settled)
        self.scrapes.add(pod, now)
        self.states.note(pod, now, known=settled)
        self._changed()

    def started(self, pod: SimulatedPod) -> None:
        member = self._fleet.member(pod)
        if member is not None:
            self._catch_up()
            member.broke = False
            self.states.note(pod, self._now(), known=member.settled)
            self._lives.started(pod)
            self._follow(member)

    def ended(self, pod: SimulatedPod) -> None:
        member = self._fleet.member(pod)
        if member is not None:
            self._catch_up()
            self.scrapes.lose(self._fleet.members.index(member))
            self._lives.ended(pod)
            self._follow(member)

    def readiness_changed(self, pod: SimulatedPod) -> None:
        member = self._fleet.member(pod)
        if member is not None:
            self._lives.readiness_changed(pod)
            self._follow(member)

    def gone(self, pod: SimulatedPod) -> None:
        member = self._fleet.member(pod)
        if member is not None:
            self._catch_up()
            self.states.lose(pod, self._now())
            member.gone = True
            self._lives.ended(pod)
            self._follow(member)

    # What happens.

    def _follow(self, member: Member) -> None:
        """What a pod is now reaches the balancer, and the rates."""
        self._fleet.follow(member)
        self._changed()

    def _changed(self) -> None:
        """Rates are no longer what they were: what happened until now is drawn at the old ones."""
        if self._stopped:
            return
        self._catch_up()
        for row in self._fleet.leave():
            self.scrapes.remove(row)
        self._rates = None
        if not self._planning:
            self._planning = True
            asyncio.get_running_loop().call_soon(self._plan)

    def _plan(self) -> None:
        """After everything that happens in this instant: when will the next request kill?"""
        self._planning = False
        if not self._stopped:
            kills = self._current().kills
            pods = [member.pod for member in self._fleet.members]
            self._lives.aim(pods, kills, self._law.routes)

    def _catch_up(self) -> None:
        if self._stopped:
            return
        now = self._now()
        if now <= self._at:
            return
        rates = self._current()
        for row, member in enumerate(self._fleet.members):
            if member.settled:
                member.settled = False
                self._recall(row, member.pod, rates)
        self._draws.serve(rates, self._at, now)
        self._at = now

    def _recall(self, row: int, pod: SimulatedPod, rates: Rates) -> None:
        """What a process counted before the run."""
        if pod.running and pod.started_at is not None:
            age = self._at - pod.started_at
            counted = self._draws.past(rates, row, age, self.scrapes.looks_before(age))
            self.scrapes.recall(row, counted, pod.started_at)

    def _current(self) -> Rates:
        """The rates since the last event."""
        if self._rates is None:
            routes, traffic = self._law.routes, self._scenario.traffic
            wanted = traffic.requests_per_second * self._troubles.swing(self._at)
            around = Surroundings(
                requests=wanted * self._law.shares * self._troubles.surge(routes),
                outage=self._troubles.outage(routes),
                released=self._fleet.released,
            )
            places = self._fleet.places(self._lives, self._troubles, self._at)
            self._rates = self._law.rates(places, around)
            self._draws.follow(self._rates)
        return self._rates

    def _dies(self, pod: SimulatedPod, route: str | None) -> None:
        """A process is about to end by a defect: its last request is nobody's success."""
        member = self._fleet.member(pod)
        assert member is not None, "only processes that are known have lives"
        self._catch_up()
        member.broke = True
        canary = pod.fingerprint == self._fleet.canary
        self._ledger.crash(self._now(), canary=canary, requests=0 if route is None else 1)

    def _call_at(self, at: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_at(at, action)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _end_moment(self) -> None:
        self._catch_up()
        pushed_at = self._ledger.pushed_at
        assert pushed_at is not None, "moments begin with the push"
        self._ledger.end_moment(self._fleet.present())
        following = pushed_at + self._ledger.next_moment_at
        self._timers["moment"] = self._call_at(following, self._end_moment)

    def _rise_and_fall(self) -> None:
        if self._scenario.traffic.daily_swing:
            self._changed()
            self._timers["swing"] = self._call_at(self._now() + SWING_SECONDS, self._rise_and_fall)

    def _plan_burst(self) -> None:
        rate = self._scenario.traffic.bursts_per_hour / HOUR_SECONDS
        if rate:
            at = self._now() + self._dice.expovariate(rate)
            self._timers["burst"] = self._call_at(at, self._burst)

    def _burst(self) -> None:
        self._catch_up()
        rows = self._fleet.serving()
        if rows:
            row, errors = self._dice.choice(rows), self._draws.burst()
            self.scrapes.counters[row, FAILED, self._draws.any_route()] += errors
            canary = self._fleet.members[row].pod.fingerprint == self._fleet.canary
            self._ledger.fail(errors, canary=canary)
        self._plan_burst()
