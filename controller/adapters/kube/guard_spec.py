"""A guard, as a person writes it: a PromQL expression that has to stay within bounds."""

import re
from typing import Final, Self

from pydantic import ConfigDict, Field, model_validator

from controller.adapters.kube.scalars import RULES, StepMinimum, Written, duration, rule, wrong
from controller.domain.policy import Guard

QUERY_CHARACTERS_MAX: Final = 4_000
VALUE_MAX: Final = 1e15
PLACEHOLDERS: Final = ("{{canaryPods}}", "{{stablePods}}", "{{pods}}")
_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

_BOUND: Final = "Give at least one of max, min and maxRatio"
_ORDER: Final = "Let min be at most max"
_PODS: Final = (
    "maxRatio compares canary with stable: write {{pods}} in query where the pods' names belong, "
    "and only with maxRatio; without it write {{canaryPods}} or {{stablePods}}"
)


class GuardSpec(Written):
    """One expression and its bounds; at least one bound is needed."""

    model_config = ConfigDict(
        json_schema_extra={
            RULES: [
                rule("has(self.max) || has(self.min) || has(self.maxRatio)", _BOUND),
                rule("!has(self.min) || !has(self.max) || self.min <= self.max", _ORDER, ".min"),
                rule("has(self.maxRatio) == self.query.contains('{{pods}}')", _PODS, ".query"),
            ]
        }
    )

    name: str = Field(
        min_length=1,
        max_length=63,
        pattern=_NAME,
        description="What the guard is called in findings and messages; no two may share a name. "
        "Small letters, digits and hyphens.",
    )
    query: str = Field(
        min_length=1,
        max_length=QUERY_CHARACTERS_MAX,
        description="PromQL expression that gives numbers, such as "
        'max(queue_length{pod=~"{{canaryPods}}"}). {{canaryPods}} and {{stablePods}} stand for a '
        "regular expression of the pods' names; {{pods}} for the canary's, then stable's, where "
        "maxRatio compares the two. Where there is more than one number, each has to be within "
        "bounds. No number is not a pass: the guard cannot be judged then, and the release waits.",
    )
    maximum: float | None = Field(
        None,
        alias="max",
        ge=-VALUE_MAX,
        le=VALUE_MAX,
        description="Largest value that is well. Default: no such bound.",
    )
    minimum: float | None = Field(
        None,
        alias="min",
        ge=-VALUE_MAX,
        le=VALUE_MAX,
        description="Smallest value that is well. Default: no such bound.",
    )
    max_ratio: float | None = Field(
        None,
        ge=0,
        le=VALUE_MAX,
        description="Largest multiple of stable's value that is well. Default: no such bound. 1.5 "
        "lets the canary have half as much again as stable.",
    )
    lasting: StepMinimum = Field(
        "0s",
        alias="for",
        description='How long the value has to be out of bounds, without a break, such as "1m"; '
        "0s to 24h. Default 0s: at once. Raise it for a value that has short peaks.",
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.maximum is None and self.minimum is None and self.max_ratio is None:
            raise wrong(f'guard "{self.name}" has no bound', _BOUND, at="max")
        if self.maximum is not None and self.minimum is not None and self.minimum > self.maximum:
            raise wrong(f"{self.minimum:g} is more than max {self.maximum:g}", _ORDER, at="min")
        return self

    @model_validator(mode="after")
    def _asked_of_somebody(self) -> Self:
        """Refuse a misspelt placeholder: it would be a text that no pod's name matches."""
        for said in re.findall(r"\{\{.*?\}\}", self.query):
            if said not in PLACEHOLDERS:
                raise wrong(f"{said} is not known", f"Write {', '.join(PLACEHOLDERS)}", at="query")
        return self

    @model_validator(mode="after")
    def _asked_of_both(self) -> Self:
        of_both = "{{pods}}" in self.query
        if self.max_ratio is not None and not of_both:
            raise wrong("there is a maxRatio, and no {{pods}} in the query", _PODS, at="query")
        if of_both and self.max_ratio is None:
            raise wrong("{{pods}} is in the query, and there is no maxRatio", _PODS, at="query")
        return self

    def guard(self) -> Guard:
        return Guard(
            name=self.name,
            query=self.query,
            minimum=self.minimum,
            maximum=self.maximum,
            max_ratio=self.max_ratio,
            lasting=duration(self.lasting),
        )
