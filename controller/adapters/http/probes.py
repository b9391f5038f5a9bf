"""What the kubelet and the scraper ask."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, Field

# Three looks of the longest kind fit in; a loop that is silent for longer is stuck.
HEARTBEAT_AGE_SECONDS_MAX: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the probes ask: how long ago the loop last beat, and which caches are not synced yet."""

    heartbeat_age_seconds: Callable[[], float]
    unsynced: Callable[[], tuple[str, ...]]


class ProbeShape(BaseModel):
    """What a probe is told."""

    status: Annotated[str, Field(description="ok, stuck or syncing")]
    heartbeat_age_seconds: Annotated[
        float | None, Field(description="how long ago the loop last beat; left out by /readyz")
    ] = None
    detail: Annotated[str | None, Field(description="what is wrong; left out when it is ok")] = None


def build_probes(health: Health, registry: CollectorRegistry) -> APIRouter:
    """Open to everybody: neither a kubelet nor a scraper signs in, and nothing here names names."""
    router = APIRouter(tags=["probes"])

    @router.get("/healthz", summary="Is it alive?", response_model=ProbeShape, responses=_HEALTH)
    async def healthz() -> JSONResponse:
        """Whether the loop is alive: a kubelet restarts the pod when it is not."""
        age_seconds = health.heartbeat_age_seconds()
        if age_seconds <= HEARTBEAT_AGE_SECONDS_MAX:
            return _answer(status="ok", heartbeat_age_seconds=round(age_seconds, 1))
        detail = (
            f"the loop last beat {age_seconds:.1f} s ago, "
            f"more than {HEARTBEAT_AGE_SECONDS_MAX:g} s: it is stuck"
        )
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, status="stuck", detail=detail)

    @router.get("/readyz", summary="Is it ready?", response_model=ProbeShape, responses=_READY)
    async def readyz() -> JSONResponse:
        """Whether the caches are synced. Prometheus and Slack may be away: we still watch pods."""
        unsynced = health.unsynced()
        if not unsynced:
            return _answer(status="ok")
        detail = f"not yet read from the API server: {', '.join(unsynced)}"
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, status="syncing", detail=detail)

    @router.get("/metrics", summary="Its metrics", response_class=Response, responses=_METRICS)
    async def metrics(request: Request) -> Response:
        """Our own metrics, in the format the scraper asks for."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return router


def _shown(good: dict[str, Any], bad: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "it is", "content": {"application/json": {"example": good}}},
        503: {
            "description": "it is not; `detail` says what is wrong",
            "model": ProbeShape,
            "content": {"application/json": {"example": bad}},
        },
    }


_STUCK: Final = "the loop last beat 31.4 s ago, more than 15 s: it is stuck"
_UNREAD: Final = "not yet read from the API server: pods"
_HEALTH: Final = _shown(
    {"status": "ok", "heartbeat_age_seconds": 0.4},
    {"status": "stuck", "detail": _STUCK},
)
_READY: Final = _shown({"status": "ok"}, {"status": "syncing", "detail": _UNREAD})

_TEXT: Final = {
    "schema": {"type": "string"},
    "example": "# TYPE canary_controller_looks_total counter\ncanary_controller_looks_total 3.0\n",
}
_METRICS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "in the format of Prometheus, or of OpenMetrics where that is accepted",
        "content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
    }
}


def _answer(code: HTTPStatus = HTTPStatus.OK, **body: str | float) -> JSONResponse:
    return JSONResponse(body, status_code=code, headers={"cache-control": "no-store"})
