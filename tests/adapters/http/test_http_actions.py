"""Commands over HTTP: who may ask for what, of which revision, and what becomes of it."""

import asyncio
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from controller.domain.lifecycle import Phase
from controller.domain.records import IntentAction
from controller.engine.ports import Conflict, Refused, Unavailable, Verb
from tests.adapters.http.asking import POST, problem, sent
from tests.adapters.http.ward import ALL, ONE, TOKEN, order, visited, ward


def test_a_command_is_written_down_and_the_answer_says_where_to_look() -> None:
    where = ward()
    where.lazy = True

    async def story() -> None:
        async with visited(where) as client:
            body = order(reason="the  exam\nbegins")
            answer = await client.post(f"{ONE}/hold", json=body, headers=POST)
            assert answer.status_code == HTTPStatus.ACCEPTED, answer.text
            said = answer.json()
            assert said["state"] == "waiting"
            assert said["action"] == "hold"
            assert said["canary"] == ONE
            assert said["command"] == answer.headers["location"] == f"{ONE}/commands/{said['id']}"
            waits = (await client.get(said["command"])).json()
            assert (waits["state"], waits["at"], waits["answer"]) == ("waiting", None, "")
            (shown,) = (await client.get(ONE)).json()["commands"]
            assert shown == waits
            where.act()
            done = (await client.get(said["command"])).json()
            assert done["state"] == "taken"
            assert done["reason"] == "the exam begins"
            assert (done["by"], done["via"]) == ("ada", "REST API from 127.0.0.1")
            assert done["release"].endswith("(exam:B)")
            assert done["answer"].startswith("ada asked for hold")

    asyncio.run(story())
    assert where.phase is Phase.HOLDING


@pytest.mark.parametrize(
    ("action", "fields", "asked", "phase"),
    [
        ("promote", {}, IntentAction.PROMOTE, Phase.ANALYSING),
        ("promote", {"full": True}, IntentAction.PROMOTE_FULL, Phase.PROMOTING),
        ("rollback", {}, IntentAction.ROLLBACK, Phase.ROLLED_BACK),
        ("hold", {"step": 1.0}, IntentAction.HOLD, Phase.HOLDING),
    ],
)
def test_each_action_does_what_it_says(
    action: str, fields: dict[str, Any], asked: IntentAction, phase: Phase
) -> None:
    where = ward()
    assert sent(where, action, order(**fields)).status_code == HTTPStatus.ACCEPTED
    (written,) = where.written
    assert written.action is asked
    assert written.revision == "B"
    where.act()
    assert where.phase is phase


def test_what_was_held_can_be_resumed_and_what_was_rolled_back_retried() -> None:
    where = ward()
    for action, after in (("hold", Phase.HOLDING), ("resume", Phase.ANALYSING)):
        answer = sent(where, action, order(), **{"idempotency-key": action})
        assert answer.status_code == HTTPStatus.ACCEPTED, answer.text
        assert where.phase is after
    sent(where, "rollback", order())
    where.act()
    answer = sent(where, "retry", order(), **{"idempotency-key": "retry"})
    assert answer.status_code == HTTPStatus.ACCEPTED, answer.text


def test_the_same_key_acts_once_and_says_what_came_of_it() -> None:
    where = ward()
    first = sent(where, "promote", order())
    again = sent(where, "promote", order())
    assert len(where.written) == 1
    assert first.json()["id"] == again.json()["id"]
    assert again.status_code == HTTPStatus.ACCEPTED
    assert again.json()["state"] == "taken"
    assert again.json()["answer"].startswith("ada asked for promote")


def test_a_key_belongs_to_one_command() -> None:
    where = ward()
    sent(where, "hold", order())
    detail = problem(sent(where, "rollback", order()), 422, "key-reused")
    assert "hold" in detail
    assert len(where.written) == 1


