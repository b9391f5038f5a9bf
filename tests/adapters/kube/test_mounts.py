"""What a ConfigMap or Secret is now: its version by metadata alone, from a local API server."""

import asyncio
import copy
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from controller.adapters.kube.client import KubeClient
from controller.adapters.kube.mounts import METADATA, TABLE, MountReader
from controller.domain.mounts import AWAY, DENIED, OFF, Mount, Mounted, MountKind
from controller.domain.readings import Missing

Object = dict[str, Any]
CONFIG: Final = Mount(MountKind.CONFIG_MAP, "exam-config")
SECRET: Final = Mount(MountKind.SECRET, "keys")
PASSWORD: Final = "hunter2"
WRITTEN: Final = "2026-11-22T12:00:00Z"


def managed(manager: str, time: str, **fields: Object) -> Object:
    return {
        "manager": manager,
        "operation": "Update",
        "time": time,
        "fieldsV1": {f"f:{name}": owned for name, owned in fields.items()},
    }


def config_map(*entries: Object, uid: str = "u1", **metadata: Any) -> Object:
    return {
        "kind": "PartialObjectMetadata",
        "metadata": {
            "name": "exam-config",
            "uid": uid,
            "creationTimestamp": "2026-11-20T12:00:00Z",
            "resourceVersion": "7",
            "managedFields": [*entries],
            **metadata,
        },
    }


def table(version: str) -> Object:
    return {
        "kind": "Table",
        "metadata": {"resourceVersion": version},
        "rows": [{"cells": ["keys", "Opaque", 1, "3d"], "object": None}],
    }


DATA: Final = managed("kubectl", WRITTEN, data={"f:limit": {}}, metadata={"f:labels": {}})


@dataclass
class Server:
    """Answers each GET with what it was given; knows what it was asked, and in what form."""

    answers: dict[str, Object] = field(default_factory=dict)
    status: int = 200
    hangs: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path_qs, request.headers["Accept"], request.method))
        if self.hangs:
            await asyncio.sleep(60)
        if self.status != 200:
            body = {"kind": "Status", "reason": "x", "message": "no"}
            return web.json_response(body, status=self.status)
        found = self.answers.get(request.path.rpartition("/")[2])
        return web.json_response(found or {"kind": "Status"}, status=200 if found else 404)


@asynccontextmanager
async def reading(server: Server) -> AsyncIterator[MountReader]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    client = KubeClient(Configuration(host=f"http://127.0.0.1:{port}"))
    try:
        yield MountReader(client)
    finally:
        await client.close()
        await runner.cleanup()


def read(server: Server, *mounts: Mount) -> list[Mounted | Missing]:
    """One after the other, by one reader."""

    async def story(reader: MountReader) -> list[Mounted | Missing]:
        return [await reader.read("exams", mount) for mount in mounts]

    return played(server, story)


def played(
    server: Server, story: Callable[[MountReader], Awaitable[list[Mounted | Missing]]]
) -> list[Mounted | Missing]:
    async def run() -> list[Mounted | Missing]:
        async with reading(server) as reader:
            return await story(reader)

    return asyncio.run(run())


def of(found: Object) -> Mounted:
    """What is read of this ConfigMap."""
    (answer,) = read(Server({"exam-config": found}), CONFIG)
    assert isinstance(answer, Mounted)
    return answer


def of_secret(found: Object) -> Mounted | Missing:
    (answer,) = read(Server({"keys": found}), SECRET)
    return answer


def test_a_config_map_is_asked_for_as_metadata_and_in_no_other_form() -> None:
    server = Server({"exam-config": config_map(DATA)})
    (answer,) = read(server, CONFIG)
    assert server.asked == [("/api/v1/namespaces/exams/configmaps/exam-config", METADATA, "GET")]
    assert isinstance(answer, Mounted)
    assert answer.changed_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert len(answer.version) == 16


def test_a_secret_is_asked_for_as_a_table_without_the_object() -> None:
    server = Server({"keys": table("9")})
    (answer,) = read(server, SECRET)
    where = "/api/v1/namespaces/exams/secrets/keys?includeObject=None"
    assert server.asked == [(where, TABLE, "GET")]
    assert isinstance(answer, Mounted)
    assert answer.changed_at is None


