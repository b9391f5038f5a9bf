"""What a person may write in spec.notifications, and what they are told when they may not."""

from typing import Any

import pytest

from controller.adapters.kube.crd import crd
from controller.adapters.kube.model import parse_policy
from controller.domain.policy import Notifications, Policy
from controller.domain.records import Problem


def parse(notifications: object) -> Policy | Problem:
    spec = {"targetRef": {"name": "exam"}, "notifications": notifications}
    return parse_policy(spec, lambda _policy: None)


def test_channel_and_mentions_become_the_policys() -> None:
    slack = {"channel": "#exams", "mentions": ["U0123", "S0456", "here"]}
    policy = parse({"slack": slack})
    assert isinstance(policy, Policy)
    wanted = Notifications(slack_channel="#exams", mentions=("U0123", "S0456", "here"))
    assert policy.notifications == wanted


@pytest.mark.parametrize("written", [{}, {"slack": {}}, {"slack": {"channel": None}}])
def test_what_is_left_out_is_as_the_controller_is_configured(written: dict[str, Any]) -> None:
    policy = parse(written)
    assert isinstance(policy, Policy)
    assert policy.notifications == Notifications()


@pytest.mark.parametrize("channel", ["#exams", "exams", "C0123456789", "#prüfung-2", "#a_b.c"])
def test_names_and_ids_are_channels(channel: str) -> None:
    assert isinstance(parse({"slack": {"channel": channel}}), Policy)


@pytest.mark.parametrize("channel", ["", "#", "#Exams", "two words", "<!here>", "@ada", "#a\n", 1])
def test_what_is_no_channel_is_refused_with_a_remedy(channel: object) -> None:
    problem = parse({"slack": {"channel": channel}})
    assert isinstance(problem, Problem)
    assert problem.field == "spec.notifications.slack.channel"
    assert 'such as "#exams"' in problem.remedy


@pytest.mark.parametrize("mention", ["ada", "@here", "<!here>", "everyone", "u0123", "U1>", "", 7])
def test_whom_slack_cannot_call_is_refused_with_a_remedy(mention: object) -> None:
    problem = parse({"slack": {"mentions": ["U0123", mention]}})
    assert isinstance(problem, Problem)
    assert problem.field == "spec.notifications.slack.mentions[1]"
    assert "U0123ABCD" in problem.remedy


def test_a_misspelt_field_is_refused_with_the_right_one() -> None:
    problem = parse({"slack": {"chanel": "#exams"}})
    assert isinstance(problem, Problem)
    assert "channel" in problem.remedy


def test_more_mentions_than_anybody_should_call_are_refused() -> None:
    assert isinstance(parse({"slack": {"mentions": [f"U000{n}" for n in range(11)]}}), Problem)


def test_the_api_server_checks_the_same_patterns() -> None:
    (version,) = crd()["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    slack = spec["notifications"]["properties"]["slack"]["properties"]
    assert slack["channel"]["pattern"]
    assert slack["mentions"]["items"]["pattern"]
    assert slack["mentions"]["x-kubernetes-list-type"] == "set"
