"""What is stored of a release: small, versioned, and exact."""

import base64
import json
import zlib

import numpy as np
import pytest

from controller.domain.evidence import Evidence, History
from controller.domain.evidence.state import LENGTH, pack, unpack
from controller.domain.findings import Outcome
from controller.domain.readings import Counts
from tests.domain.evidence.service import (
    POLICY,
    ROUTES,
    Service,
    crash_window,
    healthy,
    history_of,
    rare_route_fails,
)


def test_a_release_that_is_resumed_at_every_look_ends_exactly_alike() -> None:
    running = Evidence.begin(POLICY, history_of())
    resumed = Evidence.load(running.dump(), POLICY)
    routes = ROUTES | {"/late": 0.3}
    service = Service(failing=rare_route_fails(0.001, since=200), routes=routes, seed=4)
    for look, window in enumerate(service.windows(100)):
        for evidence in (running, resumed):
            evidence.add_requests(window)
            evidence.add_crashes(crash_window(canary=int(look == 30), stable=int(look == 50)))
            if look == 40:
                evidence.exposure_changed()
        assert resumed.verdict() == running.verdict()
        assert resumed.dump() == running.dump()
        resumed = Evidence.load(resumed.dump(), POLICY)
    assert running.verdict().outcome is Outcome.WORSE


def test_twenty_routes_fit_into_eight_kilobytes() -> None:
    routes = {f"/api/v1/organisations/exams/{number}": 5.0 for number in range(20)}
    segments = {route: Counts(17, 123_456) for route in routes}
    evidence = Evidence.begin(POLICY, History(segments=segments, pod_seconds=1e6, restarts=3))
    largest = 0
    for look, window in enumerate(Service(failing=healthy(0.01), routes=routes).windows(150)):
        evidence.add_requests(window)
        evidence.add_crashes(crash_window(canary=int(look == 3)))
        largest = max(largest, len(evidence.dump()))
    assert largest <= 8192


@pytest.mark.parametrize(
    "text",
    ["", "1", "1:", "2:AAAA", "1:not base64!", "1:AAAA", "garbage", "1:" + "A" * 5000, "\x00:é"],
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
    facts, arrays = unpack(Evidence.begin(POLICY, history_of()).dump())
    for name in arrays:
        others = {key: value for key, value in arrays.items() if key != name}
        with pytest.raises(ValueError, match=name):
            Evidence.load(pack(facts, others), POLICY)
        with pytest.raises(ValueError, match=name):
            Evidence.load(pack(facts, others | {name: np.zeros(3)}), POLICY)
    for fact in facts:
        others = {key: value for key, value in facts.items() if key != fact}
        with pytest.raises(ValueError, match="evidence"):
            Evidence.load(pack(others, arrays), POLICY)


def test_numbers_that_are_none_are_refused() -> None:
    facts, arrays = unpack(Evidence.begin(POLICY, history_of()).dump())
    with pytest.raises(ValueError, match="pair"):
        Evidence.load(pack(facts, arrays | {"pair": arrays["pair"] * np.nan}), POLICY)
    head = json.dumps([{"learned": float("nan")}, []]).encode()
    packed = base64.b64encode(zlib.compress(LENGTH.pack(len(head)) + head)).decode()
    with pytest.raises(ValueError, match="NaN"):
        Evidence.load(f"1:{packed}", POLICY)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(20_000_000))).decode()
    with pytest.raises(ValueError, match="too long"):
        Evidence.load(f"1:{bomb}", POLICY)


@pytest.mark.parametrize("shape", [[-1], [10**30], ["2"], [2, None], 3])
def test_an_impossible_shape_is_refused(shape: object) -> None:
    head = json.dumps([{}, [["past", "d", shape]]]).encode()
    packed = base64.b64encode(zlib.compress(LENGTH.pack(len(head)) + head + bytes(64))).decode()
    with pytest.raises(ValueError, match="evidence cannot be read"):
        Evidence.load(f"1:{packed}", POLICY)


def test_two_that_read_one_text_do_not_share_what_they_learn() -> None:
    text = Evidence.begin(POLICY, history_of()).dump()
    one, other = Evidence.load(text, POLICY), Evidence.load(text, POLICY)
    for window in Service(failing=healthy(0.01)).windows(15):
        one.add_requests(window)
        one.add_crashes(crash_window(canary=1))
    assert one.dump() != text
    assert other.dump() == text
    assert Evidence.load(text, POLICY).dump() == text
