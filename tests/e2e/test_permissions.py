"""Plain RBAC decides who may write which command, on a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.e2e.clerks import CLIENTS, INTENT, Clerk, canary, clerk, client, is_guarded, may
from tests.e2e.rig import kubeconfig
from tests.e2e.rig.api import APPLY, JSON_PATCH, ApiError
from tests.e2e.rig.world import World
from tests.e2e.stage import GROUP

CONTROLLER: Final = "system:serviceaccount:canary-controller:canary-controller"


@pytest.fixture
def guarded(world: World, account: Path) -> World:
    """With all that lies in deploy/: the account's fixture installs it."""
    return world


@pytest.fixture
def office(guarded: World) -> Iterator[str]:
    namespace = guarded.namespace()
    guarded.wait_until(lambda: is_guarded(guarded, namespace), 60, "the policy to be in force")
    yield namespace
    guarded.api.delete("Namespace", namespace)
    while CLIENTS:
        CLIENTS.pop().close()


ACTIONS: Final = [
    ("promote", "promote"),
    ("promote-full", "promote"),
    ("resume", "promote"),
    ("retry", "promote"),
    ("rollback", "rollback"),
    ("hold", "hold"),
]


def test_each_action_needs_its_verb_however_it_is_written(guarded: World, office: str) -> None:
    for verb in ("promote", "rollback", "hold"):
        person = clerk(guarded, office, "patch", "get", verb)
        for action, needed in ACTIONS:
            for value in (action, f"{action}: looked at it", person.say(action)):
                said = person.annotate(value)
                assert (said == "") is (needed == verb), (verb, value, said)
                if said:
                    assert f"may not {action} {office}/exam" in said
                    assert f"the verb {needed} on canaries" in said
                    assert "canary-operator" in said
                else:
                    assert person.annotate(None) == ""


def test_the_operator_commands_and_changes_nothing_else(guarded: World, office: str) -> None:
    person = clerk(guarded, office, role="canary-operator")
    for action, _ in ACTIONS:
        assert person.annotate(person.say(action)) == ""
        assert person.annotate(None) == ""
    nothing = f"may change nothing of {office}/exam but the annotation"
    for body in (
        {"spec": {"bake": "1s"}},
        {"metadata": {"labels": {"team": "b"}}},
        {"metadata": {"labels": None}},
        {"metadata": {"annotations": {"note": "x"}}},
        {"metadata": {"finalizers": ["a.example/b"]}},
        {"metadata": {"annotations": {INTENT: "hold", "note": "x"}}},
        {"metadata": {"annotations": {INTENT: "hold"}}, "spec": {"bake": "1s"}},
    ):
        assert nothing in person.patch(body), body
    # What is there already may be said again.
    assert person.patch({"spec": {"targetRef": {"name": "exam"}}}) == ""
    removal = [{"op": "remove", "path": "/metadata/labels/team"}]
    assert nothing in person.patch(removal, content_type=JSON_PATCH)
    applied = canary() | {"spec": {"targetRef": {"name": "exam"}, "bake": "1s"}}
    how = {"content_type": APPLY, "fieldManager": "eve", "force": "true"}
    with pytest.raises(ApiError, match="may change nothing"):
        person.api.request(
            "PATCH",
            f"/apis/{GROUP}/v1alpha1/namespaces/{office}/canaries/exam",
            body=applied,
            **how,
        )
    # Annotations of others stay as they are, one that is there included.
    guarded.api.patch("Canary", "exam", {"metadata": {"annotations": {"note": "x"}}}, office)
    for note in ("y", None):
        assert nothing in person.patch({"metadata": {"annotations": {"note": note}}})
    assert nothing in person.patch({"metadata": {"annotations": None}})
    assert person.annotate("hold") == ""


def test_the_viewer_reads(guarded: World, office: str) -> None:
    person = clerk(guarded, office, role="canary-viewer")
    assert person.api.get("Canary", "exam", office)["metadata"]["name"] == "exam"
    assert "cannot patch" in person.annotate("hold")


def test_an_editor_without_the_verbs_gives_no_commands(guarded: World, office: str) -> None:
    person = clerk(guarded, office, "create", "get", "patch", "update", "delete")
    assert person.patch({"spec": {"bake": "1s"}, "metadata": {"labels": {"team": "c"}}}) == ""
    assert "may not promote" in person.annotate("promote")
    found = person.api.get("Canary", "exam", office)
    found["metadata"].setdefault("annotations", {})[INTENT] = "promote"
    path = f"/apis/{GROUP}/v1alpha1/namespaces/{office}/canaries"
    with pytest.raises(ApiError, match="may not promote"):
        person.api.request("PUT", f"{path}/exam", body=found)
    # Nor together with a new Canary.
    person.api.delete("Canary", "exam", office)
    with pytest.raises(ApiError, match="may not promote"):
        person.api.create(canary(annotations={INTENT: "promote"}), office)
    named = canary(annotations={INTENT: "promote"})
    named["metadata"] = {"generateName": "exam-", "annotations": {INTENT: "promote"}}
    with pytest.raises(ApiError, match="may not promote"):
        person.api.create(named, office)
    person.api.create(canary(), office)
    # To withdraw is theirs: they may change all of it.
    guarded.api.patch("Canary", "exam", {"metadata": {"annotations": {INTENT: "hold"}}}, office)
    assert person.annotate(None) == ""


