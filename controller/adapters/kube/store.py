"""What was seen of the cluster last, one shelf per kind, own writes included."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

PAGE_ITEMS_MAX: Final = 500

T = TypeVar("T")


class Key(NamedTuple):
    """Where an object is."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[T]):
    """One object: `owner` is what it is looked up by, `record` what is read of it.

    The owner of a pod is its ReplicaSet's uid, that of a ReplicaSet its Deployment's; a Canary
    belongs to its target and a Deployment to the Canary that its label names (see `resources`). An
    object whose owner is None is not kept. `node` is where a pod runs.
    """

    key: Key
    uid: str
    version: int
    owner: str | None
    created_at: datetime
    record: T
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Generic[T]):
    """A kind of objects: where it is served, how it is read, which part of it is news.

    `face` is the part of a record whose change is worth a look. A kind that is not `required` is
    done without where the account may not see it. Lists come in pages of `page_items_max`.
    """

    prefix: str
    plural: str
    read: Callable[[bytes | msgspec.Raw], Entry[T]]
    face: Callable[[T], object]
    required: bool = True
    page_items_max: int = PAGE_ITEMS_MAX

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The path of an object, or of the list in one namespace or in all."""
        scope = ("namespaces", namespace) if namespace else ()
        parts = (self.prefix, *scope, self.plural, name, subresource)
        return "/".join(part for part in parts if part)


class Shelf(Generic[T]):
    """The objects of one kind, by key, uid and owner.

    `position` is the resource version up to which the list and the watch of a namespace (None: of
    all there are) have shown everything.
    Resource versions are compared as the integers they are: an answer to an own write can be
    ahead of the watch, and an older event must not undo it. `news` is told of every change that
    is worth a look.
    """

    def __init__(self, resource: Resource[T], news: Callable[[Entry[T]], None]) -> None:
        self.resource = resource
        self._positions: dict[str | None, int] = {}
        self._news = news
        self._by_key: dict[Key, Entry[T]] = {}
        self._by_uid: dict[str, Entry[T]] = {}
        self._by_owner: dict[str, dict[Key, Entry[T]]] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(self._by_key.values())

    def at(self, key: Key) -> Entry[T] | None:
        """The object of this name."""
        return self._by_key.get(key)

    def of_uid(self, uid: str) -> Entry[T] | None:
        """The object with this uid."""
        return self._by_uid.get(uid)

    def owned_by(self, owner: str) -> list[Entry[T]]:
        """The objects of this owner, oldest first."""
        owned = self._by_owner.get(owner, {}).values()
        return sorted(owned, key=lambda entry: (entry.created_at, entry.key))

    def position(self, namespace: str | None) -> int:
        return self._positions.get(namespace, 0)

    def reach(self, namespace: str | None, version: int) -> None:
        """The watch of a namespace has shown everything up to this version."""
        self._positions[namespace] = version

    def put(self, entry: Entry[T]) -> None:
        """Take what the watch or a list shows, unless something newer is known."""
        if entry.owner is None:
            self.drop(entry.key, entry.version)
            return
        known = self._by_key.get(entry.key)
        if known is None or known.version < entry.version:
            self._place(known, entry)

    def put_own(self, entry: Entry[T]) -> None:
        """Take the answer to an own write, unless the watch has passed it already.

        It may have seen the object's end since.
        """
        where = None if None in self._positions else entry.key.namespace
        if entry.version > self.position(where):
            self.put(entry)

    def drop(self, key: Key, version: int) -> None:
        """Forget an object that ended at `version`, unless another took its name since."""
        known = self._by_key.get(key)
        if known is not None and known.version <= version:
            self._remove(known)
            self._news(known)

    def replace(
        self, entries: Mapping[Key, Entry[T]], version: int, namespace: str | None = None
    ) -> None:
        """Take the whole list of a namespace, as of `version`; only what differs is news."""
        # A list is never behind the watch, unless the cluster was restored from a backup: then
        # nothing that is known is newer than the list.
        rewound = version < self.position(namespace)
        for known in tuple(self._by_key.values()):
            if namespace is not None and known.key.namespace != namespace:
                continue
            if known.key not in entries and (rewound or known.version <= version):
                self._remove(known)
                self._news(known)
        for entry in entries.values():
            if rewound:
                self._place(self._by_key.get(entry.key), entry)
            else:
                self.put(entry)
        self.reach(namespace, version)

    def _place(self, known: Entry[T] | None, entry: Entry[T]) -> None:
        if known is not None:
            self._remove(known)
        assert entry.owner is not None, "what nobody owns is not kept"
        self._by_key[entry.key] = entry
        self._by_uid[entry.uid] = entry
        self._by_owner.setdefault(entry.owner, {})[entry.key] = entry
        if known is not None and known.uid == entry.uid and known.owner == entry.owner:
            if self.resource.face(known.record) == self.resource.face(entry.record):
                return
        elif known is not None:
            self._news(known)
        self._news(entry)

    def _remove(self, known: Entry[T]) -> None:
        del self._by_key[known.key]
        self._by_uid.pop(known.uid, None)
        assert known.owner is not None, "what nobody owns is not kept"
        siblings = self._by_owner[known.owner]
        del siblings[known.key]
        if not siblings:
            del self._by_owner[known.owner]
