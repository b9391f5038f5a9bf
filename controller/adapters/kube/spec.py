"""The spec of a Canary as a person writes it: the source of CRD, reference and parser."""

from itertools import pairwise
from typing import Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from controller.adapters.kube.analysis_spec import AnalysisSpec
from controller.adapters.kube.notifications_spec import NotificationsSpec
from controller.adapters.kube.scalars import (
    RULES,
    BakeTime,
    ShareValue,
    StepMaximum,
    StepMinimum,
    Written,
    duration,
    is_duration,
    rule,
    share,
    wrong,
)
from controller.domain.policy import (
    DEFAULT_STEPS,
    Mode,
    OnInconclusive,
    Policy,
    RollbackStrategy,
    Step,
)

STEPS_MAX: Final = 20
_NAME: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_ORDER_REMEDY: Final = "Let each step be as large as the one before it, or larger"

# Percentages have no leading zeros: they ascend when their lengths do and, among those of equal
# length, their texts. Taking the number out of the text is beyond the cost that a rule may have.
_PODS_ASCEND: Final = "self.filter(s, type(s.canary) == int).map(s, int(s.canary)).isSorted()"
_PERCENT_ASCENDS: Final = " && ".join(
    [
        "self.filter(s, type(s.canary) == string).map(s, size(s.canary)).isSorted()",
        *(
            f"self.filter(s, type(s.canary) == string && size(s.canary) == {length})"
            ".map(s, s.canary).isSorted()"
            for length in (2, 3)
        ),
    ]
)


class TargetRef(Written):
    """The Deployment whose rolling updates are held, compared and rolled back."""

    model_config = ConfigDict(
        json_schema_extra={
            RULES: [
                rule(
                    "self.name == oldSelf.name",
                    "targetRef.name cannot be changed: delete this Canary and create another",
                    ".name",
                )
            ]
        }
    )

    name: str = Field(
        min_length=1,
        max_length=253,
        pattern=_NAME,
        description="Name of the Deployment, in the namespace of the Canary. It cannot be changed "
        "afterwards: what is remembered in the status belongs to this Deployment.",
    )
    kind: Literal["Deployment"] = Field(
        "Deployment", description="Kind of the target. Only native Deployments can be held."
    )
    api_version: Literal["apps/v1"] = Field("apps/v1", description="API version of the target.")


class StepSpec(Written):
    """A share of canary pods, held until the evidence, a person, or both let the release go on."""

    model_config = ConfigDict(
        json_schema_extra={
            RULES: [
                rule(
                    f"!{is_duration('self.minDuration')} || !{is_duration('self.maxDuration')} "
                    "|| duration(self.maxDuration) >= duration(self.minDuration)",
                    "maxDuration must be at least minDuration",
                    ".maxDuration",
                )
            ]
        }
    )

    canary: ShareValue = Field(
        description="How many canary pods this step holds: a number of pods (1) or a percentage of "
        'the replicas ("25%", rounded up). Always at least one pod and at least one stable pod '
        "fewer than replicas, because a canary on every pod would be a promotion."
    )
    min_duration: StepMinimum = Field(
        "60s",
        description='Shortest time to stay on this step, such as "90s", "5m" or "1h30m"; 0s to '
        "24h. Counted from the moment the canary pods are ready. Raise it when faults need time "
        "to show: a cache that fills, a job that runs each hour.",
    )
    max_duration: StepMaximum = Field(
        "30m",
        description="Longest time to wait for the evidence to decide; 1s to 168h, at least "
        "minDuration. When it is over, onInconclusive says what follows. Raise it when there are "
        "few requests.",
    )
    approval: bool = Field(
        default=False,
        description="Wait for a person to promote, however good the evidence is. Default false. "
        "A worse canary is rolled back without asking.",
    )

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if duration(self.max_duration) < duration(self.min_duration):
            raise wrong(
                f'"{self.max_duration}" is shorter than minDuration "{self.min_duration}"',
                "Raise maxDuration, or lower minDuration",
                at="maxDuration",
            )
        return self

    def step(self) -> Step:
        return Step(
            canary=share(self.canary),
            min_duration=duration(self.min_duration),
            max_duration=duration(self.max_duration),
            approval=self.approval,
        )


def _written(step: Step) -> StepSpec:
    """One of the domain's default steps, as a person would write it."""
    return StepSpec(canary=step.canary.pods or str(step.canary))


