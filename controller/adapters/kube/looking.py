"""What a person's own rights let them see of their Canaries, and where their commands are left."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from controller.adapters.kube.client import (
    MERGE_PATCH,
    Denied,
    KubeClient,
    NotFound,
    Query,
    decoded,
)
from controller.adapters.kube.intents import write_intent
from controller.adapters.kube.names import GROUP, INTENT_ANNOTATION
from controller.adapters.kube.objects import Page
from controller.adapters.kube.resources import CORE
from controller.adapters.kube.selector import label_selector
from controller.adapters.kube.store import Key, Shelf
from controller.adapters.kube.view import View
from controller.domain.policy import Policy
from controller.domain.records import Intent, Problem, Ref
from controller.domain.snapshot import Scene
from controller.engine.ports import Unavailable

CALL_SECONDS_MAX: Final = 10.0
PAGES_MAX: Final = 20
LOG_BYTES_MAX: Final = 1024 * 1024
FIELD_MANAGER: Final = "kubectl-canary"
WHO: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

T = TypeVar("T")
_PAGE: Final = msgspec.json.Decoder(Page)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A Canary as its API server shows it to this person.

    `document` is the object as it was sent; `unseen` says what may not be read, in words: what is
    missing in the scene for that reason is not known, it is not absent.
    """

    scene: Scene
    document: Mapping[str, Any]
    created_at: datetime
    target: str
    unseen: tuple[str, ...] = ()


class Onlooker:
    """Reads with the rights of the client's user."""

    def __init__(self, client: KubeClient) -> None:
        self.client = client

    async def canaries(self, namespace: str | None, *, whole: bool = False) -> tuple[Sight, ...]:
        """The Canaries in a namespace, or in all (None), in order.

        With `whole` their Deployments and ReplicaSets, too; never their pods. Raises NotFound where
        Canaries are not known, Denied, Unavailable.
        """
        view = blank_view()
        documents = await self._list(view.canaries, namespace, keep=True)
        unseen = []
        if whole and documents:
            for shelf in (view.deployments, view.replica_sets):
                unseen += await self._list_if_allowed(shelf, namespace, {})
        refs = view.refs()
        return tuple(_sight(view, ref, documents[Key(*ref_key(ref))], unseen) for ref in refs)

    async def canary(self, ref: Ref) -> Sight:
        """Only the Canary. Raises NotFound (with what may have been meant), Denied, Unavailable."""
        view = blank_view()
        document = await self.put_canary(view, ref)
        return _sight(view, ref, document, ("the Deployment", "pods"))

    async def look(self, ref: Ref) -> Sight:
        """The Canary, its Deployment, ReplicaSets and pods, as far as they may be seen."""
        view = blank_view()
        document = await self.put_canary(view, ref)
        unseen = await self.fill(view, ref)
        return _sight(view, ref, document, unseen)

    async def fill(self, view: View, ref: Ref) -> list[str]:
        """Put a Canary's Deployment, ReplicaSets and pods on the shelves; gives what is unseen."""
        selected = await self.selector(view, ref)
        if isinstance(selected, str):
            return [selected] if selected else []
        unseen = []
        for shelf in (view.replica_sets, view.pods):
            unseen += await self._list_if_allowed(shelf, ref.namespace, selected)
        return unseen

    async def selector(self, view: View, ref: Ref) -> Query | str:
        """By what the Deployment's pods are found; else why not, empty when it does not exist."""
        canary = view.canaries.at(Key(*ref_key(ref)))
        target = canary.record.target if canary else ""
        if not target:
            return ""
        shelf = view.deployments
        try:
            body = await self.client.request(
                "GET", shelf.resource.path(ref.namespace, target), timeout_seconds=CALL_SECONDS_MAX
            )
        except NotFound:
            return ""
        except Denied as error:
            return f"the Deployment {target} and its pods: {error}"
        shelf.put(_read(shelf, body))
        return {"labelSelector": label_selector(decoded(body)["spec"]["selector"])}

    async def put_canary(self, view: View, ref: Ref) -> dict[str, Any]:
        """Put the Canary on its shelf; gives it as it was sent. Raises as `canary` does."""
        shelf = view.canaries
        path = shelf.resource.path(*ref_key(ref))
        try:
            body = await self.client.request("GET", path, timeout_seconds=CALL_SECONDS_MAX)
        except NotFound as error:
            raise await self._unknown(ref) from error
        shelf.put(_read(shelf, body))
        document: dict[str, Any] = decoded(body)
        return document

    async def _unknown(self, ref: Ref) -> NotFound:
        """There is no such Canary: what there is instead."""
        said = f"there is no Canary {ref.name!r} in the namespace {ref.namespace!r}"
        try:
            there = await self.canaries(ref.namespace)
        except Denied:
            return NotFound(said)
        except NotFound as error:
            return error
        names = [sight.scene.ref.name for sight in there]
        of_target = [s.scene.ref.name for s in there if s.target == ref.name]
        close = of_target or difflib.get_close_matches(ref.name, names, n=3)
        if close:
            whose = f", the one of the Deployment {ref.name}" if of_target else ""
            return NotFound(f"{said}: did you mean {' or '.join(map(repr, close))}{whose}?")
        if not names:
            return NotFound(f"{said}, nor any other: see canaryctl get -A, and -n for another one")
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        return NotFound(f"{said}; there are {shown}")

    async def _list_if_allowed(
        self, shelf: Shelf[Any], namespace: str | None, query: Query
    ) -> list[str]:
        try:
            await self._list(shelf, namespace, query=query)
        except Denied as error:
            return [f"{shelf.resource.plural}: {error}"]
        return []

    async def _list(
        self,
        shelf: Shelf[Any],
        namespace: str | None,
        *,
        query: Query | None = None,
        keep: bool = False,
    ) -> dict[Key, dict[str, Any]]:
        """Put a list on the shelf; gives the objects as they were sent, if they are to be kept."""
        kept: dict[Key, dict[str, Any]] = {}
        asked: dict[str, str | int] = {**(query or {}), "limit": shelf.resource.page_items_max}
        path = shelf.resource.path(namespace)
        for _ in range(PAGES_MAX):
            try:
                body = await self.client.request(
                    "GET", path, query=asked, timeout_seconds=CALL_SECONDS_MAX
                )
            except NotFound as error:
                raise NotFound(_not_served(shelf)) from error
            page = _page(body)
            for item in page.items or ():
                entry = _read(shelf, item)
                shelf.put(entry)
                if keep:
                    kept[entry.key] = decoded(bytes(item))
            if not page.metadata.continue_:
                break
            asked["continue"] = page.metadata.continue_
        return kept

    async def ask(self, ref: Ref, intent: Intent, seen: Scene) -> None:
        """Put a command on the Canary; raises Conflict when it was written to meanwhile."""
        metadata = {
            "resourceVersion": seen.version,
            "annotations": {INTENT_ANNOTATION: write_intent(intent)},
        }
        await self.client.request(
            "PATCH",
            blank_view().canaries.resource.path(*ref_key(ref)),
            query={"fieldManager": FIELD_MANAGER},
            body={"metadata": metadata},
            content_type=MERGE_PATCH,
            timeout_seconds=CALL_SECONDS_MAX,
        )

    async def user_name(self) -> str | None:
        """Who the API server says that we are; None where it does not tell."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            answer = decoded(
                await self.client.request("POST", WHO, body=body, timeout_seconds=CALL_SECONDS_MAX)
            )
        except (NotFound, Denied):
            return None
        name = ((answer.get("status") or {}).get("userInfo") or {}).get("username")
        return name if isinstance(name, str) and name else None

    async def log(self, ref: Ref, container: str, *, lines: int, previous: bool) -> str:
        """The last lines of a container of the pod `ref`. Raises NotFound, Refused, Unavailable."""
        last = await self.client.tail(
            f"{CORE}/namespaces/{ref.namespace}/pods/{ref.name}/log",
            query={
                "previous": "true" if previous else "false",
                "container": container,
                "tailLines": lines,
            },
            timeout_seconds=CALL_SECONDS_MAX,
            kept=LOG_BYTES_MAX,
        )
        return last.decode(errors="replace")


def blank_view(announce: Callable[[Ref], None] = lambda _ref: None) -> View:
    """Empty shelves. Whether metrics can be asked what a policy asks is the controller's affair."""
    return View(_no_problem, announce)


