"""What of ours is on Deployments, as far as a person's own rights let them see it. Only reads."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import msgspec

from controller.adapters.kube import objects, resources
from controller.adapters.kube.client import Denied, KubeClient, NotFound, Unauthenticated, decoded
from controller.adapters.kube.gate_watch import find_gate
from controller.adapters.kube.names import FIELD_MANAGER, GATE_MARK
from controller.adapters.kube.resources import CORE
from controller.adapters.kube.seeding import DESIRED_ANNOTATION
from controller.adapters.kube.store import Entry, Key, Resource
from controller.adapters.kube.translate import CanaryRecord
from controller.domain.records import ReplicaSet, Workload
from controller.engine.ports import Refused, Unavailable

CALL_SECONDS_MAX: Final = 20.0
PAGES_MAX: Final = 200
NAMESPACES_MAX: Final = 500
AT_ONCE_MAX: Final = 8
TOLD_MAX: Final = 20

T = TypeVar("T")
_PAGE: Final = msgspec.json.Decoder(objects.Page)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A ReplicaSet of a Deployment: `marked` when it carries our mark, or was written by us.

    `wanted_of` is how many pods it was last told that the Deployment has; "" when nothing is said.
    """

    record: ReplicaSet
    marked: bool
    wanted_of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """A Deployment that has, or may have, something of ours. `parts` None: they cannot be seen."""

    namespace: str
    workload: Workload
    canary: str | None = None
    record: CanaryRecord | None = None
    parts: tuple[Part, ...] | None = None


@dataclass(slots=True)
class Survey:
    """All that was seen, and in words what was not. `gate` None: whether it is there is not known.

    `installed` is whether Canaries are known to the cluster; `places` what was looked at.
    """

    found: list[Remains] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    places: tuple[str, ...] = ()
    everywhere: bool = False
    installed: bool | None = None
    gate: bool | None = None


@dataclass(slots=True)
class _Place:
    """The lists of one namespace, or of all."""

    deployments: list[Entry[Workload]] = field(default_factory=list)
    canaries: list[Entry[CanaryRecord]] | None = None


