"""Where Slack posts what people clicked. Slack has no token of ours: its signature is checked."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from controller.adapters.http.anybody import Anybody
from controller.adapters.http.kinds import Kind
from controller.adapters.http.problems import Trouble, documented

PATH: Final = "/slack/interactions"
# A message of ours at its longest, every character of it encoded.
BODY_BYTES_MAX: Final = 524_288

Take = Callable[[Mapping[str, str], bytes], tuple[HTTPStatus, str]]

_KINDS: Final[Mapping[HTTPStatus, Kind]] = {
    HTTPStatus.UNAUTHORIZED: Kind.UNAUTHENTICATED,
    HTTPStatus.UNPROCESSABLE_ENTITY: Kind.WRONG_INPUT,
    HTTPStatus.SERVICE_UNAVAILABLE: Kind.OVERLOADED,
}
_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["payload"],
    "properties": {"payload": {"type": "string", "description": "JSON, as Slack documents it"}},
}
_EXAMPLE: Final = {
    "payload": '{"type": "block_actions", "user": {"id": "U0123ABCD"}, "actions": [...], ...}'
}


def build_slack_door(take: Take) -> APIRouter:
    """A router to be included in the application.

    `take` gets headers (names in lower case) and the raw body, which is what the signature is of.
    It answers at once: OK, or 401, 422 or 503 with the reason.
    """
    router = APIRouter(tags=["slack"])
    bodies = Anybody(BODY_BYTES_MAX, "body")

    async def post(request: Request) -> Response:
        body = await bodies.body(request)
        status, why = take({k.lower(): v for k, v in request.headers.items()}, body)
        if status is HTTPStatus.OK:
            return Response(status_code=HTTPStatus.OK)
        headers = {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
        raise Trouble(_KINDS[status], why, headers=headers)

    router.add_api_route(
        PATH,
        post,
        methods=["POST"],
        name="slack-interactions",
        summary="What people clicked in Slack",
        description="For Slack alone: requests are signed with the app's signing secret and at "
        "most five minutes old. The answer comes at once; what becomes of the click is said in "
        "Slack.",
        response_description="taken; the rest is said in Slack",
        response_class=Response,
        responses=documented(
            Kind.UNAUTHENTICATED, Kind.TOO_LARGE, Kind.TOO_SLOW, Kind.WRONG_INPUT, Kind.OVERLOADED
        ),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/x-www-form-urlencoded": {"schema": _FORM, "example": _EXAMPLE}
                },
            }
        },
    )
    return router
