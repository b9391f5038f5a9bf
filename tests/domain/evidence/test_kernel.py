"""The kernel itself: a batch decides as its releases do one by one, and looks may be split."""

from dataclasses import replace

import numpy as np
import pytest

from controller.domain.evidence import Bursts, Evidence, RequestWindow, bursts_of
from controller.domain.evidence.dispersion import Dispersion
from controller.domain.evidence.ledger import Ledger
from controller.domain.evidence.looks import CrashLook, Known, RequestLook
from controller.domain.evidence.mixture import Wealth
from controller.domain.evidence.ruling import rule
from controller.domain.evidence.windows import Floats
from controller.domain.findings import Metric
from controller.domain.readings import Counts
from tests.domain.evidence.lanes import Lanes
from tests.domain.evidence.service import (
    POLICY,
    ROUTES,
    SLOW_POLICY,
    Service,
    canary_fails,
    finding_of,
    healthy,
    history_of,
    request_window,
)


def lane(array: Floats, at: int) -> Floats:
    """One release of a batch: (2, lanes, ...) -> (2, ...)."""
    return array[:, at]


def test_a_batch_rules_as_its_releases_do_one_by_one() -> None:
    lanes = Lanes(
        failing=canary_fails(0.03, 0.005), base=0.005, lanes=6, crashes_per_pod_second=1 / 400
    )
    batch = lanes.begin(SLOW_POLICY, judged_by_slowness=True)
    assert batch.errors is not None
    past, pods = batch.errors.past, np.repeat(batch.errors.past[:, :, :1] / 10, 10, axis=-1)
    alone = [
        Ledger.begin(
            SLOW_POLICY,
            errors=Known(lane(past, at), lane(pods, at)),
            slow=Known(lane(past, at), lane(pods, at)),
            restarts=batch.restarts.crashes[at],
            pod_seconds=batch.restarts.pod_seconds[at],
        )
        for at in range(6)
    ]
    decided = 0
    for look, crashes in lanes.looks(40):
        for ledger in (batch, *alone):
            at = alone.index(ledger) if ledger is not batch else None
            seen = look if at is None else _request_lane(look, at)
            ledger.add_errors(seen)
            ledger.add_slow(seen)
            ledger.add_crashes(crashes if at is None else _crash_lane(crashes, at))
        together = rule(batch, stable_gone=False)
        for at, ledger in enumerate(alone):
            one = rule(ledger, stable_gone=False)
            assert bool(one.worse) == bool(together.worse[at])
            assert bool(one.not_worse) == bool(together.not_worse[at])
            assert together.errors is not None
            assert one.errors is not None
            np.testing.assert_allclose(one.errors.concurrent, together.errors.concurrent[at])
            np.testing.assert_allclose(one.errors.history, together.errors.history[at])
            np.testing.assert_allclose(one.restarts, [part[at] for part in together.restarts])
        decided = int(together.worse.sum())
    assert decided > 0


def _request_lane(look: RequestLook, at: int) -> RequestLook:
    return look._replace(canary=lane(look.canary, at), stable=lane(look.stable, at))


def _crash_lane(look: CrashLook, at: int) -> CrashLook:
    return CrashLook(look.seconds, *(values[at, ...] for values in look[1:]))


def window(seconds: float, scale: float) -> RequestWindow:
    """Traffic at one to nine that fails now and then, 10 s of it at a scale of 1."""
    canary = {"/exams": Counts(4 * scale, 200 * scale), "/login": Counts(0, 80 * scale)}
    stable = {"/exams": Counts(4 * scale, 1800 * scale), "/login": Counts(0, 720 * scale)}
    return replace(request_window(canary, stable), seconds=seconds)


@pytest.mark.parametrize("parts", [2, 5, 20])
def test_how_counts_are_split_into_looks_does_not_matter(parts: int) -> None:
    whole, split = (Evidence.begin(POLICY, history_of(0.01)) for _ in range(2))
    for _ in range(9):
        whole.add_requests(window(10, 1))
        for _part in range(parts):
            split.add_requests(window(10 / parts, 1 / parts))
    for segment in ("", "/exams", "/login"):
        at_once = finding_of(whole, Metric.ERROR_RATE, segment).evidence
        in_parts = finding_of(split, Metric.ERROR_RATE, segment).evidence
        # What is lost or won by rounding: steps of 1 / 128 nat.
        assert np.log(in_parts) == pytest.approx(np.log(at_once), abs=0.05)


def test_rounding_neither_loses_nor_gives_what_is_less_than_a_step() -> None:
    weights = np.log(np.array([[1.0]]))
    for gain in (1e-3, -1e-3, 1e-4):
        exact, coarse = Wealth(weights, 0.6), Wealth(weights, 0.6, coarse=True)
        for _ in range(2400):
            exact.multiply(np.array([[gain]]))
            coarse.multiply(np.array([[gain]]))
        assert coarse.log_evidence() == pytest.approx(exact.log_evidence(), abs=0.02)


def test_bursts_are_those_that_a_release_would_have_measured() -> None:
    windows = [window.stable for window in Service(failing=healthy(0.02)).windows(36)]
    dispersion = Dispersion((2,))
    for pods in windows:
        rows = [
            [sum(segments.values(), Counts()), segments["/exams"]] for segments in pods.values()
        ]
        counts = np.array([[(c.errors, c.requests) for c in row] for row in rows])
        dispersion.add(np.moveaxis(counts, -1, 0))
    bursts = bursts_of(windows)
    assert bursts.keys() == {"", *ROUTES}
    for row, segment in enumerate(["", "/exams"]):
        sums = dispersion.sums[:, :, row]
        assert bursts[segment] == Bursts(*map(tuple, sums.tolist()))


def test_where_nothing_failed_there_are_no_bursts() -> None:
    assert bursts_of([]) == {}
    assert bursts_of([{"p": {"/a": Counts(0, 5)}, "q": {"/a": Counts(0, 5)}}]) == {}
    garbage = {"p": {"/a": Counts(float("nan"), 5)}, "q": {"/a": Counts(9, 5)}}
    assert bursts_of([garbage]) == {}


def test_measured_bursts_tell_bursts_from_pods_that_differ() -> None:
    past = history_of(0.01).errors
    pods = {
        name: replace(counts, errors=counts.errors * (1.6 if at % 2 else 0.4))
        for at, (name, counts) in enumerate(past.pods.items())
    }
    looks = [window.stable for window in Service(failing=healthy(0.01)).windows(60)]
    guessed = replace(history_of(0.01), errors=replace(past, pods=pods))
    told = replace(guessed, errors=replace(guessed.errors, bursts=bursts_of(looks)))

    def evidence(history: object) -> float:
        begun = Evidence.begin(POLICY, history)  # type: ignore[arg-type]
        for seen in Service(failing=canary_fails(0.2, 0.01)).windows(6):
            begun.add_requests(seen)
        return finding_of(begun, Metric.ERROR_RATE).evidence

    assert evidence(told) > 10 * evidence(guessed)
