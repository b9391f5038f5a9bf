"""What is exported is named as Prometheus wants it, and few series however many ask."""

import asyncio
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from controller.adapters.clock import SystemClock
from controller.adapters.http.connections import Connection
from controller.adapters.http.gates import Gate
from controller.adapters.recorder import WAITING_MAX, FlightRecorder
from controller.adapters.telemetry import PREFIX, Telemetry
from controller.domain.lifecycle import Phase
from controller.domain.status import Notice, NoticeKind, Status
from docs.generate import everything_shown
from tests.adapters.entries import of_a_day
from tests.monitoring.test_alerts import promtool

METHODS: Final = [f"PURGE{number}" for number in range(30)]


def shown(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


def test_promtool_finds_nothing_wrong_with_the_names() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    everything_shown(telemetry)
    telemetry.answered("GET", "/api/v1/canaries", 200)
    done = subprocess.run(
        [promtool(), "check", "metrics"],
        input=shown(registry),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_of_ours_says_in_its_name_what_it_counts() -> None:
    registry = CollectorRegistry()
    everything_shown(Telemetry(registry))
    for family in registry.collect():
        assert family.name.startswith((PREFIX, "process_"))
        assert len(family.documentation) > 10
        if family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_whoever_makes_up_methods_makes_no_series() -> None:
    """Nobody has to sign in for it, and h11 lets any word through."""
    registry = CollectorRegistry()

    async def ask() -> None:
        app = Starlette(routes=[Route("/x", lambda _request: PlainTextResponse("x"))])
        app.add_middleware(Gate, counted=Telemetry(registry).answered)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, http=Connection, lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve())
            async with asyncio.timeout(20):
                while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            for method in [*METHODS, "GET"]:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(
                    f"{method} /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
                )
                assert b"HTTP/1.1" in await reader.read()
                writer.close()
            server.should_exit = True

    asyncio.run(ask())
    series = re.findall(r'http_requests_total\{method="(\w+)"\S+ (\S+)', shown(registry))
    assert sorted(series) == [("GET", "1.0"), ("other", f"{len(METHODS)}.0")]


def test_what_the_flight_recorder_loses_is_counted(tmp_path: Path) -> None:
    entry = of_a_day("incident")[0]
    registry = CollectorRegistry()
    nowhere = tmp_path / "file"
    nowhere.write_text("a file is no folder")

    async def lose() -> FlightRecorder:
        flight = FlightRecorder(nowhere)
        for _ in range(WAITING_MAX + 3):
            flight.record(entry)
        running = asyncio.create_task(flight.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return flight

    flight = asyncio.run(lose())
    Telemetry(registry).show_recorder(lambda: flight.lost)
    lost = f"{PREFIX}recorder_lost_total {WAITING_MAX + 3}.0"
    assert lost in shown(registry)


@pytest.mark.parametrize("result", ["ok", "no-answer"])
def test_a_query_is_counted_by_what_came_of_it(result: str) -> None:
    registry = CollectorRegistry()
    Telemetry(registry).queried(result, 0.2)
    assert f'{PREFIX}prometheus_queries_total{{result="{result}"}} 1.0' in shown(registry)


def test_notices_that_wait_are_counted_whosever_they_are() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    notice = Notice(key="k", kind=NoticeKind.HOLDING, at=now, headline="Held")
    statuses = [Status(phase=Phase.HOLDING, outbox=(notice, notice)), Status(outbox=(notice,))]
    registry = CollectorRegistry()
    Telemetry(registry).show_standing(lambda: statuses, SystemClock())
    assert f"{PREFIX}notices_waiting 3.0" in shown(registry)