def _no_problem(_policy: Policy) -> Problem | None:
    return None


def ref_key(ref: Ref) -> tuple[str, str]:
    """Namespace and name."""
    return ref.namespace, ref.name


def sight_of(view: View, ref: Ref, unseen: tuple[str, ...]) -> Sight | None:
    """What is on the shelves of a Canary; its document is not."""
    if view.scene(ref) is None:
        return None
    return _sight(view, ref, {}, unseen)


def _sight(
    view: View, ref: Ref, document: Mapping[str, Any], unseen: list[str] | tuple[str, ...]
) -> Sight:
    scene, entry = view.scene(ref), view.canaries.at(Key(*ref_key(ref)))
    assert scene is not None, "it was put on the shelf just now"
    assert entry is not None, "it was put on the shelf just now"
    return Sight(
        scene=scene,
        document=document,
        created_at=entry.created_at,
        target=entry.record.target,
        unseen=tuple(unseen),
    )


def _page(body: bytes) -> Page:
    try:
        return _PAGE.decode(body)
    except msgspec.DecodeError as error:
        raise Unavailable(f"not an answer of the API: {body[:80]!r}") from error


def _read(shelf: Shelf[T], source: bytes | msgspec.Raw) -> Any:
    try:
        return shelf.resource.read(source)
    except msgspec.DecodeError as error:
        raise Unavailable(f"not an answer of the API: {bytes(source[:80])!r}") from error


def _not_served(shelf: Shelf[Any]) -> str:
    if shelf.resource.plural != "canaries":
        return f"the API server knows no {shelf.resource.plural}"
    return (
        f"Canaries are not installed in this cluster: it knows no canaries.{GROUP}. Apply the "
        "CustomResourceDefinition (deploy/crd.yaml), or choose another cluster with --context"
    )
