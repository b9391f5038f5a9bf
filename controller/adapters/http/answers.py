"""Answers that are not sent again to somebody who has them."""

import hashlib
from collections.abc import Mapping
from typing import Final

from fastapi import Request, Response
from pydantic import BaseModel

JSON: Final = "application/json"
HEADERS: Final = {"cache-control": "no-store"}
_TAG_CHARACTERS: Final = 24
_TAGS_MAX: Final = 32


def answer(request: Request, shape: BaseModel) -> Response:
    """The shape as JSON, with a tag; 304 when the caller's tag is that of what is there now.

    `at`, the instant of the answer, is no part of the tag: two answers that differ in nothing else
    say the same.
    """
    body = shape.model_dump_json(by_alias=True, exclude={"at"}).encode()
    at = shape.model_dump_json(by_alias=True, include={"at"}).encode()
    whole = at[:-1] + b"," + body[1:] if at != b"{}" else body
    return _answer(request, whole, _tag(body), JSON, HEADERS)


def kept(request: Request, body: bytes, *, media_type: str, headers: Mapping[str, str]) -> Response:
    """As `answer`, of something that is made already."""
    return _answer(request, body, _tag(body), media_type, headers)


def _answer(
    request: Request, body: bytes, tag: str, media_type: str, headers: Mapping[str, str]
) -> Response:
    tagged = {**headers, "etag": tag}
    if _has(request, tag):
        return Response(status_code=304, headers=tagged)
    return Response(body, media_type=media_type, headers=tagged)


def _tag(body: bytes) -> str:
    return f'W/"{hashlib.sha256(body).hexdigest()[:_TAG_CHARACTERS]}"'


def _has(request: Request, tag: str) -> bool:
    """Whether the caller has it already, by the weak comparison of RFC 9110."""
    said = ",".join(request.headers.getlist("if-none-match"))
    if said.strip() == "*":
        return True
    ours = tag.removeprefix("W/")
    tags = said.split(",", _TAGS_MAX)[:_TAGS_MAX]
    return any(one.strip().removeprefix("W/") == ours for one in tags)
