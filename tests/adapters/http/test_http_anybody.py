"""Those who are not known yet cannot take the room of those who are."""

import asyncio
from http import HTTPStatus

import httpx
import pytest
from prometheus_client import CollectorRegistry

from controller.adapters.http.anybody import AT_ONCE_MAX
from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.http.slack_door import build_slack_door

HEAD = (
    "POST /slack/interactions HTTP/1.1\r\nHost: here\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n"
)


def test_slow_bodies_are_few_and_end(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
        door = build_slack_door(lambda _headers, _body: (HTTPStatus.UNAUTHORIZED, "no signature"))
        app = build_app(health, CollectorRegistry(), door)
        async with serve(app, "127.0.0.1", 0) as port:
            slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(AT_ONCE_MAX)]
            for _, writer in slow:
                writer.write(HEAD.encode())
                await writer.drain()
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                answer = await client.post("/slack/interactions", content=b"payload={}")
                while answer.status_code != 503:
                    answer = await client.post("/slack/interactions", content=b"payload={}")
                assert answer.headers["retry-after"] == "2"
                slow[0][1].close()
                said = await asyncio.gather(*(reader.read() for reader, _ in slow[1:]))
                assert all(b"408" in text.split(b"\r\n")[0] for text in said)
                assert (await client.get("/healthz")).status_code == 200
            for _, writer in slow:
                writer.close()
                await writer.wait_closed()

    asyncio.run(asyncio.wait_for(story(), 30))
    assert "Traceback" not in caplog.text
