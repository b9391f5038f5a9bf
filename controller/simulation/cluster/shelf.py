"""What one process has seen of one kind of objects last, own writes included."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Generic, TypeVar, cast

from controller.domain.records import Ref
from controller.simulation.cluster.objects import Sighting

T = TypeVar("T")


class Seen(Generic[T]):
    """An object of one kind that is there."""

    __slots__ = ("created_at", "key", "owner", "record", "uid", "version")

    def __init__(self, sighting: Sighting) -> None:
        self.key: Ref = sighting.key
        self.uid: str = sighting.uid
        self.version: int = sighting.version
        self.owner: str = sighting.owner
        self.created_at: datetime = sighting.created_at
        self.record: T = cast("T", sighting.record)


class Shelf(Generic[T]):
    """The objects of one kind, by key, uid and owner.

    `position` is the version up to which the watch has shown everything: an answer to an own write
    can be ahead of it, and an older update must not undo it. `news` is told of every change of
    what `face` takes of a record.
    """

    def __init__(self, face: Callable[[T], object], news: Callable[[Seen[T]], None]) -> None:
        self.position = 0
        self._face = face
        self._news = news
        self._by_key: dict[Ref, Seen[T]] = {}
        self._by_uid: dict[str, Seen[T]] = {}
        self._by_owner: dict[str, dict[Ref, Seen[T]]] = {}

    def __iter__(self) -> Iterator[Seen[T]]:
        return iter(self._by_key.values())

    def at(self, key: Ref) -> Seen[T] | None:
        """The object of this name."""
        return self._by_key.get(key)

    def of_uid(self, uid: str) -> Seen[T] | None:
        """The object with this uid."""
        return self._by_uid.get(uid)

    def owned_by(self, owner: str) -> list[Seen[T]]:
        """The objects of this owner, oldest first."""
        owned = self._by_owner.get(owner)
        if owned is None:
            return []
        return sorted(owned.values(), key=lambda one: (one.created_at, one.key))

    def see(self, sighting: Sighting) -> None:
        """Take what the watch shows, unless something newer is known."""
        self.position = max(self.position, sighting.version)
        self._take(sighting)

    def see_own(self, sighting: Sighting) -> None:
        """Take the answer to an own write, unless the watch has passed it already."""
        if sighting.version > self.position:
            self._take(sighting)

    def see_all(self, sightings: Iterable[Sighting], version: int) -> None:
        """Take the first list, as of `version`."""
        for sighting in sightings:
            self._take(sighting)
        self.position = version

    def _take(self, sighting: Sighting) -> None:
        known = self._by_key.get(sighting.key)
        if sighting.record is None:
            if known is not None and known.version <= sighting.version:
                self._remove(known)
                self._news(known)
        elif known is None or known.version < sighting.version:
            self._place(known, Seen(sighting))

    def _place(self, known: Seen[T] | None, seen: Seen[T]) -> None:
        if known is not None:
            self._remove(known)
        self._by_key[seen.key] = self._by_uid[seen.uid] = seen
        self._by_owner.setdefault(seen.owner, {})[seen.key] = seen
        if known is not None and known.uid == seen.uid and known.owner == seen.owner:
            if self._face(known.record) == self._face(seen.record):
                return
        elif known is not None:
            self._news(known)
        self._news(seen)

    def _remove(self, known: Seen[T]) -> None:
        del self._by_key[known.key]
        self._by_uid.pop(known.uid, None)
        siblings = self._by_owner[known.owner]
        del siblings[known.key]
        if not siblings:
            del self._by_owner[known.owner]
