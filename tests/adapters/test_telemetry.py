"""The controller's log and metrics, as a log collector and a scraper read them."""

import asyncio
import io
import json
import logging
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from controller.adapters.clock import SystemClock
from controller.adapters.telemetry import (
    Telemetry,
    add_to_log_context,
    log_context,
    log_handler,
    redact,
)
from controller.domain.findings import Metric
from controller.domain.lifecycle import Phase
from controller.domain.status import Condition, Notice, NoticeKind, Release, Revision, Status


@contextmanager
def log(
    form: str = "json", secrets: tuple[str, ...] = ()
) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = log_handler(form, stream, secrets)
    logger = logging.getLogger("tests.telemetry")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield logger, stream
    finally:
        logger.removeHandler(handler)


def test_a_line_is_one_json_object_with_a_time_in_utc() -> None:
    with log() as (logger, stream):
        logger.warning("two\nlines of %s", "café")
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert said["message"] == "two\nlines of café"
    assert said["level"] == "warning"
    assert said["logger"] == "tests.telemetry"
    assert said["time"].endswith("Z")
    assert datetime.fromisoformat(said["time"]).utcoffset() == timedelta(0)
    assert "release" not in said


def test_a_release_is_named_in_every_line_of_its_task_and_in_no_other() -> None:
    with log() as (logger, stream):

        async def look(release: str) -> None:
            with log_context(release=release, phase="Analysing"):
                await asyncio.sleep(0)
                with log_context(revision="7"):
                    logger.info("inner")
                await asyncio.sleep(0)
                logger.info("outer")

        async def story() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(look("a/a"))
                group.create_task(look("b/b"))
            logger.info("nobody's")

        asyncio.run(story())
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    said = sorted((e.get("release", ""), e["message"], e.get("revision", "")) for e in lines)
    assert said == [
        ("", "nobody's", ""),
        ("a/a", "inner", "7"),
        ("a/a", "outer", ""),
        ("b/b", "inner", "7"),
        ("b/b", "outer", ""),
    ]


def test_a_field_that_is_not_of_the_log_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="colour"), log_context(colour="red"):
        pass


def test_an_exception_is_part_of_its_line() -> None:
    with log() as (logger, stream):
        try:
            {}["gone, Authorization: Bearer abc.def-1"]
        except KeyError:
            logger.exception("broken")
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert "KeyError: 'gone" in said["exception"]
    assert "abc.def" not in line


