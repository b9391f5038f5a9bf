"""Where requests are counted, as a person writes it: a preset or an own query, and the segments."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from controller.adapters.kube.scalars import RULES, Written, rule, wrong
from controller.domain.policy import OwnQuery, RequestSource, Rewrite, SegmentRules

SELECTOR_CHARACTERS_MAX: Final = 1_000
PATTERN_CHARACTERS_MAX: Final = 200
PATTERNS_MAX: Final = 20
SEGMENTS_MAX: Final = 63
_PRESET: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_LABEL: Final = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
_LABEL_OR_NONE: Final = r"^([a-zA-Z_][a-zA-Z0-9_]*)?$"

_ONE_SOURCE: Final = "Remove preset, or remove query: only one of them can be asked"
_ONE_SPLIT: Final = "Remove segmentBy, or remove query.segment: both name the label of the route"
_ONE_WAY_TO_FAIL: Final = "Remove errors, or remove status and failed: both say what an error is"

Pattern = Annotated[str, Field(min_length=1, max_length=PATTERN_CHARACTERS_MAX)]


class OwnQuerySpec(Written):
    """Counters of your own, in place of a preset."""

    model_config = ConfigDict(
        json_schema_extra={
            RULES: [
                rule(
                    "!has(self.errors) || (!has(self.status) && !has(self.failed))",
                    _ONE_WAY_TO_FAIL,
                    ".errors",
                )
            ]
        }
    )

    requests: str = Field(
        min_length=1,
        max_length=SELECTOR_CHARACTERS_MAX,
        description="Counter of all requests: a selector of series, such as "
        'http_requests_total{job="shop"}. Leave out the pods, the namespace, rate and sum: they '
        "are added.",
    )
    errors: str | None = Field(
        None,
        min_length=1,
        max_length=SELECTOR_CHARACTERS_MAX,
        description="Counter of the requests that failed, a selector as well. Default: those of "
        "requests whose status matches failed. Name it when failures have a counter of their own.",
    )
    status: str | None = Field(
        None,
        max_length=63,
        pattern=_LABEL,
        description="Label of requests that says how a request ended. Default code. Change it when "
        "your metrics call it otherwise.",
    )
    failed: str | None = Field(
        None,
        min_length=1,
        max_length=PATTERN_CHARACTERS_MAX,
        description='Regular expression of the values of status that are errors. Default "5..", '
        "which has to match the whole value. Change it when a status is a word, such as "
        '"error|timeout".',
    )
    segment: str | None = Field(
        None,
        max_length=63,
        pattern=_LABEL,
        description="Label of the route, by which requests are split. Default none: they are not "
        "split, and a fault on a rarely used route is diluted by all the others.",
    )
    histogram: str | None = Field(
        None,
        min_length=1,
        max_length=SELECTOR_CHARACTERS_MAX,
        description="Histogram of how long requests take, a selector of its _bucket series or of a "
        "native histogram. Default none. slowRequests needs it.",
    )
    unit: Literal["s", "ms"] = Field(
        "s",
        description="What the histogram's durations are in: s, seconds (default), or ms, "
        "milliseconds.",
    )

    @model_validator(mode="after")
    def _failed_in_one_way(self) -> Self:
        if self.errors is not None and (self.status is not None or self.failed is not None):
            raise wrong(
                "excludes status and failed, which say what an error is too",
                _ONE_WAY_TO_FAIL,
                at="errors",
            )
        return self

    def query(self) -> OwnQuery:
        said = {"errors": self.errors, "status": self.status, "failed": self.failed}
        said |= {"segment": self.segment, "histogram": self.histogram}
        given = {name: text for name, text in said.items() if text is not None}
        return OwnQuery(requests=self.requests, unit=self.unit, **given)


class RewriteSpec(Written):
    """One rule by which many segments become one."""

    pattern: Pattern = Field(
        description="Regular expression, found anywhere in the segment, such as /users/[0-9]+."
    )
    to: str = Field(
        max_length=PATTERN_CHARACTERS_MAX,
        description="What the found part becomes, such as /users/{id}. $1 stands for what the "
        "first pair of parentheses found.",
    )


class SegmentsSpec(Written):
    """Which segments are told apart: rewritten first, then denied, then allowed, then counted."""

    rewrites: list[RewriteSpec] = Field(
        default_factory=list,
        max_length=PATTERNS_MAX,
        description="Rules that make one segment of many, applied in this order. Default none. "
        "Needed when the label holds addresses with numbers in them instead of routes.",
    )
    deny: list[Pattern] = Field(
        default_factory=list,
        max_length=PATTERNS_MAX,
        description="Regular expressions of whole segments whose requests count nowhere. Default "
        "none. For what no user asks for, such as /healthz or /metrics.",
    )
    allow: list[Pattern] = Field(
        default_factory=list,
        max_length=PATTERNS_MAX,
        description="Regular expressions of whole segments that are judged by themselves; all "
        "others are judged together, as other. Default: all are. For when only a few matter.",
    )
    most: int = Field(
        50,
        ge=1,
        le=SEGMENTS_MAX,
        description="How many segments are judged by themselves, those with most of stable's "
        "requests first; the rest is judged together, as other. Default 50. Fewer find a fault on "
        "each of them a little sooner.",
    )

    def rules(self) -> SegmentRules:
        return SegmentRules(
            rewrites=tuple(Rewrite(pattern=r.pattern, to=r.to) for r in self.rewrites),
            deny=tuple(self.deny),
            allow=tuple(self.allow),
            most=self.most,
        )


class RequestsSpec(Written):
    """Where requests and their errors are counted."""

    model_config = ConfigDict(
        json_schema_extra={
            RULES: [
                rule("!has(self.preset) || !has(self.query)", _ONE_SOURCE, ".query"),
                rule(
                    "!has(self.query) || !has(self.query.segment) || !has(self.segmentBy)",
                    _ONE_SPLIT,
                    ".segmentBy",
                ),
            ]
        }
    )

    preset: str | None = Field(
        None,
        min_length=1,
        max_length=63,
        pattern=_PRESET,
        description="Which metrics the pods expose: the name of a set of queries, such as "
        "opentelemetry (default), istio, linkerd, micrometer or fastapi-instrumentator. The "
        "metrics must tell pods apart, since canary and stable share one Service.",
    )
    query: OwnQuerySpec | None = Field(
        None,
        description="Counters of your own, in place of a preset. Default: those of the preset. For "
        "metrics that no preset knows.",
    )
    segment_by: str | None = Field(
        None,
        max_length=63,
        pattern=_LABEL_OR_NONE,
        description="Label by which requests are split, so that a fault on a rarely used route is "
        "not diluted by all the others. Default: the preset's own label for the route. Set it to "
        'another label (a tenant, say), or to "" not to split at all.',
    )
    pod_label: str | None = Field(
        None,
        max_length=63,
        pattern=_LABEL,
        description="Label that holds the pod's name in these metrics. Default: found out by "
        "looking (pod, kubernetes_pod_name, pod_name, k8s_pod_name or exported_pod). Set it when "
        "your scrape configuration writes yet another one, or more than one of them.",
    )
    segments: SegmentsSpec = Field(
        default_factory=SegmentsSpec,
        description="Which segments are told apart. Default: the 50 with most requests.",
    )
    disabled: bool = Field(
        default=False,
        description="Judge by restarts and guards alone. Default false. For workloads that serve "
        "no requests, such as queue consumers.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.preset is not None and self.query is not None:
            raise wrong(f'excludes preset, which is "{self.preset}"', _ONE_SOURCE, at="query")
        return self

    @model_validator(mode="after")
    def _one_split(self) -> Self:
        segment = self.query.segment if self.query else None
        if segment is not None and self.segment_by is not None:
            raise wrong(
                f'"{self.segment_by}" is said beside query.segment "{segment}"',
                _ONE_SPLIT,
                at="segmentBy",
            )
        return self

    def source(self) -> RequestSource | None:
        if self.disabled:
            return None
        return RequestSource(
            **({"preset": self.preset} if self.preset is not None else {}),
            query=self.query.query() if self.query else None,
            segment_by=self.segment_by,
            pod_label=self.pod_label,
            segments=self.segments.rules(),
        )