def test_labels_and_annotations_that_others_write_are_no_change() -> None:
    label = managed("kubectl-label", "2026-11-22T13:00:00Z", metadata={"f:labels": {"f:x": {}}})
    later = config_map(DATA, label, resourceVersion="8", labels={"x": "y"})
    assert of(later) == of(config_map(DATA))


def test_data_that_is_written_is_a_change_with_its_time() -> None:
    patch = managed("kubectl-patch", "2026-11-22T13:00:00Z", data={"f:other": {}})
    before, after = of(config_map(DATA)), of(config_map(DATA, patch))
    assert after.version != before.version
    assert after.changed_at == datetime(2026, 11, 22, 13, tzinfo=UTC)


@pytest.mark.parametrize("name", ["data", "binaryData", "immutable"])
def test_every_part_of_the_contents_counts(name: str) -> None:
    again = managed("kubectl", "2026-11-22T13:00:00Z", **{name: {}})
    assert of(config_map(again)).version != of(config_map(managed("kubectl", WRITTEN))).version


def test_the_order_in_which_managers_are_listed_is_no_change() -> None:
    other = managed("helm", WRITTEN, data={"f:x": {}})
    assert of(config_map(DATA, other)) == of(config_map(other, DATA))


def test_one_that_was_deleted_and_made_anew_is_another() -> None:
    assert of(config_map(DATA, uid="u2")).version != of(config_map(DATA)).version


def test_one_without_managers_has_the_time_of_its_creation() -> None:
    bare = copy.deepcopy(config_map())
    del bare["metadata"]["managedFields"]
    assert of(bare).changed_at == datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_each_write_to_a_secret_is_another_version() -> None:
    assert of_secret(table("9")) == of_secret(table("9"))
    assert of_secret(table("9")) != of_secret(table("10"))


def test_one_that_does_not_exist_is_an_answer() -> None:
    found = read(Server(), CONFIG, SECRET)
    assert found == [Mounted(kind=m.kind, name=m.name) for m in (CONFIG, SECRET)]


def test_a_kind_that_is_not_wanted_is_not_asked_for() -> None:
    server = Server({"keys": table("9")})

    async def story(reader: MountReader) -> list[Mounted | Missing]:
        reader.watched = frozenset({MountKind.CONFIG_MAP})
        return [await reader.read("exams", SECRET)]

    (answer,) = played(server, story)
    assert answer == Missing(OFF, "the setting watch_secrets is false")
    assert server.asked == []


def test_a_right_that_is_missing_is_said_once_and_not_asked_for_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(status=403)
    caplog.set_level(logging.INFO)
    assert read(server, CONFIG, CONFIG, CONFIG) == [Missing(DENIED)] * 3
    assert len(server.asked) == 1
    (said,) = (one for one in caplog.records if "ConfigMap" in one.getMessage())
    assert said.levelno == logging.INFO
    assert "grant get on configmaps, or set watch_configmaps to false" in said.getMessage()


@pytest.mark.parametrize("status", [406, 429, 500, 503])
def test_a_server_that_cannot_answer_is_away(status: int) -> None:
    (answer,) = read(Server(status=status), CONFIG)
    assert isinstance(answer, Missing)
    assert answer.reason == AWAY
    assert str(status) in answer.detail


def test_a_server_that_hangs_is_away_after_a_while() -> None:
    (answer,) = read(Server(hangs=True), CONFIG)
    assert isinstance(answer, Missing)
    assert answer.reason == AWAY
    assert "no answer in 3 s" in answer.detail


@pytest.mark.parametrize("mount", [CONFIG, SECRET], ids=str)
def test_a_server_that_sends_the_whole_object_is_refused_without_a_word_of_it(
    mount: Mount, caplog: pytest.LogCaptureFixture
) -> None:
    whole = {
        "kind": mount.kind.value,
        "metadata": {"name": mount.name, "uid": "u1", "resourceVersion": "9"},
        "data": {"password": PASSWORD},
    }
    (answer,) = read(Server({mount.name: whole}), mount)
    assert isinstance(answer, Missing)
    assert answer.reason == AWAY
    assert PASSWORD not in f"{answer!r}{caplog.text}"


def test_what_cannot_be_read_is_not_repeated() -> None:
    odd = {"kind": "Table", "metadata": {"resourceVersion": 9, "note": PASSWORD}}
    answer = of_secret(odd)
    assert isinstance(answer, Missing)
    assert PASSWORD not in repr(answer)
