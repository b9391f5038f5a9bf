"""What people read."""

from dataclasses import replace
from datetime import timedelta

from controller.domain.changes import Seed
from controller.domain.findings import Finding, Metric, Outcome, Side, Uncovered, Verdict
from controller.domain.naming import camel
from controller.domain.policy import Share
from controller.domain.readings import Missing
from controller.domain.records import GateKind
from controller.domain.wording import conviction, duration, finding_sentence, uncovered_sentence
from tests.domain.tabletop import on_trial


def test_words() -> None:
    assert duration(timedelta(hours=2, minutes=5)) == "2 h 5 min"
    assert camel("decided_at") == "decidedAt"
    assert [str(Share(pods=2)), str(Share(percent=12.5))] == ["2", "12.5%"]
    assert str(Missing("stale", "10 s old")) == "stale: 10 s old"
    plain = Finding(metric=Metric.RESTARTS, outcome=Outcome.UNDECIDED)
    assert "evidence" not in finding_sentence(plain)
    whole = Finding(metric=Metric.ERROR_RATE, outcome=Outcome.WORSE, needed=200, evidence=300)
    assert conviction(Verdict(outcome=Outcome.WORSE, findings=(whole,))) == finding_sentence(whole)


def test_the_words_of_what_is_missing_name_at_most_five_routes() -> None:
    gaps = tuple(Uncovered(segment=f"/{n}", requests=0, needed=5) for n in range(7))
    said = uncovered_sentence(gaps)
    assert "/4: 0 of 5 requests" in said
    assert said.endswith("and 2 more")


def test_a_fault_of_the_whole_service_names_the_route_that_stands_out() -> None:
    failed = Side(events=9, exposure=10)
    whole = Finding(metric=Metric.ERROR_RATE, outcome=Outcome.WORSE, evidence=300, needed=200)
    route = replace(whole, outcome=Outcome.UNDECIDED, segment="/lti", canary=failed, evidence=9)
    said = conviction(Verdict(outcome=Outcome.WORSE, findings=(whole, route)))
    assert said.endswith("Most telling is /lti: canary 9 of 10 requests failed (90.00%)")


def test_the_gate_that_catches_is_named_to_people() -> None:
    table = on_trial(gate=GateKind.CATCH)
    assert "gate: catch" in table.status.outbox[0].headline
    assert Seed(1) not in table.changes or table.sets["B"] == 1
