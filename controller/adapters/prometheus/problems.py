"""What of a policy Prometheus cannot be asked, said at the door: the field, why, and the remedy."""

from collections.abc import Iterable, Iterator
from typing import Final

from controller.adapters.prometheus.buckets import BUCKET, LE
from controller.adapters.prometheus.guarding import guard_problem
from controller.adapters.prometheus.patterns import template_trouble, trouble
from controller.adapters.prometheus.placing import POD_LABELS
from controller.adapters.prometheus.presets import PRESETS, REFUSED
from controller.adapters.prometheus.queries import Selector, Unusable, is_label, selector_of
from controller.domain.policy import OwnQuery, Policy, RequestSource, SegmentRules, SlowRequests
from controller.domain.records import Problem

REQUESTS: Final = "spec.analysis.requests"
QUERY: Final = f"{REQUESTS}.query"
SEGMENTS: Final = f"{REQUESTS}.segments"
SLOW: Final = "spec.analysis.slowRequests"

_RE2: Final = "Use RE2's syntax, as in PromQL: no lookaround, no backreferences"
_LABEL: Final = "Use letters, digits and underscores; the first is not a digit"


def problem_of(policy: Policy) -> Problem | None:
    """The first thing that cannot be asked, or None."""
    return next(_problems(policy), None)


def source_problem(source: RequestSource, slow: SlowRequests | None = None) -> Problem | None:
    """Why requests, or the slow ones among them, cannot be counted this way, or None."""
    return next(_of_source(source, slow), None)


def _problems(policy: Policy) -> Iterator[Problem]:
    if policy.requests is not None:
        yield from _of_source(policy.requests, policy.slow_requests)
    elif policy.slow_requests is not None:
        yield Problem(
            reason="SlowRequestsNotCountable",
            field=SLOW,
            message="requests are not counted at all (requests.disabled)",
            remedy="Remove slowRequests, or count requests",
        )
    for guard in policy.guards:
        problem = guard_problem(guard)
        if problem is not None:
            yield problem


def _of_source(source: RequestSource, slow: SlowRequests | None) -> Iterator[Problem]:
    yield from _of_preset(source.preset) if source.query is None else _of_query(source.query)
    for label, field in ((source.pod_label, "podLabel"), (source.segment_by or None, "segmentBy")):
        if label is not None:
            yield from _of_label(label, f"{REQUESTS}.{field}")
    if source.query is not None:
        yield from _of_pods(source.query, source.pod_label)
    yield from _of_rules(source.segments)
    if slow is not None:
        yield from _of_slow(source, slow)


def _of_preset(preset: str) -> Iterator[Problem]:
    field = f"{REQUESTS}.preset"
    known = ", ".join(sorted(PRESETS))
    if preset in REFUSED:
        yield Problem(
            reason="PresetNotUsable",
            field=field,
            message=REFUSED[preset],
            remedy=f"Use what the pods themselves or their sidecars count: {known}",
        )
    elif preset not in PRESETS:
        yield Problem(
            reason="PresetUnknown",
            field=field,
            message=f"{preset!r} is not known",
            remedy=f"Use one of: {known}",
        )


def _of_query(query: OwnQuery) -> Iterator[Problem]:
    yield from _of_selector(query.requests, "requests", ())
    if query.errors:
        yield from _of_selector(query.errors, "errors", ())
    if query.histogram:
        yield from _of_selector(query.histogram, "histogram", (LE,))
    yield from _of_label(query.status, f"{QUERY}.status")
    if query.segment:
        yield from _of_label(query.segment, f"{QUERY}.segment")
    yield from _of_patterns([query.failed], f"{QUERY}.failed")
    if query.unit not in {"s", "ms"}:
        yield _invalid(f"{QUERY}.unit", f"{query.unit!r} is no unit", "Write s or ms")