class RollbackSpec(Written):
    """How a worse canary is taken back."""

    strategy: RollbackStrategy = Field(
        RollbackStrategy.AUTO,
        strict=False,
        description="Undo writes stable's template back into the Deployment. Freeze leaves the "
        "Deployment paused as Git wrote it and scales the canary to zero, so that a GitOps tool "
        "has nothing to revert. Auto (default) takes Freeze where Argo CD or Flux tracks the "
        "Deployment, else Undo.",
    )
    window: int = Field(
        3,
        ge=0,
        le=10,
        description="How many earlier stable revisions are let through at once when a person goes "
        "back to one of them. Default 3; 0 makes a return to an old revision a release like any "
        "other.",
    )


class CanarySpec(Written):
    """How rolling updates of a Deployment are tried out before they go to all pods."""

    target_ref: TargetRef = Field(
        description="The Deployment whose rolling updates are held. The only required field."
    )
    mode: Mode = Field(
        Mode.ENFORCE,
        strict=False,
        description="Enforce (default) holds rolling updates, promotes and rolls back. Observe "
        "touches nothing and reports what Enforce would have done: a way to gain trust first.",
    )
    steps: list[StepSpec] = Field(
        default_factory=lambda: [_written(step) for step in DEFAULT_STEPS],
        min_length=1,
        max_length=STEPS_MAX,
        description="The shares of canary pods to go through, smallest first; after the last the "
        "Deployment rolls out to all pods. Default: 1 pod, 25%, 50%. One step is enough for a "
        "small Deployment; put one with approval first to look at each release yourself.",
        json_schema_extra={
            # Complete, because the API server checks the rules of a step before it fills it up.
            "default": [_written(step).model_dump(by_alias=True) for step in DEFAULT_STEPS],
            RULES: [
                rule(_PODS_ASCEND, f"pods: {_ORDER_REMEDY}"),
                rule(_PERCENT_ASCENDS, f"percent: {_ORDER_REMEDY}"),
            ],
        },
    )
    analysis: AnalysisSpec = Field(
        default_factory=AnalysisSpec,
        description="What is compared between canary and stable, and what is tolerated.",
    )
    on_inconclusive: OnInconclusive = Field(
        OnInconclusive.HOLD,
        strict=False,
        description="What follows when a step's maxDuration is over and the evidence has not "
        "decided. Hold (default) asks a person and says what is missing. Continue goes on, as if "
        "the canary were not worse.",
    )
    rollback: RollbackSpec = Field(
        default_factory=RollbackSpec, description="How a worse canary is taken back."
    )
    bake: BakeTime = Field(
        "10m",
        description="How long a promoted release is still watched and rolled back if worse, such "
        'as "10m"; 0s (no watch) to 24h. Default 10m. Raise it when faults show late.',
    )

    notifications: NotificationsSpec = Field(
        default_factory=NotificationsSpec,
        description="Where people are told of this Canary, and whom to call when one is needed. "
        "Default: as the controller is configured.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """Refuse steps that shrink; pods and percent are not compared with each other."""
        for kind in (int, str):
            alike = [
                (number, share(step.canary))
                for number, step in enumerate(self.steps)
                if isinstance(step.canary, kind)
            ]
            for (_, smaller), (number, larger) in pairwise(alike):
                if (larger.pods, larger.percent) < (smaller.pods, smaller.percent):
                    raise wrong(
                        f"{larger} is less than the {smaller} of an earlier step",
                        _ORDER_REMEDY,
                        at=f"steps[{number}].canary",
                    )
        return self

    def policy(self) -> Policy:
        """What the decision reads."""
        analysis = self.analysis
        slow = analysis.slow_requests
        return Policy(
            target=self.target_ref.name,
            mode=self.mode,
            steps=tuple(step.step() for step in self.steps),
            requests=analysis.requests.source(),
            error_rate=analysis.error_rate.error_rate(),
            slow_requests=slow.slow_requests() if slow else None,
            restarts=analysis.restarts.restarts(),
            limits=analysis.limits.limits(),
            guards=tuple(guard.guard() for guard in analysis.guards),
            history=duration(analysis.history),
            coverage=analysis.coverage.rule(),
            false_rollback_max=analysis.false_rollback_max,
            on_inconclusive=self.on_inconclusive,
            rollback=self.rollback.strategy,
            rollback_window=self.rollback.window,
            bake=duration(self.bake),
            notifications=self.notifications.notifications(),
        )
