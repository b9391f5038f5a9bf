"""A cluster for the command line: an API server in a thread of its own, and a kubeconfig to it."""

import asyncio
import contextlib
import copy
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import web

from controller.adapters.kube.fingerprint import fingerprint
from controller.adapters.kube.intents import read_intent
from controller.adapters.kube.status_codec import dump_status, load_status
from controller.domain.findings import Finding, Metric, Outcome, Side
from controller.domain.lifecycle import Phase
from controller.domain.records import Intent
from controller.domain.status import Command, Crash, Release, Revision, Status
from tests.adapters.kube.apiserver import ApiServer, Object, refusal
from tests.adapters.kube.examples import (
    canary,
    container,
    deployment,
    path_of,
    pod,
    replica_set,
    template,
)

TOKEN: Final = "a-token"
USER: Final = "ada@example.com"
INTENT: Final = "canary-controller.io/intent"
CANARY: Final = "/apis/canary-controller.io/v1alpha1/namespaces/exams/canaries/exam"
CANARIES: Final = CANARY.rpartition("/")[0]

V1, V2 = fingerprint(template("exam:v1")), fingerprint(template("exam:v2"))
STABLE: Final = Revision(
    fingerprint=V1, number=1, replica_set="exam-aaaa", images=("registry.example/exam:v1",)
)
TRIED: Final = Revision(
    fingerprint=V2, number=2, replica_set="exam-bbbb", images=("registry.example/exam:v2",)
)


