"""Segments by rules, and the largest of too many; no look renames what another has named."""

from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.prometheus.patterns import covers
from controller.adapters.prometheus.queries import Matcher
from controller.adapters.prometheus.segments import NO_ROUTE, OTHER, largest, pooled, segment_of
from controller.domain.evidence.streams import OTHERS
from controller.domain.policy import Rewrite, SegmentRules
from controller.domain.readings import Counts


def name(value: str | None, **rules: object) -> str | None:
    labels = {} if value is None else {"route": value}
    return segment_of("route", labels, SegmentRules(**rules))  # type: ignore[arg-type]


def test_without_a_label_nothing_is_split() -> None:
    assert segment_of("", {"route": "/exam"}, SegmentRules(deny=(".*",))) == ""


def test_a_series_without_the_label_has_a_name_all_the_same() -> None:
    assert name(None) == NO_ROUTE
    assert name("") == NO_ROUTE


def test_rewrites_come_first_and_in_order() -> None:
    rewrites = (
        Rewrite(pattern="/[0-9]+", to="/{id}"),
        Rewrite(pattern="^/(v[12])/", to="/${1}$$/"),
        Rewrite(pattern="(?P<word>[a-z]+)s$", to="$word"),
    )
    assert name("/v1/users/17/exams", rewrites=rewrites) == "/v1$/users/{id}/exam"
    assert name("/v1/users/17", rewrites=rewrites, deny=("/v1./users/.id.",)) is None


def test_a_rewrite_that_leaves_nothing_is_not_the_whole_service() -> None:
    assert name("/exam", rewrites=(Rewrite(pattern=".*", to=""),)) == NO_ROUTE


def test_what_is_denied_is_nowhere_even_when_allowed() -> None:
    assert name("/healthz", deny=("/healthz|/metrics",), allow=(".*",)) is None
    assert name("/healthz/deep", deny=("/healthz|/metrics",)) == "/healthz/deep"


def test_what_is_not_allowed_is_pooled() -> None:
    assert name("/exam", allow=("/exam", "/login")) == "/exam"
    assert name("/exam/1", allow=("/exam", "/login")) == OTHER


def test_endless_text_is_cut() -> None:
    long = name("/" + "x" * 10_000)
    assert long is not None
    assert len(long) == 200
    assert long.endswith("…")


def past(**requests: float) -> dict[str, dict[str, Counts]]:
    return {"a": {segment: Counts(0, number) for segment, number in requests.items()}}


def test_the_largest_are_kept_and_the_rest_is_what_the_evidence_calls_others() -> None:
    pods = past(big=100, middle=50, small=1, tiny=1)
    named = largest(pods, 2)
    assert named == {"big", "middle"}
    assert pooled(pods, named) == {
        "a": {"big": Counts(0, 100), "middle": Counts(0, 50), OTHERS: Counts(0, 2)}
    }


def test_pools_and_the_whole_are_no_choice() -> None:
    pods = {"a": {"": Counts(0, 900), OTHER: Counts(0, 800), "x": Counts(0, 1)}}
    assert largest(pods, 1) == {"", OTHER, "x"}


@given(
    st.dictionaries(st.text("abc/", min_size=1, max_size=4), st.integers(0, 9), max_size=12),
    st.integers(1, 5),
)
def test_pooling_loses_nothing_and_ties_go_by_name(requests: dict[str, int], most: int) -> None:
    pods = past(**requests)
    named = largest(pods, most)
    assert named == largest({"a": dict(reversed(pods["a"].items()))}, most)
    kept = pooled(pods, named)["a"]
    assert sum(c.requests for c in kept.values()) == sum(requests.values())
    assert len(kept) <= most + 1


def test_no_expression_takes_for_ever_whatever_a_caller_sent() -> None:
    """Python's own engine would still be at it tomorrow."""
    for pattern, value in (
        ("/.*/.*/.*/.*/.*/.*/.*/.*/edit", "/" * 200),
        ("(a+)+b", "a" * 200),
        ("(a?){100}a{100}", "a" * 99 + "b"),
    ):
        rules = SegmentRules(deny=(pattern,), rewrites=(Rewrite(pattern=pattern, to="x"),))
        assert segment_of("route", {"route": value}, rules) == value


def test_half_a_character_is_no_error_wherever_an_expression_meets_it() -> None:
    assert covers("5.|\\?", "\ud800")
    for operator, holds in (("=~", True), ("!~", False)):
        assert Matcher("a", operator, "x.").holds({"a": "x\udfff"}) is holds


def test_half_a_character_in_a_label_is_replaced() -> None:
    assert segment_of("route", {"route": "/\ud800"}, SegmentRules(deny=("x",))) == "/?"