def _of_selector(text: str, role: str, ours: Iterable[str]) -> Iterator[Problem]:
    field = f"{QUERY}.{role}"
    try:
        selector = selector_of(text)
    except Unusable as error:
        yield _invalid(field, error.message, error.remedy)
        return
    for label in ours:
        if any(matcher.name == label for matcher in selector.matchers):
            yield _invalid(field, f"chooses by {label}, which is chosen here", f"Leave {label} out")
    wrong = ("_count", "_sum") if role == "histogram" else (BUCKET, "_sum")
    if selector.metric.endswith(wrong):
        right = BUCKET if role == "histogram" else "_count"
        yield _invalid(
            field,
            f"{selector.metric} counts something else than {role}",
            f"Select the series ending in {right}",
        )


def _of_pods(query: OwnQuery, pod_label: str | None) -> Iterator[Problem]:
    """A selector that chooses pods would hide the others from the comparison."""
    labels = POD_LABELS if pod_label is None else (pod_label,)
    for role in ("requests", "errors", "histogram"):
        text: str = getattr(query, role)
        selector = selector_of(text) if text else None
        chosen = _choosing(selector, labels) if selector is not None else None
        if chosen is not None:
            yield _invalid(
                f"{QUERY}.{role}",
                f"chooses pods itself, by {chosen}, and canary and stable are told apart by it",
                "Leave it out: the pods of a release are added",
            )


def _choosing(selector: Selector, labels: Iterable[str]) -> str | None:
    """A condition that does not just ask that there be a pod."""
    for matcher in selector.matchers:
        asks_for_any = matcher.operator == "!=" and not matcher.value
        if matcher.name in labels and not asks_for_any:
            return str(matcher)
    return None


def _of_rules(rules: SegmentRules) -> Iterator[Problem]:
    for index, rewrite in enumerate(rules.rewrites):
        field = f"{SEGMENTS}.rewrites[{index}]"
        complaint = trouble(rewrite.pattern)
        if complaint is not None:
            yield _invalid(f"{field}.pattern", f"{rewrite.pattern!r} {complaint}", _RE2)
            continue
        complaint = template_trouble(rewrite.pattern, rewrite.to)
        if complaint is not None:
            remedy = "Use $1 for the first pair of parentheses, $$ for a dollar sign"
            yield _invalid(f"{field}.to", f"{rewrite.to!r} {complaint}", remedy)
    yield from _of_patterns(rules.deny, f"{SEGMENTS}.deny", numbered=True)
    yield from _of_patterns(rules.allow, f"{SEGMENTS}.allow", numbered=True)


def _of_patterns(
    patterns: Iterable[str], field: str, *, numbered: bool = False
) -> Iterator[Problem]:
    for index, pattern in enumerate(patterns):
        complaint = trouble(pattern)
        if complaint is not None:
            where = f"{field}[{index}]" if numbered else field
            yield _invalid(where, f"{pattern!r} {complaint}", _RE2)


def _of_label(label: str, field: str) -> Iterator[Problem]:
    if not is_label(label):
        yield Problem(
            reason="LabelInvalid",
            field=field,
            message=f"{label!r} is not a Prometheus label name",
            remedy=_LABEL,
        )


def _of_slow(source: RequestSource, slow: SlowRequests) -> Iterator[Problem]:
    if slow.threshold.total_seconds() <= 0:
        yield _invalid(f"{SLOW}.threshold", "is not longer than no time", "Write 500ms, say")
    query = source.query
    if query is not None and not query.histogram:
        yield Problem(
            reason="SlowRequestsNotCountable",
            field=SLOW,
            message="the query names no histogram of how long requests take",
            remedy=f"Add {QUERY}.histogram, or remove slowRequests",
        )
    elif query is None and not PRESETS[source.preset].histogram:
        able = ", ".join(sorted(name for name, row in PRESETS.items() if row.histogram))
        yield Problem(
            reason="SlowRequestsNotCountable",
            field=SLOW,
            message=f"{source.preset} has no histogram of how long requests take",
            remedy=f"Remove slowRequests, or use one of: {able}",
        )


def _invalid(field: str, message: str, remedy: str) -> Problem:
    return Problem(reason="QueryInvalid", field=field, message=message, remedy=remedy)
