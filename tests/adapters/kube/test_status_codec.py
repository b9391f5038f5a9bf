"""The status is all the memory there is: it comes back as it went, or it is forgotten honestly."""

import dataclasses
import json
import logging
import math
import types
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.kube.status_codec import dump_status, load_status
from controller.domain.findings import Finding, Metric, Outcome, Side
from controller.domain.lifecycle import AT_REST, Phase
from controller.domain.records import GateKind
from controller.domain.status import (
    Notice,
    NoticeKind,
    Rejected,
    Release,
    Revision,
    Status,
)

T = TypeVar("T")
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
STABLE: Final = Revision(fingerprint="f1", number=3, replica_set="exam-1", images=("exam:v1",))
RELEASE: Final = Release(
    canary=Revision(fingerprint="f2"), started_at=NOON, step_since=NOON, deaths={"uid": 2}
)
UNDER_WAY: Final = Status(
    phase=Phase.ANALYSING,
    since=NOON,
    gate=GateKind.POLICY,
    stable=STABLE,
    release=RELEASE,
    findings=(
        Finding(
            metric=Metric.ERROR_RATE,
            outcome=Outcome.UNDECIDED,
            segment="/lti",
            canary=Side(events=1.0, exposure=30.0),
            evidence=1.5,
        ),
    ),
    rejected=(Rejected(fingerprint="f0", at=NOON, reason="crashed"),),
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type as it stands in a record."""
    zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return records(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if get_origin(hint) in {Union, types.UnionType}:
        return st.one_of([values(option) for option in get_args(hint)])
    if get_origin(hint) is tuple and get_args(hint)[-1] is ...:
        return st.lists(values(get_args(hint)[0]), max_size=2).map(tuple)
    if get_origin(hint) is tuple:
        return st.tuples(*[values(option) for option in get_args(hint)])
    if get_origin(hint) is dict:
        return st.dictionaries(*[values(option) for option in get_args(hint)], max_size=2)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        type(None): st.none(),
        bool: st.booleans(),
        int: st.integers(-(2**53), 2**53),
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(max_size=6),
        datetime: st.builds(
            lambda zone, seconds: (NOON + seconds).astimezone(zone),
            zones,
            st.timedeltas(timedelta(days=-20_000), timedelta(days=20_000)),
        ),
    }
    return plain[hint]


def records(record: type[T]) -> st.SearchStrategy[T]:
    hints = get_type_hints(record)
    fields = dataclasses.fields(record)  # type: ignore[arg-type]
    return st.builds(record, **{field.name: values(hints[field.name]) for field in fields})


def possible(status: Status) -> Status:
    """Only a release that there is can be under way."""
    if status.release is None and status.phase not in AT_REST:
        return dataclasses.replace(status, phase=Phase.IDLE)
    return status


@settings(max_examples=50, deadline=None)
@given(records(Status).map(possible))
def test_a_status_comes_back_as_it_was_written(status: Status) -> None:
    assert load_status(json.loads(json.dumps(dump_status(status), allow_nan=False))) == status


def test_a_fresh_status_is_nothing_but_its_phase() -> None:
    assert dump_status(Status()) == {"phase": "Idle"}
    assert load_status({"phase": "Idle"}) == load_status({}) == load_status(None) == Status()


def test_a_status_is_written_in_words_of_the_api() -> None:
    written = dump_status(UNDER_WAY)
    assert written["phase"] == "Analysing"
    assert written["since"] == "2026-03-01T12:00:00Z"
    assert written["stable"]["replicaSet"] == "exam-1"
    assert written["release"] == {
        "canary": {"fingerprint": "f2"},
        "startedAt": "2026-03-01T12:00:00Z",
        "step": 0,
        "stepSince": "2026-03-01T12:00:00Z",
        "deaths": {"uid": 2},
    }
    assert "verdict" not in written


def test_times_are_written_in_utc() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=3)))
    assert dump_status(Status(since=east))["since"] == "2026-03-01T12:00:00Z"


def test_evidence_beyond_every_number_is_written_as_the_largest() -> None:
    finding = dataclasses.replace(UNDER_WAY.findings[0], evidence=math.inf)
    written = dump_status(dataclasses.replace(UNDER_WAY, findings=(finding,)))
    assert math.isfinite(json.loads(json.dumps(written))["findings"][0]["evidence"])


def test_numbers_that_the_api_server_made_whole_are_read() -> None:
    written = dump_status(UNDER_WAY)
    written["findings"][0]["canary"] = {"events": 1, "exposure": 30}
    assert load_status(written) == UNDER_WAY


def test_a_field_that_a_newer_version_wrote_is_passed_over() -> None:
    assert load_status(dump_status(UNDER_WAY) | {"weather": "fine"}) == UNDER_WAY


def test_an_unknown_finding_is_forgotten_alone(caplog: pytest.LogCaptureFixture) -> None:
    written = dump_status(UNDER_WAY)
    written["findings"][0]["metric"] = "moon-phase"
    with caplog.at_level(logging.WARNING):
        assert load_status(written) == dataclasses.replace(UNDER_WAY, findings=())
    assert "moon-phase" in caplog.text


@pytest.mark.parametrize(
    "broken",
    [
        {"phase": "Levitating"},
        {"release": {"canary": {}}},
        {"release": "f2"},
        {"release": None},
    ],
)
def test_an_unreadable_release_is_forgotten_whole_and_stable_is_kept(
    broken: dict[str, Any],
) -> None:
    status = load_status(dump_status(UNDER_WAY) | broken)
    assert status.phase is Phase.IDLE
    assert status.release is None
    assert status.stable == STABLE
    assert status.rejected == UNDER_WAY.rejected


@pytest.mark.parametrize(
    "stable", [{}, "f1", {"fingerprint": 7}, {"fingerprint": "f", "number": "x"}]
)
def test_a_stable_that_cannot_be_read_is_not_made_up(stable: object) -> None:
    assert load_status(dump_status(UNDER_WAY) | {"stable": stable}) == Status()


@pytest.mark.parametrize("data", ["Idle", ["Idle"], 7])
def test_what_is_no_status_at_all_is_a_fresh_one(data: Any) -> None:
    assert load_status(data) == Status()


def test_a_part_that_is_broken_in_two_places_is_still_forgotten_alone() -> None:
    broken = {"outbox": [{}, 3], "uncovered": "none"}
    assert load_status(dump_status(UNDER_WAY) | broken) == UNDER_WAY


def test_a_time_without_a_zone_is_no_time() -> None:
    assert load_status({"phase": "Promoted", "since": "2026-03-01T12:00:00"}) == Status()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(list(dump_status(UNDER_WAY))), json_values))
def test_no_status_makes_the_reader_raise(data: dict[str, Any]) -> None:
    assert isinstance(load_status(dump_status(UNDER_WAY) | data), Status)


def test_a_notice_that_a_newer_version_wrote_takes_no_other_along() -> None:
    known = Notice(key="1", kind=NoticeKind.ROLLED_BACK, at=NOON, headline="rolled back")
    data = dump_status(Status(stable=STABLE, outbox=(known,)))
    data["outbox"].append({**data["outbox"][0], "key": "2", "kind": "OfTheFuture"})
    read = load_status(data)
    assert read.outbox == (known,)
    assert read.stable == STABLE
