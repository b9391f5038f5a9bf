"""The scenarios that come along are whole, and each is a file that can be copied."""

import pytest

from controller.simulation.scenario import Ending, Kill
from controller.simulation.scenarios import catalogue
from tests.simulation.scenarios.policies import policy_of

ASKED_FOR = {
    "incident",
    "healthy",
    "slow-burn",
    "one-route-500",
    "crash-on-start",
    "crash-after-10-minutes",
    "oom-leak",
    "flapping-readiness",
    "third-party-outage",
    "low-traffic",
    "unexercised-route",
    "noisy-neighbour",
    "latency-regression",
    "prometheus-outage",
}


def test_everything_that_was_asked_for_is_there() -> None:
    assert set(catalogue.names()) >= ASKED_FOR
    assert catalogue.names()[0] == "incident"


def test_an_unknown_name_has_no_file() -> None:
    assert catalogue.file_of("incidents") is None


@pytest.mark.parametrize("name", catalogue.names())
def test_a_scenario_can_be_read_and_explains_itself(name: str) -> None:
    scenario = catalogue.scenario(name, policy_of)
    assert scenario.name == name
    assert len(scenario.title) <= 70
    assert scenario.story
    file = catalogue.file_of(name)
    assert file is not None
    assert file.read_text(encoding="utf-8").startswith("# ")


def test_the_incident_is_the_incident() -> None:
    incident = catalogue.scenario("incident", policy_of)
    assert incident.shop.replicas == 10
    assert incident.traffic.requests_per_second == 100
    assert incident.traffic.routes["/lti/launch"].share == pytest.approx(0.01)
    assert incident.canary_defects == (Kill(route="/lti/launch"),)
    assert incident.people_seconds == 600
    assert incident.expect is Ending.ROLLED_BACK


def test_no_two_scenarios_have_the_same_title() -> None:
    titles = [scenario.title for scenario in catalogue.scenarios(policy_of)]
    assert len(set(titles)) == len(titles)
