"""Errors as problem details (RFC 9457), for every path of the application."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from controller.adapters.http.kinds import ABOUT, TYPE_PREFIX, Kind
from controller.adapters.http.safety import STRICT

MEDIA_TYPE: Final = "application/problem+json"
HEADERS: Final = {**STRICT, "cache-control": "no-store"}
ERRORS_MAX: Final = 20
MESSAGE_CHARACTERS_MAX: Final = 300
_UNKNOWN: Final = "about:blank"


class WrongInput(BaseModel):
    """One thing that is wrong with a request."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """Why a request was not answered, and what to do instead."""

    type: Annotated[
        str, Field(description="where this kind of problem is explained; about:blank: HTTP's own")
    ] = _UNKNOWN
    title: Annotated[str, Field(description="the kind of problem in a few words")]
    status: Annotated[int, Field(description="as in the status line")]
    detail: Annotated[str, Field(description="what is wrong this time, and what to do")]
    instance: Annotated[str, Field(description="the path that was asked for")]
    errors: Annotated[
        tuple[WrongInput, ...], Field(description="each thing that is wrong with the input")
    ] = ()


class Trouble(HTTPException):
    """An answer that is a problem of a known kind; may be raised from any route or dependency."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: tuple[WrongInput, ...] = (),
    ) -> None:
        super().__init__(int(ABOUT[kind].status), detail, dict(headers) if headers else None)
        self.kind = kind
        self.errors = errors


def explain_errors(app: FastAPI) -> None:
    """Answer every error of this application with problem details."""
    app.add_exception_handler(HTTPException, _explain)
    app.add_exception_handler(RequestValidationError, _explain_input)
    app.add_exception_handler(Exception, _explain_bug)


def problem_type(kind: Kind) -> str:
    """The address, within this service, where a kind of problem is explained."""
    return f"{TYPE_PREFIX}{kind.value}"


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these errors; those of one status share its entry."""
    said: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        about = ABOUT[kind]
        entry = said.setdefault(
            int(about.status),
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": {"$ref": SCHEMA_REF}, "examples": {}}},
            },
        )
        lines = (entry["description"], f"{about.title}: {about.meaning}")
        entry["description"] = "\n\n".join(line for line in lines if line)
        ref = f"#/components/examples/{_example_name(kind)}"
        entry["content"][MEDIA_TYPE]["examples"][kind.value] = {"$ref": ref}
    return said


SCHEMA_REF: Final = f"#/components/schemas/{ProblemDetails.__name__}"


def problem_examples() -> dict[str, Any]:
    """The examples that `documented` refers to."""
    return {
        _example_name(kind): {"summary": ABOUT[kind].title, "value": example(kind)} for kind in Kind
    }


def _example_name(kind: Kind) -> str:
    return f"problem-{kind.value}"


def problem_schemas() -> dict[str, Any]:
    """The schemas that `documented` refers to."""
    schema = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions: dict[str, Any] = schema.pop("$defs")
    return {**definitions, ProblemDetails.__name__: schema}


def example(kind: Kind) -> dict[str, Any]:
    """A problem of this kind, as it is answered."""
    about = ABOUT[kind]
    errors = tuple(WrongInput(field=f, message=m) for f, m in about.wrong)
    detail = about.example or "; ".join(f"{one.field}: {one.message}" for one in errors)
    return _body(kind, about.status, detail, "/api/v1/canaries/exams/exam-api", errors)


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code)
    if isinstance(error, Trouble):
        body = _body(error.kind, code, error.detail, request.url.path, error.errors)
        return _answer(code, body, error.headers)
    detail = str(error.detail)
    kind = None
    if code is HTTPStatus.NOT_FOUND and detail == code.phrase:
        kind = Kind.NO_SUCH_PATH
        *others, last = _paths(request.app)
        detail = f"there is no {request.url.path}; try {', '.join(others)} or {last}"
    elif code is HTTPStatus.METHOD_NOT_ALLOWED:
        kind = Kind.WRONG_METHOD
        allowed = (error.headers or {}).get("Allow", "another method")
        detail = f"{request.method} is not possible here; possible: {allowed}"
    return _answer(code, _body(kind, code, detail, request.url.path), error.headers)


async def _explain_input(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    trouble = wrong_input(error.errors())
    body = _body(trouble.kind, _UNPROCESSABLE, trouble.detail, request.url.path, trouble.errors)
    return _answer(_UNPROCESSABLE, body)


_UNPROCESSABLE: Final = HTTPStatus.UNPROCESSABLE_ENTITY
_PLACES: Final = frozenset({"body", "query", "path", "header", "cookie"})


def wrong_input(errors: Any) -> Trouble:
    """What pydantic found, as a problem that names each field."""
    wrong = tuple(
        WrongInput(field=_field(one["loc"]), message=str(one["msg"])[:MESSAGE_CHARACTERS_MAX])
        for one in list(errors)[:ERRORS_MAX]
    )
    detail = "; ".join(f"{one.field}: {one.message}" for one in wrong)
    return Trouble(Kind.WRONG_INPUT, detail, errors=wrong)


def _field(place: tuple[int | str, ...]) -> str:
    """The field's name as the caller wrote it, without the place that it was found in."""
    if place and place[0] in _PLACES:
        place = place[1:] if place[0] == "body" else place[1:2]
    return ".".join(str(part) for part in place)[:MESSAGE_CHARACTERS_MAX] or "body"


async def _explain_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001 - logged
    detail = "this is a bug of canary-controller; its log has the details"
    code = HTTPStatus.INTERNAL_SERVER_ERROR
    return _answer(code, _body(Kind.BUG, code, detail, request.url.path))


def problem(kind: Kind, detail: str, path: str) -> bytes:
    """A problem as the body of an answer, for those that speak below the framework."""
    body = _body(kind, ABOUT[kind].status, detail, path)
    return bytes(JSONResponse(body).body)


def _body(
    kind: Kind | None,
    code: HTTPStatus,
    detail: str,
    path: str,
    errors: tuple[WrongInput, ...] = (),
) -> dict[str, Any]:
    details = ProblemDetails(
        type=problem_type(kind) if kind else _UNKNOWN,
        title=ABOUT[kind].title if kind else code.phrase,
        status=int(code),
        detail=detail,
        instance=path,
        errors=errors,
    )
    return details.model_dump(mode="json", exclude=None if errors else {"errors"})


def _answer(code: HTTPStatus, body: Any, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        body,
        status_code=int(code),
        media_type=MEDIA_TYPE,
        headers={**HEADERS, **(headers or {})},
    )


def _paths(app: FastAPI) -> list[str]:
    """What may be asked for without knowing a name."""
    described = app.openapi()["paths"]
    return [path for path, item in described.items() if "{" not in path and "get" in item]