def now() -> datetime:
    """The wall's time: what is shown of it is an age."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - the program's clock, too


def on_trial(phase: Phase = Phase.HOLDING, **more: Any) -> Status:
    """A release at its second step."""
    at = now()
    return Status(
        phase=phase,
        since=at - timedelta(minutes=5, seconds=12),
        stable=STABLE,
        verdict="Undecided",
        message="Step 2 waits for a person: the evidence has not decided in 30 min",
        release=Release(
            canary=TRIED,
            started_at=at - timedelta(minutes=40),
            step=1,
            step_since=at - timedelta(minutes=36),
            ready_at=at - timedelta(minutes=35),
            crashes=(
                Crash(
                    pod="exam-bbbb-1",
                    container="server",
                    at=at - timedelta(minutes=6),
                    exit_code=3,
                    reason="Error",
                    deaths=1,
                    log="loading answers\npanic: [/red]no such table: answers\n",
                ),
            ),
        ),
        findings=(
            Finding(
                metric=Metric.ERROR_RATE,
                outcome=Outcome.UNDECIDED,
                canary=Side(events=4, exposure=1200),
                stable=Side(events=9, exposure=10_800),
                evidence=3.1,
                needed=100.0,
            ),
            Finding(
                metric=Metric.RESTARTS,
                outcome=Outcome.NOT_WORSE,
                canary=Side(events=1, exposure=6300),
                stable=Side(events=0, exposure=21_000),
                evidence=1.2,
                needed=100.0,
            ),
        ),
        **more,
    )


def shop(status: Status | None = None, *, gone_on: bool = False) -> tuple[Object, ...]:
    """A Deployment of twelve with its Canary, as a release leaves them at its second step."""
    found = canary()
    found["status"] = dump_status(status or on_trial())
    labelled = [
        replica_set("exam-aaaa", replicas=9),
        replica_set("exam-bbbb", "exam:v2", replicas=3, revision=2),
        *(pod(f"exam-aaaa-{i}") for i in range(9)),
        *(pod(f"exam-bbbb-{i}", of="exam-bbbb") for i in range(2)),
        pod(
            "exam-bbbb-2",
            of="exam-bbbb",
            conditions=[{"type": "Ready", "status": "False"}],
            containerStatuses=[
                container(4, ready=False, state={"waiting": {"reason": "CrashLoopBackOff"}})
            ],
        ),
    ]
    for one in labelled:
        one["metadata"].setdefault("labels", {})["app"] = "exam"
    image = "exam:v3" if gone_on else "exam:v2"
    return (found, deployment(image=image, replicas=12, paused=True), *labelled)


class Server(ApiServer):
    """With field selectors, credentials and a controller, as far as a person meets them.

    `answers`: a controller acts on commands. `raced`: how many writes meet a Canary that was
    written to just before. `missing`: Canaries are not installed.
    """

    answers: bool = True
    refuses: bool = False
    missing: bool = False
    raced: int = 0
    denied: str = ""
    on_race: Callable[[Object], None] | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return refusal(401, "Unauthorized", "Unauthorized")
        if self.missing and "canary-controller.io" in request.path:
            return web.Response(status=404, text="404 page not found\n")
        if request.method == "PATCH":
            if self.denied:
                return refusal(422, "Invalid", self.denied)
            self._race(request.path)
        answer = await super().handle(request)
        if request.method == "PATCH" and answer.status == 200 and self.answers:
            asyncio.get_running_loop().call_later(0.2, self._act)
        return answer

    def _race(self, path: str) -> None:
        if self.raced > 0:
            self.raced -= 1
            found = copy.deepcopy(self.objects[path])
            if self.on_race is not None:
                self.on_race(found)
            self.put(path, found)

    def _list(self, path: str, query: dict[str, str]) -> web.Response:
        field, _, value = query.pop("fieldSelector", "").partition("=")
        if not field:
            return super()._list(path, query)
        assert field == "metadata.name", "the only field that Canaries can be selected by"
        everything = self.objects
        self.objects = {p: o for p, o in everything.items() if o["metadata"]["name"] == value}
        try:
            return super()._list(path, query)
        finally:
            self.objects = everything

    def _act(self) -> None:
        """What a controller does: the command goes on record, and the Canary moves."""
        found = copy.deepcopy(self.objects[CANARY])
        annotations = found["metadata"].get("annotations") or {}
        intent = read_intent(annotations)
        if not isinstance(intent, Intent):
            return
        annotations.pop(INTENT)
        status = load_status(found["status"])
        record = Command(
            id=intent.id,
            action=intent.action,
            at=now(),
            by=intent.by,
            via=intent.via,
            reason=intent.reason,
            canary=str(status.release.canary) if status.release else "",
            taken=not self.refuses,
            answer="not possible while Analysing"
            if self.refuses
            else f"{intent.by} asked for {intent.action.value}",
        )
        status = replace(status, commands=(*status.commands, record), intent_done=intent.id)
        if not self.refuses:
            status = replace(status, phase=Phase.ANALYSING, message="Step 3 is compared")
        self.put(CANARY, {**found, "status": dump_status(status)})


class Cluster:
    """A server that is running, and the file with which a person reaches it."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(user=USER)
        self.kubeconfig = folder / "config"
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def do(self, deed: Callable[[], object]) -> object:
        """Something that is done in the server's own thread."""

        async def run() -> object:
            return deed()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def put(self, *found: Object) -> None:
        """Create or change objects."""
        for one in found:
            self.do(lambda one=one: self.server.put(path_of(one), one))

    def status(self, status: Status) -> None:
        """Change the Canary's status."""
        found = copy.deepcopy(self.server.objects[CANARY])
        self.put({**found, "status": dump_status(status)})

    def written(self) -> Object:
        """The command that was written last."""
        patches = [one for one in self.server.asked if one.method == "PATCH"]
        found: Object = yaml.safe_load(patches[-1].body["metadata"]["annotations"][INTENT])
        return found

    def open(self) -> None:
        """Serve, at the same port as before."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    async def _open(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.server.handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    def shut(self) -> None:
        """Serve no more, until it is opened again."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)

    async def _shut(self) -> None:
        if self._runner is not None:
            await self.server.close()
            await self._runner.cleanup()
            self.server._closing = False

    def configure(self, *, token: str = TOKEN, namespace: str = "exams") -> None:
        """Write the kubeconfig."""
        cluster = {"server": f"http://127.0.0.1:{self.port}"}
        context = {"cluster": "kind", "user": "ada", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "kind",
            "clusters": [{"name": "kind", "cluster": cluster}],
            "contexts": [
                {"name": "kind", "context": context},
                {"name": "other", "context": {**context, "namespace": "elsewhere"}},
            ],
            "users": [{"name": "ada", "user": {"token": token}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")

    def end(self) -> None:
        """Leave nothing running."""
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextlib.contextmanager
def clustered(folder: Path, *found: Object) -> Iterator[Cluster]:
    """A cluster with these objects; the environment's kubeconfig is its own."""
    cluster = Cluster(folder)
    try:
        cluster.open()
        cluster.configure()
        cluster.put(*found)
        yield cluster
    finally:
        cluster.end()


def environment(cluster: Cluster) -> dict[str, str]:
    """For a program that is to reach it."""
    return {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "COLUMNS": "120"}
