"""What a run came to, in the numbers that people ask for."""

from dataclasses import dataclass

from controller.simulation.scenario import Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A few seconds of a run, for charts. `at` is seconds after the push, when they end.

    `failed` counts requests that did not get a good answer, for whatever reason; `canary_*` those
    of them that went to canary pods. Pods are those wanted and those Ready at `at`.
    """

    at: float
    requests: int
    failed: int
    canary_requests: int
    canary_failed: int
    canary_pods: int
    canary_ready: int
    stable_pods: int
    stable_ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """Something that people would be told: `at` is seconds after the push."""

    at: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run of a scenario. All times are seconds after the push.

    `ending` is None when the release had not ended by the scenario's limit. `harmed_at` is the
    first request that failed or process that died for the canary's sake, `decided_at` when the
    rollback was decided, `ended_at` when the release had ended (or people had been called: Held).
    `failed_extra` are the failed requests that would have been good ones without the release,
    `failed` all of them. `broken` are promises that did not hold, in words.
    """

    scenario: str
    seed: int
    ending: Ending | None
    reason: str
    harmed_at: float | None
    decided_at: float | None
    ended_at: float | None
    lasted_seconds: float
    requests: int
    failed: int
    failed_extra: int
    crashes: int
    moments: tuple[Moment, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def seconds_to_detect(self) -> float | None:
        """From the first harm to the decision to roll back."""
        if self.decided_at is None or self.harmed_at is None:
            return None
        return max(0.0, self.decided_at - self.harmed_at)
