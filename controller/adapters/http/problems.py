"""Errors as problem details (RFC 9457), for every path of the application."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

MEDIA_TYPE: Final = "application/problem+json"
HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class WrongInput(BaseModel):
    """One thing that is wrong with a request."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """Why a request was not answered, and what to do instead."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[WrongInput, ...] = ()


def explain_errors(app: FastAPI) -> None:
    """Answer every error of this application with problem details."""
    app.add_exception_handler(HTTPException, _explain)
    app.add_exception_handler(RequestValidationError, _explain_input)
    app.add_exception_handler(Exception, _explain_bug)


def documented(*codes: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these errors."""
    schema = ProblemDetails.model_json_schema()
    definitions = schema.pop("$defs")
    schema["properties"]["errors"]["items"] = definitions[WrongInput.__name__]
    return {
        int(code): {"description": code.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for code in codes
    }


async def _explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code)
    detail = str(error.detail)
    if code is HTTPStatus.NOT_FOUND and detail == code.phrase:
        *others, last = _paths(request.app)
        detail = f"there is no {request.url.path}; try {', '.join(others)} or {last}"
    return _answer(request, code, detail, headers=error.headers)


async def _explain_input(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = tuple(
        WrongInput(field=str(one["loc"][1]), message=str(one["msg"])) for one in error.errors()
    )
    detail = "; ".join(f"{one.field}: {one.message}" for one in wrong)
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=wrong)


async def _explain_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001 - logged
    detail = "this is a bug of canary-controller; its log has the details"
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _answer(
    request: Request,
    code: HTTPStatus,
    detail: str,
    *,
    errors: tuple[WrongInput, ...] = (),
    headers: Any = None,
) -> JSONResponse:
    problem = ProblemDetails(
        title=code.phrase,
        status=int(code),
        detail=detail,
        instance=request.url.path,
        errors=errors,
    )
    return JSONResponse(
        problem.model_dump(exclude=None if errors else {"errors"}),
        status_code=int(code),
        media_type=MEDIA_TYPE,
        headers={**HEADERS, **(headers or {})},
    )


def _paths(app: FastAPI) -> list[str]:
    """What may be asked for without knowing a name."""
    return [path for path in app.openapi()["paths"] if "{" not in path]
