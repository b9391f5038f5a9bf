"""Each preset finds its counters, status, route and histogram in what its library really shows."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from controller.adapters.prometheus import PRESETS, PrometheusMetrics
from controller.adapters.prometheus.segments import NO_ROUTE
from controller.domain.policy import RequestSource, SlowRequests
from controller.domain.readings import Counts, Missing, Tally
from tests.adapters.prometheus.asking import LONG_AGO, at, play
from tests.adapters.prometheus.stub import Stub, running

RECORDED = Path(__file__).parent / "exposition"
LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Shown:
    """What the recorded text says: errors and requests, slow ones and those measured."""

    errors: dict[str, Counts]
    slow: dict[str, Counts]
    threshold_ms: int
    nearest: str


EXAMS = Counts(0, 5)
LAUNCH = Counts(1, 1)
TIMED = Counts(0, 1)

SHOWN = {
    "opentelemetry": Shown(
        {"/exam/{n}": EXAMS, "/lti/launch": LAUNCH},
        {"/exam/{n}": EXAMS, "/lti/launch": TIMED},
        500,
        "250ms and 500ms",
    ),
    "opentelemetry-legacy": Shown({NO_ROUTE: Counts(1, 6)}, {NO_ROUTE: Counts(0, 6)}, 500, ""),
    "istio": Shown({"": Counts(1, 6)}, {"": Counts(1, 6)}, 250, "250ms and 500ms"),
    "linkerd": Shown(
        {"exam": EXAMS, "lti-launch": LAUNCH},
        {"exam": Counts(1, 5), "lti-launch": TIMED},
        300,
        "300ms and 400ms",
    ),
    "envoy": Shown({"ingress_http": Counts(1, 6)}, {"ingress_http": Counts(2, 6)}, 250, ""),
    "micrometer": Shown(
        {"/exam/{n}": EXAMS, "/lti/launch": LAUNCH},
        {"/exam/{n}": Counts(1, 5), "/lti/launch": TIMED},
        100,
        "268ms and 358ms",
    ),
    "fastapi-instrumentator": Shown(
        {"/exam/{n}": EXAMS, "/lti/launch": LAUNCH, "none": TIMED},
        {"/exam/{n}": EXAMS, "/lti/launch": TIMED, "none": TIMED},
        1_000,
        "100ms and 500ms",
    ),
    "promhttp": Shown(
        {"/exam": EXAMS, "/lti/launch": LAUNCH}, {"/exam": EXAMS, "/lti/launch": TIMED}, 500, ""
    ),
    "prometheus-net": Shown(
        {"exam/{n}": EXAMS, "lti/launch": LAUNCH},
        {"exam/{n}": Counts(1, 5), "lti/launch": TIMED},
        256,
        "256ms and 512ms",
    ),
    "express": Shown(
        {"/exam/#val": EXAMS, "/lti/launch": LAUNCH},
        {"/exam/#val": EXAMS, "/lti/launch": TIMED},
        300,
        "300ms and 1s500ms",
    ),
    "grpc": Shown({"SayHello": Counts(1, 4)}, {"SayHello": Counts(0, 4)}, 500, ""),
}


def scraped(stub: Stub, preset: str) -> None:
    """The recorded text as of 10 s after START; before that, all of it was zero."""
    text = (RECORDED / f"{preset}.txt").read_text(encoding="utf-8")
    for name, labels, value in LINE.findall(text):
        times = [(at(t).timestamp(), 0 if t < 10 else float(value)) for t in (0, 5, 10, 15)]
        stub.add(name, {**dict(LABEL.findall(labels)), "namespace": "exams", "pod": "a"}, times)


def counted(preset: str, slow: SlowRequests | None = None) -> Tally | Missing:
    found: list[Tally | Missing] = []

    async def story(metrics: PrometheusMetrics) -> None:
        source = RequestSource(preset=preset)
        found.append(
            await metrics.tally(
                source, "exams", {"a": LONG_AGO}, slow=slow, since=at(2), now=at(16)
            )
        )

    with running() as stub:
        scraped(stub, preset)
        play(stub, story)
    return found[0]


def slower_than(milliseconds: float) -> SlowRequests:
    return SlowRequests(threshold=timedelta(milliseconds=milliseconds))


def test_there_is_a_recording_of_every_preset() -> None:
    assert set(SHOWN) == set(PRESETS) == {path.stem for path in RECORDED.glob("*.txt")}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_finds_errors_and_routes(preset: str) -> None:
    tally = counted(preset)
    assert isinstance(tally, Tally), tally
    assert tally.pods == {"a": SHOWN[preset].errors}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_finds_slow_requests(preset: str) -> None:
    shown = SHOWN[preset]
    tally = counted(preset, slower_than(shown.threshold_ms))
    assert isinstance(tally, Tally), tally
    assert tally.pods == {"a": shown.slow}


@pytest.mark.parametrize("preset", [name for name, shown in SHOWN.items() if shown.nearest])
def test_a_threshold_between_two_bounds_is_told_them(preset: str) -> None:
    found = counted(preset, slower_than(301))
    assert found == Missing("threshold is no bucket bound", SHOWN[preset].nearest)
