"""At the start: what the controller may not do that it needs, said before it is missed at night."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from controller.adapters.kube.client import KubeClient
from controller.adapters.kube.rights import RIGHTS, Right, Scope
from controller.engine.ports import Conflict, Refused, Unavailable

SELF_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
AT_ONCE_MAX: Final = 4
ASK_AGAIN_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 15.0

log = logging.getLogger(__name__)


class _Ruling(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Ruling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Verbs that a right should give and does not, in a namespace or (empty) in all of them."""

    right: Right
    resource: str
    verbs: tuple[str, ...]
    namespace: str

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        group = f".{self.right.group}" if self.right.group else ""
        return f"{', '.join(self.verbs)} {self.resource}{group}{where}: {self.right.without}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRights:
    """Asks the API server what we may do, which everybody may ask about themselves.

    `namespaces` are those that are watched (empty: all); `lease` is the Lease's namespace and name,
    None where there is none.
    """

    client: KubeClient
    namespaces: tuple[str, ...]
    lease: tuple[str, str] | None
    again_seconds: float = ASK_AGAIN_SECONDS

    async def lacking(self) -> tuple[Lack, ...]:
        """What is missing now. Raises Unavailable or Refused when it cannot be asked."""
        slots = asyncio.Semaphore(AT_ONCE_MAX)

        async def lack(right: Right, resource: str, namespace: str) -> Lack | None:
            async with slots:
                verbs = [
                    verb
                    for verb in right.verbs
                    if not await self._may(right, resource, verb, namespace)
                ]
            found = Lack(right=right, resource=resource, verbs=tuple(verbs), namespace=namespace)
            return found if verbs else None

        asked = [asyncio.ensure_future(lack(*question)) for question in self._questions()]
        try:
            found = await asyncio.gather(*asked)
        finally:
            # After a failure the rest is asked again later, and not in the meantime too.
            for one in asked:
                one.cancel()
        return tuple(one for one in found if one is not None)

    async def watch(self) -> None:
        """Log what is missing, and look again now and then while it is necessary."""
        waited = False
        while True:
            try:
                found = await self.lacking()
            except (Conflict, Unavailable) as error:
                log.warning("What we may do cannot be asked: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Refused as error:
                log.warning("What we may do cannot be asked: %s", error)
                await asyncio.sleep(self.again_seconds)
                continue
            for lack in found:
                level = logging.ERROR if lack.right.necessary else logging.WARNING
                log.log(level, "Not allowed: %s. Apply the chart's roles (rbac.create)", lack)
            if not any(lack.right.necessary for lack in found):
                if waited:
                    log.info("Nothing that is necessary is missing any more")
                return
            waited = True
            await asyncio.sleep(self.again_seconds)

    def _questions(self) -> Iterator[tuple[Right, str, str]]:
        for right in RIGHTS:
            if right.option is not None or (right.scope is Scope.OWN and self.lease is None):
                continue
            places: tuple[str, ...] = ("",)
            if right.scope is Scope.WATCHED:
                places = self.namespaces or ("",)
            elif right.scope is Scope.OWN and self.lease is not None:
                places = (self.lease[0],)
            yield from (
                (right, resource, place) for resource in right.resources for place in places
            )

    async def _may(self, right: Right, resource: str, verb: str, namespace: str) -> bool:
        kind, _, subresource = resource.partition("/")
        asked = {
            "group": right.group,
            "resource": kind,
            "subresource": subresource,
            "verb": verb,
            "namespace": namespace,
        }
        if right.scope is Scope.OWN and self.lease is not None and verb != "create":
            asked["name"] = self.lease[1]
        review: dict[str, Any] = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        }
        answer = await self.client.request("POST", SELF_REVIEWS, body=review)
        try:
            status = msgspec.json.decode(answer, type=_Review).status
        except msgspec.DecodeError as error:
            raise Refused(f"the answer cannot be read: {error}") from error
        return status is not None and status.allowed