class Surveyor:
    """Reads with the rights of the client's user."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)

    async def survey(self, namespace: str | None, own: str) -> Survey:
        """Look at one namespace, or at all (None): one by one where only some may be seen.

        `own` is looked at where not even the namespaces may be listed. Raises Unavailable, Denied
        where nothing at all could be seen, Unauthenticated.
        """
        survey = Survey(everywhere=namespace is None)
        survey.gate = await self._gate()
        for place in await self._places(survey, namespace, own):
            survey.found += await self._remains(survey, place)
        survey.found.sort(key=lambda one: (one.namespace, one.workload.name))
        return survey

    async def _gate(self) -> bool | None:
        try:
            return await find_gate(self._client)
        except Unauthenticated:
            raise
        except Refused:
            return None

    async def _places(self, survey: Survey, namespace: str | None, own: str) -> list[_Place]:
        """The lists of what was asked for, or of each namespace by itself where they are denied."""
        known = len(survey.unseen)
        try:
            place = await self._place(survey, namespace)
        except Unauthenticated:
            raise
        except Denied as no:
            if namespace is not None:
                return _nothing(survey, no)
            del survey.unseen[known:]
            everywhere, survey.alone = survey.alone, []
            places = await self._one_by_one(survey, own, no)
            survey.alone = everywhere or survey.alone
            return places
        survey.places = (namespace,) if namespace else ()
        return [place]

    async def _one_by_one(self, survey: Survey, own: str, why: Denied) -> list[_Place]:
        survey.everywhere = False
        names = await self._namespaces(survey, own)
        tried = await asyncio.gather(*(self._tried(survey, name) for name in names))
        seen = [(name, place) for name, place in zip(names, tried, strict=True) if place]
        if not seen:
            return _nothing(survey, why)
        survey.places = tuple(name for name, _ in seen)
        return [place for _, place in seen]

    async def _namespaces(self, survey: Survey, own: str) -> list[str]:
        try:
            listed = await self._raw(f"{CORE}/namespaces", survey)
        except Denied as no:
            survey.unseen.append(f"every namespace but {own}, as they may not be listed: {no}")
            return [own]
        names = sorted(decoded(bytes(one))["metadata"]["name"] for one in listed)
        if len(names) > NAMESPACES_MAX:
            survey.unseen.append(
                f"{len(names) - NAMESPACES_MAX} namespaces: only {NAMESPACES_MAX} are looked at "
                "one by one; name others with -n"
            )
        return names[:NAMESPACES_MAX]

    async def _tried(self, survey: Survey, namespace: str) -> _Place | None:
        try:
            return await self._place(survey, namespace)
        except Denied as no:
            survey.unseen.append(f"the namespace {namespace}: {no}")
            return None

    async def _place(self, survey: Survey, namespace: str | None) -> _Place:
        """Canaries first: what they say stands, even where Deployments may not be seen."""
        place = _Place()
        try:
            kind = resources.canaries(lambda _: None)
            place.canaries = await self._list(survey, kind, namespace)
            survey.installed = True
        except NotFound:
            # The definition is gone, and all Canaries with it; what is on Deployments is not.
            survey.installed, place.canaries = False, []
        except Unauthenticated:
            raise
        except Denied as no:
            survey.unseen.append(f"the Canaries {_where(namespace)}: {no}")
        try:
            place.deployments = await self._list(survey, resources.DEPLOYMENTS, namespace)
        except Denied:
            _tell_alone(survey, place)
            raise
        return place

    async def _remains(self, survey: Survey, place: _Place) -> list[Remains]:
        """The Deployments with something of ours, or that are paused and may have had it."""
        canaries = place.canaries or []
        by_target = {(one.key.namespace, one.record.target): one for one in reversed(canaries)}
        by_name = {one.key: one for one in canaries}
        watched: list[Remains] = []
        for entry in place.deployments:
            workload = entry.record
            canary = by_target.get((entry.key.namespace, workload.name))
            if canary is None and workload.opted_in:
                canary = by_name.get(Key(entry.key.namespace, workload.opted_in))
            ours = workload.opted_in is not None or workload.gate_mark is not None
            if not (ours or workload.paused or canary is not None):
                continue
            watched.append(
                Remains(
                    namespace=entry.key.namespace,
                    workload=workload,
                    canary=canary.key.name if canary else None,
                    record=canary.record if canary else None,
                )
            )
        namespaces = sorted({one.namespace for one in watched})
        parts = dict(
            zip(
                namespaces,
                await asyncio.gather(*(self._parts(survey, name) for name in namespaces)),
                strict=True,
            )
        )
        return [_with_parts(one, parts[one.namespace]) for one in watched]

    async def _parts(self, survey: Survey, namespace: str) -> dict[str, list[Part]] | None:
        """The ReplicaSets of a namespace, by the uid of their Deployment."""
        kind = resources.REPLICA_SETS
        try:
            items = await self._raw(kind.path(namespace), survey)
        except Denied as no:
            survey.unseen.append(f"the ReplicaSets in {namespace}: {no}")
            return None
        found: dict[str, list[Part]] = {}
        for entry, raw in _read(survey, kind, items):
            if entry.owner is not None:
                found.setdefault(entry.owner, []).append(_part(entry.record, raw))
        return found

    async def _list(
        self, survey: Survey, kind: Resource[T], namespace: str | None
    ) -> list[Entry[T]]:
        items = await self._raw(kind.path(namespace), survey)
        return [entry for entry, _ in _read(survey, kind, items)]

    async def _raw(self, path: str, survey: Survey) -> list[msgspec.Raw]:
        """A whole list, as it was sent. Raises Denied, NotFound, Unavailable."""
        found: list[msgspec.Raw] = []
        asked: dict[str, str | int] = {"limit": 500}
        for _ in range(PAGES_MAX):
            async with self._slots:
                body = await self._client.request(
                    "GET", path, query=asked, timeout_seconds=CALL_SECONDS_MAX
                )
            try:
                page = _PAGE.decode(body)
            except msgspec.DecodeError as error:
                raise Unavailable(f"not an answer of the API: {body[:80]!r}") from error
            found += page.items or ()
            if not page.metadata.continue_:
                return found
            asked["continue"] = page.metadata.continue_
        survey.unseen.append(f"more than {len(found)} objects of {path}")
        return found


def _read(
    survey: Survey, kind: Resource[T], items: Iterable[msgspec.Raw]
) -> Iterator[tuple[Entry[T], msgspec.Raw]]:
    """Each object; one that cannot be read costs no other."""
    for item in items:
        try:
            yield kind.read(item), item
        except (msgspec.DecodeError, ValueError) as error:
            survey.unseen.append(f"one of the {kind.plural}, which cannot be read: {error}")


def _part(record: ReplicaSet, raw: msgspec.Raw) -> Part:
    meta: dict[str, Any] = decoded(bytes(raw))["metadata"]
    annotations = meta.get("annotations") or {}
    writers = (one.get("manager") for one in meta.get("managedFields") or ())
    return Part(
        record=record,
        # The deployment controller copies a Deployment's annotations onto its ReplicaSets.
        marked=GATE_MARK in annotations or FIELD_MANAGER in writers,
        wanted_of=str(annotations.get(DESIRED_ANNOTATION, "")),
    )


def _with_parts(one: Remains, parts: dict[str, list[Part]] | None) -> Remains:
    own = None if parts is None else tuple(parts.get(one.workload.uid, ()))
    return replace(one, parts=own)


def _nothing(survey: Survey, why: Denied) -> list[_Place]:
    """No Deployments may be seen: only a Canary may still say that there is something."""
    if not survey.alone:
        raise why
    survey.unseen.append(f"any Deployment: {why}")
    return []


def _tell_alone(survey: Survey, place: _Place) -> None:
    """Canaries whose Deployments may not be seen: what their status says is all there is."""
    told = place.canaries or []
    for one in told[:TOLD_MAX]:
        status = one.record.status
        survey.alone.append(
            f"the Deployment {one.record.target or '?'} of the Canary {one.key.namespace}/"
            f"{one.key.name}, whose phase is {status.phase.value}"
        )
    if len(told) > TOLD_MAX:
        survey.alone.append(f"those of {len(told) - TOLD_MAX} further Canaries")


def _where(namespace: str | None) -> str:
    return f"in {namespace}" if namespace else "of all namespaces"