def test_people_read_text() -> None:
    with log("text") as (logger, stream), log_context(release="exams/exam-api", phase="Holding"):
        logger.info("no requests on %s", "/lti")
    line = stream.getvalue()
    assert "INFO    no requests on /lti [release=exams/exam-api phase=Holding]\n" in line


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.DEF-123_~+/=", "abc.DEF"),
        ("authorization: bearer abcdef", "abcdef"),
        ("{'Authorization': 'Basic dXNlcjpw', 'x': 1}", "dXNlcjpw"),
        ("curl with bearer 0123456789abcdef0123456789abcdef", "0123456789abcdef"),
        ("POST https://hooks.slack.com/services/T0/B0/xyz failed", "T0/B0/xyz"),
        ("https://hooks.slack-gov.com/services/T0/B0/xyz", "xyz"),
        ('"POST /services/T012/B012/xyz HTTP/1.1" 404', "xyz"),
        ("http://admin:hunter2@prometheus:9090", "hunter2"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJr.c2ln_x-1 sent", "c2ln_x"),
        ("https://chat.example/mine sent", "chat.example/mine"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str) -> None:
    clean = redact(text, secrets=("https://chat.example/mine", ""))
    assert secret not in clean
    assert "<redacted>" in clean


@pytest.mark.parametrize(
    "text",
    [
        "the bearer token file /var/run/token does not exist",
        "http://prometheus.monitoring:9090/api/v1/query",
        "registry.example:5000/team/app@sha256:abcdef",
        "exams/exam-api rolled back to revision 6 (exam-api:1.4.2)",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_the_whole_processs_log_goes_to_stderr_in_one_form() -> None:
    program = (
        "import logging, warnings\n"
        "from controller.adapters.telemetry import configure_logging\n"
        "logging.basicConfig()\n"
        "configure_logging('debug', 'json', secrets=('hush',))\n"
        "logging.getLogger('some.library').debug('hush, a library')\n"
        "logging.getLogger('slack_sdk.webhook').debug('never')\n"
        "logging.getLogger('uvicorn.error').info('never')\n"
        "warnings.warn('old')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    said = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert said[0] == "<redacted>, a library"
    assert "UserWarning: old" in said[1]
    assert len(said) == 2


def samples(registry: CollectorRegistry) -> dict[str, float]:
    text = generate_latest(registry).decode()
    return {
        sample.name + "".join(f",{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_everything_that_is_counted_is_shown() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    depth = [3]
    telemetry.show_queue(lambda: depth[0])
    ages = {"pods": 12.5, "canaries": math.inf}
    telemetry.show_watches(lambda: ages, lambda: {"pods": 2}, lambda: {"pods": 3})
    telemetry.released("RolledBack", "restarts")
    telemetry.rollback_sent(1.4)
    with telemetry.visiting("exams/exam-api"):
        pass
    telemetry.failed("conflict")
    telemetry.noticed("delivered")
    telemetry.queried("ok", 0.2)
    shown = samples(registry)
    prefix = "canary_controller_"
    assert {key: shown[prefix + key] for key in EXPECTED} == EXPECTED
    depth[0] = 0
    assert samples(registry)[prefix + "queue_depth"] == 0


EXPECTED = {
    "releases_total,restarts,RolledBack": 1,
    "crash_to_rollback_seconds_bucket,1.0": 0,
    "crash_to_rollback_seconds_bucket,2.0": 1,
    "crash_to_rollback_seconds_sum": 1.4,
    "reconcile_seconds_count": 1,
    "reconcile_errors_total,conflict": 1,
    "queue_depth": 3,
    "notices_total,delivered": 1,
    "notices_total,refused": 0,
    "prometheus_queries_total,ok": 1,
    "prometheus_query_seconds_count": 1,
    "watch_age_seconds,pods": 12.5,
    "watch_age_seconds,canaries": math.inf,
    "watch_relists_total,pods": 2,
}


def test_a_sentence_as_a_cause_makes_no_time_series_of_its_own() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    for number in range(10):
        telemetry.released("RolledBack", f"restarts: {number} crashes")
    assert samples(registry)["canary_controller_releases_total,other,RolledBack"] == 10


def test_two_registries_do_not_meet() -> None:
    Telemetry(CollectorRegistry()).failed("bug")
    other = CollectorRegistry()
    Telemetry(other)
    assert samples(other)["canary_controller_reconcile_errors_total,bug"] == 0


def test_the_first_of_anything_is_no_new_series() -> None:
    """Or `increase` would not see it: the first rollback would raise no alert."""
    registry = CollectorRegistry()
    Telemetry(registry)
    shown = samples(registry)
    prefix = "canary_controller_"
    assert shown[prefix + "releases_total,none,RolledBack"] == 0
    assert all(f"{prefix}releases_total,{metric.value},RolledBack" in shown for metric in Metric)
    assert shown[prefix + "notices_total,refused"] == 0


def test_a_look_that_fails_is_timed_and_named_in_the_log() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    with log() as (logger, stream):

        def look() -> None:
            with telemetry.visiting("exams/exam-api"):
                add_to_log_context(phase="Analysing")
                logger.info("looking")
                {}["nothing"]

        with pytest.raises(KeyError):
            look()
        logger.info("afterwards")
    during, after = map(json.loads, stream.getvalue().splitlines())
    assert (during["release"], during["phase"]) == ("exams/exam-api", "Analysing")
    assert not {"release", "phase"} & after.keys()
    assert samples(registry)["canary_controller_reconcile_seconds_count"] == 1


def test_the_system_clock_speaks_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


class Noon:
    def now(self) -> datetime:
        return NOW


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def blind(phase: Phase) -> Status:
    condition = Condition(
        type="MetricsAvailable",
        status="False",
        reason="Blind",
        message="ErrorRate: no data",
        last_transition_time=NOW,
        observed_generation=1,
    )
    return Status(phase=phase, since=ago(5), conditions=(condition,))


def test_how_the_canaries_stand_is_asked_for_at_each_scrape() -> None:
    registry = CollectorRegistry()
    revision = Revision(fingerprint="f")
    let_through = Release(canary=revision, started_at=NOW, step_since=NOW, bypass="a hotfix")
    notice = Notice(key="k", kind=NoticeKind.HOLDING, at=ago(90), headline="Held")
    statuses = [
        Status(phase=Phase.HOLDING, since=ago(60)),
        Status(phase=Phase.HOLDING, since=ago(3600), outbox=(notice,)),
        blind(Phase.ANALYSING),
        blind(Phase.IDLE),
        replace(blind(Phase.PROMOTING), release=let_through),
    ]
    Telemetry(registry).show_standing(lambda: statuses, Noon())
    shown = samples(registry)
    prefix = "canary_controller_"
    assert shown[prefix + "canaries,Holding"] == 2
    assert shown[prefix + "canaries,Seeding"] == 0
    assert shown[prefix + "phase_oldest_seconds,Holding"] == 3600
    assert shown[prefix + "phase_oldest_seconds,Seeding"] == 0
    assert shown[prefix + "blind_releases"] == 1, "nor is what is let through, nor what is at rest"
    assert shown[prefix + "oldest_notice_seconds"] == 90
    statuses.clear()
    assert samples(registry)[prefix + "canaries,Holding"] == 0


def test_who_leads_is_shown_and_how_often_that_changed() -> None:
    registry = CollectorRegistry()
    leads = [True]
    Telemetry(registry, "1.2.3").show_replica(lambda: leads[0], lambda: 4, lambda: False)
    shown = samples(registry)
    assert shown["canary_controller_leader"] == 1
    assert shown["canary_controller_lease_transitions_total"] == 4
    assert shown["canary_controller_gate_in_force"] == 0
    leads[0] = False
    assert samples(registry)["canary_controller_leader"] == 0
    (built,) = (key for key in shown if key.startswith("canary_controller_build_info"))
    assert "1.2.3" in built


def test_answers_are_counted_by_route_and_streams_as_they_are() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    telemetry.show_streams(lambda: 7, lambda: 2)
    telemetry.answered("GET", "/api/v1/canaries", 200)
    telemetry.weighed(12)
    shown = samples(registry)
    prefix = "canary_controller_"
    assert shown[prefix + "http_requests_total,GET,/api/v1/canaries,200"] == 1
    assert (shown[prefix + "streams"], shown[prefix + "streams_cut_total"]) == (7, 2)
    assert shown[prefix + "evidence_age_seconds_bucket,10.0"] == 0
    assert shown[prefix + "evidence_age_seconds_bucket,15.0"] == 1
