"""Who somebody is and what RBAC allows them, asked of the API server."""

from typing import Any, Final

import msgspec

from controller.adapters.kube.client import KubeClient
from controller.adapters.kube.names import GROUP, PLURAL, VERSION
from controller.engine.ports import Person, Unavailable, Verb

TOKEN_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


class _User(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: list[str] | None = None
    extra: dict[str, list[str]] | None = None


class _Identity(msgspec.Struct):
    authenticated: bool = False
    user: _User | None = None
    audiences: list[str] | None = None
    error: str = ""


class _TokenReview(msgspec.Struct):
    status: _Identity | None = None


class _Ruling(msgspec.Struct):
    allowed: bool = False
    denied: bool = False


class _AccessReview(msgspec.Struct):
    status: _Ruling | None = None


class KubeReviews:
    """TokenReview and SubjectAccessReview, under the controller's own account.

    `audience` is whom a token has to be made for.
    """

    def __init__(self, client: KubeClient, audience: str) -> None:
        self._client = client
        self._audience = audience

    async def whose(self, token: str) -> Person | None:
        """Whose token it is; None: it is not valid, or not meant for us.

        Raises Unavailable, and Refused where we may not ask.
        """
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [self._audience]},
        }
        status = _read(await self._client.request("POST", TOKEN_REVIEWS, body=review), _TokenReview)
        # A server that knows nothing of audiences takes a token for another service too; it tells
        # by not naming ours.
        meant = status is not None and self._audience in (status.audiences or ())
        if status is None or not status.authenticated or not meant or status.user is None:
            return None
        user = status.user
        if not user.username:
            return None
        return Person(
            name=user.username,
            uid=user.uid,
            groups=tuple(user.groups or ()),
            extra={key: tuple(values) for key, values in (user.extra or {}).items()},
        )

    async def allowed(self, person: Person, verb: Verb, namespace: str, name: str) -> bool:
        """Whether RBAC allows it; no namespace: in all of them, no name: any Canary there.

        Raises Unavailable, and Refused where we may not ask.
        """
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": _question(person, verb, namespace, name),
        }
        status = _read(
            await self._client.request("POST", ACCESS_REVIEWS, body=review), _AccessReview
        )
        return status is not None and status.allowed and not status.denied


def _question(person: Person, verb: Verb, namespace: str, name: str) -> dict[str, Any]:
    return {
        "user": person.name,
        "uid": person.uid,
        "groups": list(person.groups),
        "extra": {key: list(values) for key, values in person.extra.items()},
        "resourceAttributes": {
            "group": GROUP,
            "version": VERSION,
            "resource": PLURAL,
            "verb": verb.value,
            "namespace": namespace,
            "name": name,
        },
    }


def _read(body: bytes, kind: type[Any]) -> Any:
    """The review's status; what cannot be read is no answer."""
    try:
        return msgspec.json.decode(body, type=kind).status
    except msgspec.DecodeError as error:
        # The body may repeat the token: it is not in the message.
        raise Unavailable("the API server's answer to a review cannot be read") from error