def test_another_persons_key_is_another_command() -> None:
    where = ward()
    ada = sent(where, "hold", order())
    bob = where.rights.persons[TOKEN] = type(where.rights.persons[TOKEN])(name="bob")
    assert bob.name == "bob"
    other = sent(where, "hold", order())
    assert ada.json()["id"] != other.json()["id"]


@pytest.mark.parametrize("fields", [{"revision": "A"}, {"revision": "B", "step": 2}])
def test_a_command_for_what_does_not_run_is_refused_and_says_what_does(
    fields: dict[str, Any],
) -> None:
    where = ward()
    detail = problem(sent(where, "promote", fields), 409, "moved")
    assert "fingerprint B" in detail
    assert "step 1" in detail
    assert where.written == []


@pytest.mark.parametrize("revision", ["B", "2", "rs-B"])
def test_a_revision_is_known_by_fingerprint_number_or_replica_set(revision: str) -> None:
    assert sent(ward(), "hold", {"revision": revision}).status_code == HTTPStatus.ACCEPTED


def test_an_action_that_makes_no_sense_now_says_when_it_does() -> None:
    detail = problem(sent(ward(), "resume", order()), 409, "moved")
    assert "Holding" in detail


def test_one_command_at_a_time_but_a_rollback_never_waits() -> None:
    where = ward()
    where.lazy = True
    sent(where, "promote", order())
    detail = problem(sent(where, "hold", order(), **{"idempotency-key": "2"}), 409, "busy")
    assert "ada asked for promote" in detail
    answer = sent(where, "rollback", order(), **{"idempotency-key": "3"})
    assert answer.status_code == HTTPStatus.ACCEPTED


def test_a_viewer_is_told_whom_to_ask_for_which_verb() -> None:
    where = ward()
    where.rights.forbidden = {(Verb.PROMOTE, "exams")}
    detail = problem(sent(where, "promote", order()), 403, "forbidden")
    for word in ("promote", "canaries.canary-controller.io", "exams", "canary-operator"):
        assert word in detail
    assert where.written == []
    assert sent(where, "hold", order()).status_code == HTTPStatus.ACCEPTED


def test_who_may_not_see_a_canary_is_not_told_that_it_is_there() -> None:
    where = ward()
    where.rights.forbidden = {(verb, "exams") for verb in Verb}
    hidden = sent(where, "promote", order())
    problem(hidden, 404, "not-found")

    async def story() -> httpx.Response:
        async with visited(where) as client:
            return await client.post(f"{ALL}/exams/other/promote", json=order(), headers=POST)

    where.rights.forbidden = set()
    absent = asyncio.run(story())
    assert absent.json()["detail"] == hidden.json()["detail"].replace("exam-api", "other")


def test_nobody_is_let_in_while_the_cluster_cannot_be_asked() -> None:
    where = ward()
    where.rights.away = True
    problem(sent(where, "promote", order()), 503, "unavailable")
    assert where.written == []


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (Unavailable("no route"), 503, "unavailable"),
        (Conflict("written to"), 409, "busy"),
        (Refused("denied by a policy"), 502, "refused"),
    ],
)
def test_a_write_that_fails_says_what_to_do(fault: Exception, status: int, kind: str) -> None:
    where = ward()
    where.fault = fault
    problem(sent(where, "promote", order()), status, kind)


def test_without_a_token_nothing_is_read_nor_done() -> None:
    where = ward()

    async def story() -> None:
        async with visited(where, token=None) as client:
            # Not even whether the body is in order.
            answer = await client.post(f"{ONE}/promote", content=b"{" * 100)
            problem(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"] == "Bearer"
            for path in (ALL, ONE, f"{ONE}/commands/x", f"{ONE}/journal", f"{ONE}/journal/1"):
                problem(await client.get(path), 401, "unauthenticated")

    asyncio.run(story())


def test_a_command_that_is_not_known_says_why_it_may_not_be() -> None:
    async def story() -> httpx.Response:
        async with visited(ward()) as client:
            return await client.get(f"{ONE}/commands/nothing")

    assert "last 20" in problem(asyncio.run(story()), 404, "not-found")
