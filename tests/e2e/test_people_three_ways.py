"""A held release is promoted by REST, by kubectl and by a button; and not by anybody else."""

import hashlib
import hmac
import json
import time

import pytest

from tests.adapters.slack.clicks import click, signed
from tests.e2e.clerks import may
from tests.e2e.house import (
    SIGNING_SECRET,
    SLACK_OPERATOR,
    SLACK_STRANGER,
    SLACK_VIEWER,
    WEBHOOK_SECRET,
    House,
    annotated,
)
from tests.e2e.stage import GROUP


def last_command(house: House) -> dict[str, str]:
    found: dict[str, str] = house.stage.status["commands"][-1]
    return found


def test_promoted_by_rest(house: House) -> None:
    house.hold()
    assert house.post("promote", house.token("operator"), step=1).status_code == 202
    house.wait_step(2)
    assert last_command(house)["via"].startswith("REST API")


def test_promoted_by_kubectl(house: House) -> None:
    house.hold()
    refused = house.kubectl("promote", "exam", "-y", as_account="viewer")
    assert refused.returncode == 5, refused.stdout + refused.stderr
    done = house.kubectl("promote", "exam", "-y", "--reason", "looked", as_account="operator")
    assert done.returncode == 0, done.stdout + done.stderr
    house.wait_step(2)
    command = last_command(house)
    assert command["by"] == house.user("operator")
    assert command["reason"] == "looked"
    shown = house.kubectl("status", "exam", "-o", "json", as_account="viewer")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["canary"]["status"]["release"]["step"] == 1


def test_promoted_by_a_button(house: House) -> None:
    house.hold()
    message = house.message("Promote")
    response_url = house.slack.response_url("one")
    payload = click(message, "Promote", user=SLACK_OPERATOR, response_url=response_url)
    headers, body = signed(SIGNING_SECRET, payload)
    assert house.click(headers, body).status_code == 200
    assert house.click(headers, body).status_code == 200, "Slack sends it again now and then"
    house.wait_step(2)
    command = last_command(house)
    assert command["by"] == house.user("operator")
    assert "Slack" in command["via"]
    assert house.stage.status["release"]["step"] + 1 == 2
    assert SLACK_OPERATOR in json.dumps(house.message(SLACK_OPERATOR))


def test_a_forged_or_old_click_is_refused_and_nothing_is_written(house: House) -> None:
    house.hold()
    before = house.stage.status["release"]["step"]
    payload = click(house.message("Promote"), "Promote", user=SLACK_OPERATOR)
    forged, body = signed("another secret", payload)
    assert house.click(forged, body).status_code == 401
    old, body = signed(SIGNING_SECRET, payload, at=time.time() - 6 * 60)
    assert house.click(old, body).status_code == 401
    fresh, _ = signed(SIGNING_SECRET, payload)
    assert house.click(fresh, body + b"&x=1").status_code == 401
    found = house.world.api.get("Canary", "exam", house.namespace)
    assert f"{GROUP}/intent" not in found["metadata"].get("annotations", {})
    assert house.stage.status["release"]["step"] == before


@pytest.mark.parametrize(
    ("user", "answer"), [(SLACK_STRANGER, SLACK_STRANGER), (SLACK_VIEWER, "the verb promote")]
)
def test_who_may_not_is_told_what_to_ask_for(house: House, user: str, answer: str) -> None:
    house.hold()
    said = len(house.slack.said)
    response_url = house.slack.response_url(user)
    payload = click(house.message("Promote"), "Promote", user=user, response_url=response_url)
    assert house.click(*signed(SIGNING_SECRET, payload)).status_code == 200
    house.world.wait_until(lambda: len(house.slack.said) > said, 20, "an answer in Slack")
    assert answer in json.dumps(house.slack.said[-1]["body"])
    assert house.stage.status["release"]["step"] == 0


def test_every_notice_arrives_signed_beside_slack(house: House) -> None:
    house.hold()
    version = f"exam-server:v{house.versions}"

    def told() -> tuple[dict[str, str], bytes] | None:
        own = [p for p in house.receiver.posts if version in p[1].decode() and b"Holding" in p[1]]
        return own[-1] if own else None

    found = house.world.wait_until(told, 30, "a webhook of the hold")
    assert found is not None
    headers, body = found
    base = headers["x-canary-timestamp"].encode() + b"." + body
    expected = hmac.new(WEBHOOK_SECRET.encode(), base, hashlib.sha256).hexdigest()
    assert headers["x-canary-signature"] == f"v1={expected}"
    keys = [headers["idempotency-key"] for headers, _ in house.receiver.posts]
    assert len(keys) == len(set(keys)), "each notice once"
    secrets = (WEBHOOK_SECRET, SIGNING_SECRET, house.slack.token)
    assert not any(secret in house.stage.controller.log() for secret in secrets)


def test_whoever_writes_a_command_needs_its_verb(house: House) -> None:
    house.hold()
    rules = [
        {
            "apiGroups": [GROUP],
            "resources": ["canaries"],
            "verbs": ["get", "patch", "hold"],
        }
    ]
    house.world.service_account("patcher", house.namespace, rules=rules)
    house.world.wait_until(
        lambda: may(house.world, house.user("patcher"), "hold", house.namespace),
        30,
        "RBAC to know the account",
    )
    house.world.wait_until(
        lambda: annotated(house, "nonsense", as_account="operator").status_code == 422,
        30,
        "the policy to be in force",
    )
    refused = annotated(house, "promote", as_account="patcher")
    assert refused.status_code == 403, refused.text
    assert "the verb promote" in refused.json()["message"]
    forged = '{"action":"hold","id":"1","by":"system:admin"}'
    assert annotated(house, forged, as_account="patcher").status_code == 403
    spec = {"spec": {"targetRef": {"name": "another"}}}
    assert annotated(house, "hold", as_account="patcher", **spec).status_code in {403, 422}
    assert annotated(house, "hold", as_account="patcher").status_code == 200
    assert annotated(house, "promote", as_account="operator").status_code == 200
    house.wait_step(2)
