"""Who is asking, and which Canaries they may see."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from fastapi import Request

from controller.adapters.http.kinds import Kind
from controller.adapters.http.problems import Trouble
from controller.domain.records import Ref
from controller.engine.ports import Access, Person, Unavailable, Verb

# A list asks for each namespace in turn where the whole cluster may not be seen.
QUESTIONS_AT_ONCE_MAX: Final = 8


class Calling(Protocol):
    """Somebody who was let in. `via` says from where and how."""

    @property
    def person(self) -> Person: ...
    @property
    def via(self) -> str: ...


class Door(Protocol):
    """Who finds out who is asking."""

    async def caller(self, request: Request) -> Calling:
        """Raises Trouble when nobody can be let in."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a person may see: everything, or what is in some namespaces."""

    everywhere: bool = False
    namespaces: frozenset[str] = frozenset()

    def shows(self, ref: Ref) -> bool:
        """Whether this Canary may be seen."""
        return self.everywhere or ref.namespace in self.namespaces


async def sight_of(access: Access, person: Person, refs: Iterable[Ref]) -> Sight:
    """Which of the namespaces of these Canaries a person may look into.

    Whoever was granted single Canaries by their names does not see them here, as with kubectl.
    Raises Trouble (503) when the cluster does not say.
    """
    try:
        if await access.may(person, Verb.GET, ""):
            return Sight(everywhere=True)
        names = sorted({ref.namespace for ref in refs})
        slots = asyncio.Semaphore(QUESTIONS_AT_ONCE_MAX)

        async def seen(namespace: str) -> bool:
            async with slots:
                return await access.may(person, Verb.GET, namespace)

        answers = await asyncio.gather(*(seen(name) for name in names))
    except Unavailable as error:
        raise unavailable(error) from error
    return Sight(namespaces=frozenset(n for n, yes in zip(names, answers, strict=True) if yes))


async def may_see(access: Access, person: Person, ref: Ref) -> None:
    """Raises Trouble: 404 for what a person may not see, as for what is not there."""
    if not await may(access, person, Verb.GET, ref):
        raise not_there(ref)


async def may(access: Access, person: Person, verb: Verb, ref: Ref) -> bool:
    """Whether RBAC allows it. Raises Trouble (503) when the cluster does not say."""
    try:
        return await access.may(person, verb, ref.namespace, ref.name)
    except Unavailable as error:
        raise unavailable(error) from error


def not_there(ref: Ref) -> Trouble:
    """The same words for what is not there and for what may not be seen."""
    detail = (
        f"there is no Canary {ref}, or you may not see it; those that are there for you: "
        "/api/v1/canaries"
    )
    return Trouble(Kind.NOT_FOUND, detail)


def unavailable(error: Unavailable) -> Trouble:
    """When nobody can be asked, nobody is let in."""
    detail = f"the Kubernetes API server does not answer ({error}): try again in a moment"
    return Trouble(Kind.UNAVAILABLE, detail, headers={"Retry-After": "2"})
