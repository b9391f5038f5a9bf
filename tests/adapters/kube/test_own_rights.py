"""What the controller may not do is said at its start, with what will not work."""

import asyncio
import logging
from typing import Any

import pytest
from aiohttp import web

from controller.adapters.kube.own_rights import AT_ONCE_MAX, OwnRights
from controller.adapters.kube.rights import RIGHTS, Option
from controller.engine.ports import Unavailable
from tests.adapters.kube.apiserver import ApiServer, refusal, serving, until

LEASE = ("canary-controller", "canary-controller")


class Ruler(ApiServer):
    """Allows everything but what `denied` says of the attributes asked about."""

    def __init__(self, **denied: str) -> None:
        super().__init__()
        self.denied = denied
        self.questions: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        spec = (await request.json())["spec"]["resourceAttributes"]
        self.questions.append(spec)
        if self.denied.get("resource") == "*":
            return refusal(503, "ServiceUnavailable", "starting")
        no = all(spec.get(key) == value for key, value in self.denied.items())
        return web.json_response({"status": {"allowed": not (self.denied and no)}}, status=201)


def lacking(ruler: Ruler, *namespaces: str, lease: tuple[str, str] | None = LEASE) -> list[str]:
    async def run() -> list[str]:
        async with serving(ruler) as client:
            rights = OwnRights(client=client, namespaces=namespaces, lease=lease)
            return [str(lack) for lack in await rights.lacking()]

    return asyncio.run(asyncio.wait_for(run(), 20))


def test_whoever_may_do_all_of_it_lacks_nothing_and_every_right_was_asked_about() -> None:
    ruler = Ruler()
    assert lacking(ruler) == []
    asked = {
        (
            q.get("group", ""),
            "/".join(filter(None, (q["resource"], q.get("subresource")))),
            q["verb"],
        )
        for q in ruler.questions
    }
    wanted = {
        (right.group, resource, verb)
        for right in RIGHTS
        if right.option is None
        for resource in right.resources
        for verb in right.verbs
    }
    assert asked == wanted


def test_what_is_missing_is_told_with_what_will_not_work() -> None:
    (said,) = lacking(Ruler(resource="replicasets", verb="create"))
    assert said == "create replicasets.apps: no canary pod can be made"


def test_each_namespace_is_asked_about_where_some_are_watched() -> None:
    (said,) = lacking(Ruler(resource="pods", subresource="log", namespace="shop"), "exams", "shop")
    assert said == "get pods/log in shop: a crash is told without its last words"


def test_a_lease_is_asked_about_by_its_name_where_there_is_one() -> None:
    ruler = Ruler()
    lacking(ruler)
    leases = [q for q in ruler.questions if q["resource"] == "leases"]
    assert {q["namespace"] for q in leases} == {"canary-controller"}
    assert {q["verb"]: q.get("name") for q in leases} == {
        "create": None,
        "get": "canary-controller",
        "patch": "canary-controller",
    }
    alone = Ruler()
    lacking(alone, lease=None)
    assert not [q for q in alone.questions if q["resource"] == "leases"]


def test_optional_rights_are_not_missed() -> None:
    assert {right.option for right in RIGHTS} == {None, *Option}
    assert lacking(Ruler(resource="secrets")) == []


def test_a_server_that_is_away_says_nothing_about_rights() -> None:
    with pytest.raises(Unavailable):
        lacking(Ruler(resource="*"))


def test_what_is_necessary_is_an_error_and_what_is_not_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        async with serving(Ruler(verb="patch")) as client:
            rights = OwnRights(client=client, namespaces=(), lease=None)
            with pytest.raises(TimeoutError):
                # It looks again later, since something is missing that is necessary.
                await asyncio.wait_for(rights.watch(), 1)

    asyncio.run(run())
    levels = {record.message.split(":")[1].strip(): record.levelno for record in caplog.records}
    assert levels["patch deployments.apps"] == logging.ERROR
    assert levels["patch events"] == logging.WARNING


def test_whoever_may_not_even_ask_is_told_so_and_is_not_asked_every_moment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Shut(ApiServer):
        async def handle(self, request: web.Request) -> web.StreamResponse:
            return refusal(403, "Forbidden", "anonymous may ask nothing")

    async def run() -> None:
        async with serving(Shut()) as client:
            rights = OwnRights(client=client, namespaces=(), lease=None)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(rights.watch(), 1)

    asyncio.run(run())
    (said,) = [record.message for record in caplog.records if "cannot be asked" in record.message]
    assert "anonymous may ask nothing" in said


def test_what_was_missing_is_asked_about_until_it_is_given_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    ruler = Ruler(verb="list", resource="pods")

    async def run() -> None:
        async with serving(ruler) as client:
            rights = OwnRights(client=client, namespaces=(), lease=None, again_seconds=0.01)
            watching = asyncio.ensure_future(rights.watch())
            await until(lambda: "list pods: no crash is seen" in caplog.text)
            ruler.denied = {}
            await watching

    asyncio.run(asyncio.wait_for(run(), 20))
    assert "Nothing that is necessary is missing any more" in caplog.text


def test_what_cannot_be_asked_is_not_asked_on_behind_our_backs() -> None:
    """It is asked again as a whole; until then the server is left alone."""

    async def run() -> None:
        ruler = Ruler(resource="*")
        async with serving(ruler) as client:
            rights = OwnRights(client=client, namespaces=(), lease=LEASE)
            with pytest.raises(Unavailable):
                await rights.lacking()
            asked = len(ruler.questions)
            await asyncio.sleep(0.3)
            assert len(ruler.questions) <= asked + AT_ONCE_MAX

    asyncio.run(asyncio.wait_for(run(), 20))
