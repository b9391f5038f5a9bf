"""A request's body, read once the caller is known: bounded, JSON and nothing else, no surprises."""

import asyncio
import json
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from controller.adapters.http.kinds import Kind
from controller.adapters.http.problems import Trouble, WrongInput, wrong_input

# The longest reason, every character of it escaped, is less than half of it.
BODY_BYTES_MAX: Final = 16_384
BODY_SECONDS: Final = 10.0
_MEDIA_TYPE: Final = "application/json"

S = TypeVar("S", bound=BaseModel)


async def read(request: Request, shape: type[S]) -> S:
    """The body as this shape. Raises Trouble: 413, 415 or 422."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        said = f"is {media_type}" if media_type else "has no content type"
        detail = f"the body {said[:100]}: send JSON, with Content-Type: {_MEDIA_TYPE}"
        raise Trouble(Kind.WRONG_MEDIA_TYPE, detail, headers={"Accept-Post": _MEDIA_TYPE})
    value = _parsed(await _bounded(request))
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise wrong_input(error.errors(include_input=False, include_context=False)) from None


async def _bounded(request: Request) -> bytes:
    """What is said to be too long is not read at all."""
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdecimal() and int(said[:20]) > BODY_BYTES_MAX:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise _too_large()
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_SECONDS:g} s: send it again"
        raise Trouble(Kind.TOO_SLOW, detail, headers={"Connection": "close"}) from None
    return bytes(body)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        wrong = "is nested too deeply"
    except ValueError as error:
        wrong = f"is not JSON in UTF-8: {error}"
    raise Trouble(
        Kind.WRONG_INPUT,
        f"the body {wrong}"[:300],
        errors=(WrongInput(field="body", message=wrong[:300]),),
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A member said twice would be read in one way by us and in another by a proxy."""
    said = dict(pairs)
    if len(said) < len(pairs):
        raise ValueError("a member is there twice")
    return said


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")


def _too_large() -> Trouble:
    detail = f"the body is larger than {BODY_BYTES_MAX} bytes: shorten the reason"
    return Trouble(Kind.TOO_LARGE, detail)
