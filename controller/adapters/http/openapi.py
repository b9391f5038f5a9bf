"""The description of the whole API: what FastAPI knows of the routes, made complete."""

from collections.abc import Iterator
from importlib import metadata
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from controller.adapters.http.examples import EXAMPLES
from controller.adapters.http.gates import PROBES
from controller.adapters.http.kinds import Kind
from controller.adapters.http.problems import documented, problem_examples, problem_schemas
from controller.adapters.http.shapes_commands import OrderShape, PromoteShape
from controller.domain.naming import camel

DISTRIBUTION: Final = "canary-controller"
COOKIE: Final = "__Host-canary-session"

# Neither a kubelet nor a scraper signs in; Slack signs what it posts; a description is no secret.
OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics", "/slack/interactions"})
SAFE: Final = frozenset({"get", "head", "options"})
_METHODS: Final = frozenset({"get", "head", "post", "put", "patch", "delete", "options"})
_FASTAPIS: Final = ("HTTPValidationError", "ValidationError")

_ABOUT: Final = """\
canary-controller holds the rolling updates of Deployments at a few canary pods, compares them \
with stable, and rolls back by itself. This API shows what it sees and takes commands.

**Who may.** Every request needs a bearer token that was made for the audience of this service, \
or the session of a browser that signed in with one. RBAC decides: the verbs `get`, `promote`, \
`rollback` and `hold` on `canaries.canary-controller.io`. The ClusterRoles `canary-viewer` and \
`canary-operator` grant them. What you may not see is answered as if it were not there.

**Commands** are written on the Canary object and acted on a moment later: the answer is 202, with \
where to look. Each names the revision that it is meant for, so that it never hits another one, \
and has an `Idempotency-Key`, so that it can be sent again when no answer came.

**Errors** are problem details (RFC 9457); `detail` says what to do.

**Versions.** Fields and paths may be added to `/api/v1`; none is removed or changes its meaning.
"""

_TAGS: Final = [
    {"name": "canaries", "description": "What is known: every Canary, and all about one."},
    {"name": "commands", "description": "What people ask for, and what becomes of it."},
    {"name": "journal", "description": "What was decided, to be read and to be replayed."},
    {"name": "stream", "description": "What happens, as it happens."},
    {"name": "slack", "description": "For Slack alone, which signs what it sends."},
    {"name": "probes", "description": "For the kubelet and the scraper; open to everybody."},
]

_SCHEMES: Final[dict[str, Any]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "a token of a ServiceAccount or a person, made for the audience of this "
        "service: `kubectl create token NAME --audience=canary-controller`",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "of a browser that signed in at /sign-in; its requests have to come from "
        "our own pages",
    },
}


def describe(app: FastAPI) -> None:
    """Let the application describe itself completely, at /openapi.json."""
    app.title = DISTRIBUTION
    app.version = metadata.version(DISTRIBUTION)
    app.summary = "Canary releases of native Deployments: what is seen, and what people ask for"
    app.description = _ABOUT
    app.openapi_tags = _TAGS
    plain = app.openapi
    completed: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        described = plain()
        # FastAPI makes another one when routes were added.
        if not completed or completed[-1] is not described:
            _complete(described)
            completed[:] = [described]
        return described

    app.openapi = openapi  # type: ignore[method-assign]


def operation_id(route: APIRoute) -> str:
    """The name of a function in a generated client."""
    return camel(route.name.replace("-", "_"))


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and what is said of each operation."""
    for path, item in described["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                yield path, method, operation


def _complete(described: dict[str, Any]) -> None:
    components: dict[str, Any] = described.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for name in _FASTAPIS:
        schemas.pop(name, None)
    schemas.update(problem_schemas())
    for shape in (OrderShape, PromoteShape):
        schemas[shape.__name__] = shape.model_json_schema()
    components["securitySchemes"] = _SCHEMES
    shown = {
        name: {"value": example.model_dump(mode="json", by_alias=True, exclude_unset=True)}
        for name, example in EXAMPLES.items()
    }
    components["examples"] = {**shown, **problem_examples()}
    for path, method, operation in operations(described):
        _replace_fastapis(operation)
        kinds = [Kind.BUG, Kind.OVERLOADED]
        if path not in OPEN:
            operation["security"] = [{"bearer": []}, {"session": []}]
            kinds += [Kind.UNAUTHENTICATED, Kind.SESSION_EXPIRED, Kind.TOO_MANY, Kind.UNAVAILABLE]
            kinds += [] if method in SAFE else [Kind.CROSS_SITE]
        if path not in PROBES:
            _add(operation["responses"], documented(*kinds))
        operation["responses"] = dict(sorted(operation["responses"].items()))


def _replace_fastapis(operation: dict[str, Any]) -> None:
    """A wrong input is a problem here, whatever FastAPI says by itself."""
    said = operation["responses"].get("422", {}).get("content", {}).get("application/json")
    if said is not None:
        operation["responses"]["422"] = documented(Kind.WRONG_INPUT)[422]


def _add(answers: dict[str, Any], more: dict[int | str, dict[str, Any]]) -> None:
    """Errors of one status share its entry."""
    for code, entry in more.items():
        said = answers.get(str(code))
        if said is None:
            answers[str(code)] = entry
            continue
        lines = [one for one in (said["description"], entry["description"]) if one]
        said["description"] = "\n\n".join(dict.fromkeys(lines))
        for media_type, content in entry["content"].items():
            here = said.setdefault("content", {}).setdefault(media_type, content)
            here.setdefault("examples", {}).update(content["examples"])
