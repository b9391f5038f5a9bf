"""What is stored of a release: small, versioned, and exact."""

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

from controller.domain.evidence import Evidence, History, RequestPast
from controller.domain.evidence.state import LENGTH, pack, unpack
from controller.domain.findings import Outcome
from controller.domain.readings import Counts
from tests.domain.evidence.service import (
    POLICY,
    ROUTES,
    SLOW_POLICY,
    Service,
    crash_window,
    healthy,
    history_of,
    rare_route_fails,
)


def test_a_release_that_is_resumed_at_every_look_ends_exactly_alike() -> None:
    running = Evidence.begin(SLOW_POLICY, history_of())
    resumed = Evidence.load(running.dump(), SLOW_POLICY)
    routes = ROUTES | {"/late": 0.3}
    service = Service(failing=rare_route_fails(0.001, since=200), routes=routes, seed=4)
    for look, window in enumerate(service.windows(100)):
        for evidence in (running, resumed):
            evidence.add_requests(window)
            evidence.add_slow(replace(window, stable={}) if look % 9 == 0 else window)
            evidence.add_crashes(crash_window(canary=int(look == 30), stable=int(look == 50)))
            if look == 40:
                evidence.exposure_changed()
        assert resumed.verdict() == running.verdict()
        assert resumed.dump() == running.dump()
        resumed = Evidence.load(resumed.dump(), SLOW_POLICY)
    assert running.verdict().outcome is Outcome.WORSE


@pytest.mark.parametrize("rate", [0.001, 0.01])
def test_twenty_routes_fit_into_eight_kilobytes_with_slow_requests(rate: float) -> None:
    routes = {f"/api/v1/organisations/exams/{number}": 60.0 / (1 + number) for number in range(20)}
    segments = {
        route: Counts(round(rate * served * 86_400), round(served * 86_400))
        for route, served in routes.items()
    }
    past = RequestPast(segments=segments)
    history = History(errors=past, slow=past, pod_seconds=1e6, restarts=3)
    evidence = Evidence.begin(SLOW_POLICY, history)
    largest = 0
    failed = Service(failing=healthy(rate), routes=routes, seed=1).windows(150)
    slow = Service(failing=healthy(rate), routes=routes, seed=2).windows(150)
    for look, (window, slow_window) in enumerate(zip(failed, slow, strict=True)):
        evidence.add_requests(window)
        evidence.add_slow(slow_window)
        evidence.add_crashes(crash_window(canary=int(look == 3)))
        largest = max(largest, len(evidence.dump()))
    assert largest <= 8192


@pytest.mark.parametrize(
    "text",
    ["", "2", "2:", "1:AAAA", "2:not base64!", "2:AAAA", "garbage", "2:" + "A" * 5000, "\x00:é"],
)
def test_text_that_is_no_evidence_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="evidence"):
        Evidence.load(text, POLICY)


def test_evidence_that_was_cut_short_is_refused() -> None:
    text = Evidence.begin(POLICY, history_of()).dump()
    for length in range(0, len(text), 97):
        with pytest.raises(ValueError, match=r"evidence|length|base64"):
            Evidence.load(text[:length], POLICY)


def test_parts_that_do_not_fit_together_are_refused() -> None:
    facts, values = unpack(Evidence.begin(POLICY, history_of()).dump())
    for kind, numbers in values.items():
        assert numbers.size > 0
        for length in (0, numbers.size - 1, numbers.size + 1):
            others = {**values, kind: np.resize(numbers, length)}
            with pytest.raises(ValueError, match=r"too few|too many"):
                Evidence.load(pack(facts, others.values()), POLICY)
    for fact in facts:
        fewer = {key: value for key, value in facts.items() if key != fact}
        with pytest.raises(ValueError, match="evidence"):
            Evidence.load(pack(fewer, values.values()), POLICY)
    for metric in ("errors", "slow"):
        for fact in facts[metric]:
            fewer = {key: value for key, value in facts[metric].items() if key != fact}
            with pytest.raises(ValueError, match="evidence"):
                Evidence.load(pack({**facts, metric: fewer}, values.values()), POLICY)


def test_numbers_that_are_none_are_refused() -> None:
    facts, values = unpack(Evidence.begin(POLICY, history_of()).dump())
    for kind in ("f", "d"):
        others = {**values, kind: values[kind] * np.nan}
        with pytest.raises(ValueError, match="none"):
            Evidence.load(pack(facts, others.values()), POLICY)
    head = json.dumps({"learned": float("nan")}).encode()
    with pytest.raises(ValueError, match="NaN"):
        Evidence.load(by_hand(LENGTH.pack(len(head)) + head), POLICY)


def by_hand(raw: bytes) -> str:
    return f"2:{base64.b64encode(zlib.compress(raw)).decode()}"


@pytest.mark.parametrize("count", [1, 2**16, 2**32 - 1])
def test_an_impossible_number_of_numbers_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"evidence|buffer"):
        Evidence.load(by_hand(LENGTH.pack(2) + b"{}" + LENGTH.pack(count)), POLICY)


def test_what_follows_the_numbers_is_refused() -> None:
    nothing = LENGTH.pack(2) + b"{}" + 3 * LENGTH.pack(0)
    with pytest.raises(ValueError, match="longer"):
        Evidence.load(by_hand(nothing + b"more"), POLICY)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(20_000_000))).decode()
    with pytest.raises(ValueError, match="too long"):
        Evidence.load(f"2:{bomb}", POLICY)


def test_a_policy_that_asks_for_more_than_was_stored_begins_anew() -> None:
    text = Evidence.begin(POLICY, history_of()).dump()
    with pytest.raises(ValueError, match="evidence"):
        Evidence.load(text, SLOW_POLICY)


def test_two_that_read_one_text_do_not_share_what_they_learn() -> None:
    text = Evidence.begin(POLICY, history_of()).dump()
    one, other = Evidence.load(text, POLICY), Evidence.load(text, POLICY)
    for window in Service(failing=healthy(0.01)).windows(15):
        one.add_requests(window)
        one.add_crashes(crash_window(canary=1))
    assert one.dump() != text
    assert other.dump() == text
    assert Evidence.load(text, POLICY).dump() == text
