"""The kinds of problems that a caller can run into: what each means and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

# The documentation page has a section for each, so that the type of a problem leads to its remedy.
TYPE_PREFIX: Final = "/docs#problem-"


class Kind(StrEnum):
    """Kinds of problems. The word is part of the problem's type and never changes."""

    UNAUTHENTICATED = "unauthenticated"
    SESSION_EXPIRED = "session-expired"
    CROSS_SITE = "cross-site"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    NO_SUCH_PATH = "no-such-path"
    WRONG_METHOD = "wrong-method"
    MOVED = "moved"
    BUSY = "busy"
    TOO_LARGE = "too-large"
    WRONG_MEDIA_TYPE = "wrong-media-type"
    WRONG_INPUT = "wrong-input"
    KEY_REUSED = "key-reused"
    TOO_MANY = "too-many"
    BUG = "bug"
    TOO_SLOW = "too-slow"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is said of a kind: in the description of the API, and on its documentation page."""

    status: HTTPStatus
    title: str
    meaning: str
    remedy: str
    example: str = ""
    wrong: tuple[tuple[str, str], ...] = ()


ABOUT: Final[Mapping[Kind, About]] = {
    Kind.UNAUTHENTICATED: About(
        status=HTTPStatus.UNAUTHORIZED,
        title="Not signed in",
        meaning="there is no token, or the cluster does not take it",
        remedy="Send `Authorization: Bearer <token>` with a token that was made for the audience "
        "of this service (`kubectl create token NAME --audience=canary-controller`), or sign in "
        "at /sign-in with a browser.",
        example="no valid token: send Authorization: Bearer <token>, made for the audience "
        "canary-controller",
    ),
    Kind.SESSION_EXPIRED: About(
        status=HTTPStatus.UNAUTHORIZED,
        title="The session is over",
        meaning="the browser's session has ended, here or with a restart of the service",
        remedy="Sign in again at /sign-in.",
        example="the session is over: sign in again at /sign-in",
    ),
    Kind.CROSS_SITE: About(
        status=HTTPStatus.FORBIDDEN,
        title="Asked from another site",
        meaning="a browser sent this with its session, but from a page that is not ours",
        remedy="Use the page of this service, or a bearer token.",
        example="the request comes from another site: use the page of this service, or a token",
    ),
    Kind.FORBIDDEN: About(
        status=HTTPStatus.FORBIDDEN,
        title="Not allowed",
        meaning="the cluster knows the caller, and its RBAC does not grant what was asked for",
        remedy="Ask an administrator for the verb that the detail names; the ClusterRoles "
        "canary-viewer and canary-operator grant what is commonly needed.",
        example="ada may not promote exams/exam-api: ask an administrator for the verb promote on "
        "canaries.canary-controller.io in the namespace exams, which the ClusterRole "
        "canary-operator grants",
    ),
    Kind.NOT_FOUND: About(
        status=HTTPStatus.NOT_FOUND,
        title="Not there",
        meaning="it does not exist, or the caller may not see it; which of both is not told",
        remedy="Look at the list of what is there for you: /api/v1/canaries.",
        example="there is no Canary exams/exam-api, or you may not see it; those that are there "
        "for you: /api/v1/canaries",
    ),
    Kind.NO_SUCH_PATH: About(
        status=HTTPStatus.NOT_FOUND,
        title="No such path",
        meaning="nothing is served under this path",
        remedy="Look at /docs for what is.",
        example="there is no /api/v1/canary; try /api/v1/canaries",
    ),
    Kind.WRONG_METHOD: About(
        status=HTTPStatus.METHOD_NOT_ALLOWED,
        title="Not with this method",
        meaning="the path is there, but not for this method",
        remedy="Use one that the header Allow names.",
        example="DELETE is not possible here; possible: GET",
    ),
    Kind.MOVED: About(
        status=HTTPStatus.CONFLICT,
        title="The world has moved on",
        meaning="what runs is not what the command was meant for; nothing was done",
        remedy="Read the Canary again, and ask again for the revision and step that it has now.",
        example="exams/exam-api runs revision 43 (exam-api:43) (fingerprint 9a1c) at step 1, not "
        "revision 7c4e1a2f30 at step 2: look at it, and ask again",
    ),
    Kind.BUSY: About(
        status=HTTPStatus.CONFLICT,
        title="Another command waits",
        meaning="one command at a time is acted on, and another one came first",
        remedy="Wait for a second, see what came of the other one, and ask again.",
        example="ada asked for promote of exams/exam-api just before, and it was not acted on yet: "
        "look at what comes of it, and ask again",
    ),
    Kind.TOO_LARGE: About(
        status=HTTPStatus(413),  # its name differs between versions of Python
        title="Too large",
        meaning="the request's body is larger than any command needs",
        remedy="Send a shorter reason.",
        example="the body is larger than 16384 bytes: shorten the reason",
    ),
    Kind.WRONG_MEDIA_TYPE: About(
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        title="Not JSON",
        meaning="commands are taken as JSON only",
        remedy="Send the body as JSON, with `Content-Type: application/json`.",
        example="the body is text/plain: send JSON, with Content-Type: application/json",
    ),
    Kind.WRONG_INPUT: About(
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        title="Wrong input",
        meaning="a part of the request is missing, unknown or out of its bounds",
        remedy="Change what `errors` names.",
        wrong=(("revision", "Field required"),),
    ),
    Kind.KEY_REUSED: About(
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        title="The key belongs to another command",
        meaning="this Idempotency-Key was used before, for another action on this Canary",
        remedy="Send a new key with each new command; repeat a key only with the same command.",
        example="this Idempotency-Key was used for hold: send a new key with a new command",
    ),
    Kind.TOO_MANY: About(
        status=HTTPStatus.TOO_MANY_REQUESTS,
        title="Too many failures",
        meaning="too many requests from this address could not be authenticated",
        remedy="Wait for as many seconds as the header Retry-After says, and use a valid token.",
        example="too many failed sign-ins from this address: wait for 30 s",
    ),
    Kind.BUG: About(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        title="A bug",
        meaning="this should not happen",
        remedy="Report it, with what the log of the service says.",
        example="this is a bug of canary-controller; its log has the details",
    ),
    Kind.TOO_SLOW: About(
        status=HTTPStatus.REQUEST_TIMEOUT,
        title="The request did not arrive",
        meaning="the body was announced and did not come in time; nothing was done",
        remedy="Send it again, with the same Idempotency-Key.",
        example="the body did not arrive within 10 s: send it again",
    ),
    Kind.REFUSED: About(
        status=HTTPStatus.BAD_GATEWAY,
        title="The cluster refused it",
        meaning="the API server understood our write and said no; nothing was done",
        remedy="Ask an administrator: an admission policy, or a right that the controller lacks.",
        example="the Kubernetes API server refused the write: denied by the policy canary-commands",
    ),
    Kind.UNAVAILABLE: About(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="The cluster does not answer",
        meaning="the Kubernetes API server cannot be asked; nothing was done, nobody was let in",
        remedy="Try again in a moment, with the same Idempotency-Key.",
        example="the Kubernetes API server does not answer: try again in a moment",
    ),
    Kind.OVERLOADED: About(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="Too much at once",
        meaning="as many requests as can be served at once are being served",
        remedy="Wait for as many seconds as the header Retry-After says.",
        example="100 requests are being served, no more at once: try again in a second",
    ),
}
