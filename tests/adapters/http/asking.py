"""Commands sent over HTTP, and what is said when they are not taken."""

import asyncio
from typing import Any

import httpx

from tests.adapters.http.ward import ONE, Ward, visited

POST = {"idempotency-key": "once"}


def sent(where: Ward, action: str, body: Any, **headers: str) -> httpx.Response:
    """One command, with a key unless another one is given."""

    async def story() -> httpx.Response:
        async with visited(where) as client:
            return await client.post(f"{ONE}/{action}", json=body, headers={**POST, **headers})

    return asyncio.run(story())


def raw(where: Ward, content: bytes, **headers: str) -> httpx.Response:
    async def story() -> httpx.Response:
        async with visited(where) as client:
            return await client.post(
                f"{ONE}/hold",
                content=content,
                headers={"content-type": "application/json", **POST, **headers},
            )

    return asyncio.run(story())


def problem(answer: httpx.Response, status: int, kind: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["type"], said["status"]) == (f"/docs#problem-{kind}", status)
    return str(said["detail"])
