"""The guard of commands lets through only what the controller reads in the same way.

How it behaves on a real API server is shown in tests/e2e.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.kube.intents import read_intent, write_intent
from controller.adapters.kube.manifests import SERVICE_ACCOUNT
from controller.adapters.kube.names import INTENT_ANNOTATION
from controller.adapters.kube.permissions import (
    BARE,
    BLANK,
    GUARD_NAME,
    NAMED,
    WRITTEN,
    guard_manifests,
)
from controller.domain.records import Intent, IntentAction
from controller.engine.commands import VERBS

DEPLOY: Final = Path(__file__).resolve().parents[3] / "deploy"
WORDS: Final = "|".join(sorted((a.value for a in IntentAction), key=len, reverse=True))


def lower(text: str) -> str:
    """CEL's lowerAscii: other letters are left alone."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def action_of(value: str) -> str:
    """What the policy takes a value for; empty: for no command."""
    if re.fullmatch(WRITTEN, value) or re.fullmatch(BARE, lower(value)):
        found = re.search(WORDS, lower(value))
        assert found is not None
        return found.group()
    return ""


def manifests() -> list[dict[str, Any]]:
    return guard_manifests(SERVICE_ACCOUNT)


texts = st.text(max_size=30) | st.sampled_from(['","by":"', ',"by":"eve"', "\\", '"', "\n", "\x1f"])
intents = st.builds(
    Intent,
    action=st.sampled_from(IntentAction),
    id=st.text(min_size=1, max_size=20),
    revision=texts,
    step=st.none() | st.integers(1, 99),
    by=texts,
    via=texts,
    reason=texts,
)


@given(intents)
def test_what_we_write_is_let_through_as_what_it_is(intent: Intent) -> None:
    assert action_of(write_intent(intent)) == intent.action.value


@given(intents)
def test_a_name_is_found_where_the_writer_s_is_and_nowhere_else(intent: Intent) -> None:
    value = write_intent(intent)
    assert value.count(NAMED) == (1 if intent.by else 0)
    written = json.dumps(intent.by, ensure_ascii=False)[1:]
    assert not intent.by or f"{NAMED}{written}" in value


pieces = st.sampled_from(
    [a.value for a in IntentAction]
    + [a.value.upper() for a in IntentAction]
    + [
        "rollbac\u212a",
        "re\u017fume",
        " ",
        "\t",
        "\n",
        "\u00a0",
        "\x1c",
        "\x0b",
        ":",
        ",",
        ".",
        "-",
    ]
    + ['{"action":"', '"', '","by":"', '","action":"', "}", "{", "\\u0061", "\\", "because", "x"]
)


@given(st.lists(pieces, max_size=8).map("".join) | st.text(max_size=20))
def test_what_is_let_through_is_read_as_the_same_action_or_not_at_all(value: str) -> None:
    let_through, read = action_of(value), read_intent({INTENT_ANNOTATION: value})
    if let_through and isinstance(read, Intent):
        assert read.action.value == let_through
    if not let_through and re.fullmatch(BLANK, value):
        assert read is None


@pytest.mark.parametrize(
    "value",
    [
        "promote\u00a0now",
        "promote\tnow",
        "rollbac\u212a",
        "hold,promote",
        "hold\npromote",
        "promoted",
        '{"action": "promote"}',
        '{"action":"prom\\u006fte"}',
        '{"\\u0061ction":"promote"}',
        '{"action":"hold","action":"promote"}',
        '{"id":"1","action":"promote"}',
        '{"action":"hold","b\\u0079":"ada"}',
        '{"action":"hold"}{"action":"promote"}',
    ],
)
def test_what_could_be_read_in_another_way_is_turned_away(value: str) -> None:
    assert action_of(value) == ""


def test_every_action_has_its_verb_in_the_policy() -> None:
    policy, _ = manifests()
    variables = {v["name"]: v["expression"] for v in policy["spec"]["variables"]}
    assert json.loads(variables["verbs"]) == {a.value: VERBS[a].value for a in IntentAction}


def test_what_cannot_be_decided_is_not_allowed() -> None:
    policy, binding = manifests()
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert binding["spec"]["policyName"] == policy["metadata"]["name"] == GUARD_NAME


def test_only_the_controller_is_exempt_whatever_its_name() -> None:
    policy, _ = guard_manifests('odd"name')
    (condition,) = policy["spec"]["matchConditions"]
    assert condition["expression"] == 'request.userInfo.username != "odd\\"name"'


def test_the_policy_in_deploy_is_generated() -> None:
    found = list(yaml.safe_load_all((DEPLOY / "commands.yaml").read_text(encoding="utf-8")))
    assert found == manifests(), "run `make fix`"


def test_the_roles_that_are_shipped_have_the_verbs_that_are_asked_for() -> None:
    manifests = yaml.safe_load_all((DEPLOY / "roles.yaml").read_text(encoding="utf-8"))
    roles = {role["metadata"]["name"]: role for role in manifests}
    verbs = {
        name: {
            verb
            for rule in role["rules"]
            if rule["resources"] == ["canaries"]
            for verb in rule["verbs"]
        }
        for name, role in roles.items()
    }
    assert verbs["canary-viewer"] == {"get", "list", "watch"}
    assert verbs["canary-operator"] == verbs["canary-viewer"] | {"patch"} | set(VERBS.values())


def test_the_controller_may_ask_who_somebody_is_and_what_they_may_do() -> None:
    manifests = yaml.safe_load_all((DEPLOY / "rbac.yaml").read_text(encoding="utf-8"))
    role = next(m for m in manifests if m["kind"] == "ClusterRole")
    granted = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted["authentication.k8s.io", "tokenreviews"] == {"create"}
    assert granted["authorization.k8s.io", "subjectaccessreviews"] == {"create"}