EVASIONS: Final = [
    "promote\u00a0now",
    "promote\tnow",
    "\u2003promote",
    "\x0bpromote",
    "rollbac\u212a",
    "re\u017fume",
    "hold,promote",
    "hold\npromote",
    "promote-fully",
    "promoted",
    "because promote",
    "[]",
    "{}",
    '{"action":"hold"',
    '{"action":"hold"}{"action":"promote"}',
    '{ "action":"promote"}',
    '{"action": "promote"}',
    ' {"action":"promote"}',
    '{"action":"promote"} ',
    '{"action":"Promote"}',
    '{"action":"prom\\u006fte"}',
    '{"\\u0061ction":"promote"}',
    '{"action":"hold","action":"promote"}',
    '{"action":"hold","\\u0061ction":"promote"}',
    '{"action":"hold","Action":"promote"}',
    '{"id":"1","action":"promote"}',
    '{"action":"hold","unknown":"x"}',
    '{"action":"hold","step":2}',
    '{"action":"hold","reason":null}',
    '{"action":"hold","reason":"a"b"}',
    '{"action":"hold","reason":"\n"}',
    '{"action":"hold",}',
    '{"action":"hold","reason":{"action":"promote"}}',
    '{"action":["promote"]}',
    "\ufeffpromote",
    "promote" + "!" * 10,
    "hold " + "x" * 3_000,
    '{"action":"hold","reason":"' + "x" * 3_000 + '"}',
]


@pytest.mark.parametrize("value", EVASIONS)
def test_what_could_be_read_in_another_way_is_not_taken(
    guarded: World, office: str, value: str
) -> None:
    person = clerk(guarded, office, "patch", "get", "hold")
    said = person.annotate(value)
    assert "is not a command" in said, said


def test_letters_and_space_around_a_word_do_not_hide_it(guarded: World, office: str) -> None:
    person = clerk(guarded, office, "patch", "get", "hold")
    for value in ("PROMOTE", " promote", "Promote:", "promote.", "\npromote\n", "promote\r\n"):
        assert "may not promote " in person.annotate(value), value
    for value in ("HOLD", " hold it", "hold: promote later", 'hold {"action":"promote"}'):
        assert person.annotate(value) == "", value


def test_nobody_writes_in_another_s_name(guarded: World, office: str) -> None:
    person = clerk(guarded, office, role="canary-operator")
    for name in ("ada", "", f"{person.user}x", f"x{person.user}", f'{person.user}","by":"ada'):
        said = person.annotate(person.say("hold", by=name))
        assert "in the name of its writer" in said or "not a command" in said, name
    twice = '{"action":"hold","by":"ada","by":"' + person.user + '"}'
    escaped = '{"action":"hold","by":"\\u0061da"}'
    hidden = '{"action":"hold","b\\u0079":"ada"}'
    for value in (escaped, hidden, twice):
        assert person.annotate(value) != "", value
    assert person.annotate('{"action":"hold"}') == ""
    assert person.annotate(person.say("hold", reason='says ","by":"ada" of it')) == ""


def test_a_command_that_waits_is_withdrawn_by_those_who_may_give_it(
    guarded: World, office: str
) -> None:
    promoter = clerk(guarded, office, "patch", "get", "promote")
    ender = clerk(guarded, office, "patch", "get", "rollback")
    assert ender.annotate("rollback") == ""
    for value in (None, "", "promote", " "):
        assert "may not withdraw rollback" in promoter.annotate(value), value
    assert "may not withdraw" in promoter.patch({"metadata": {"annotations": None}})
    assert ender.annotate(None) == ""
    assert promoter.annotate("promote") == ""
    assert "may not withdraw promote" in ender.annotate(None)
    # To roll back must never wait.
    assert ender.annotate("rollback: it burns") == ""


def test_the_controller_writes_for_those_whom_it_asked_about(
    guarded: World, account: Path, office: str
) -> None:
    controller = Clerk(client(account), CONTROLLER, office)
    assert controller.annotate(controller.say("promote", by="ada")) == ""
    assert controller.annotate(None) == ""


ODD: Final = 'CORP\\ada "the" o\'hara'


def test_somebody_with_quotes_in_the_name_can_sign(guarded: World, office: str) -> None:
    """Tried by impersonation, which an administrator may."""
    body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "odd"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "canary-operator",
        },
        "subjects": [{"kind": "User", "name": ODD, "apiGroup": "rbac.authorization.k8s.io"}],
    }
    guarded.api.apply(body, office)
    guarded.wait_until(lambda: may(guarded, ODD, "patch", office), 30, "RBAC")
    access = kubeconfig.load(guarded.kubeconfig)
    path = f"/apis/{GROUP}/v1alpha1/namespaces/{office}/canaries/exam"
    headers = {"Content-Type": "application/merge-patch+json", "Impersonate-User": ODD}
    for by, taken in ((ODD, True), ("ada", False)):
        said = {"action": "hold", "id": "k", "by": by}
        value = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
        response = httpx.patch(
            access.server + path,
            verify=access.tls,
            headers={**access.headers, **headers},
            content=json.dumps({"metadata": {"annotations": {INTENT: value}}}),
            trust_env=False,
        )
        assert response.is_success is taken, response.text
