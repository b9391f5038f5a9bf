"""ConfigMaps and Secrets that a template uses: what is known of them, and what became of them.

A rollback writes a template back, never what it mounts. Nothing is decided by any of this.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from controller.domain.naming import API
from controller.domain.readings import Missing

# More than this nobody reads, and a status must not grow by what a template lists.
MOUNTS_MAX: Final = 50

OFF: Final = "off"
"""The reason of what the installation does not want looked at."""
DENIED: Final = "no permission"
AWAY: Final = "unreachable"
"""The one reason that may be gone a moment later."""


class MountKind(StrEnum):
    """What a template may use beside its images."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"


@dataclass(frozen=True, slots=True, order=True)
class Mount:
    """A ConfigMap or Secret that a template names, whether it is there or not."""

    kind: MountKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """What is known of one: `version` is another after each change, "" where it does not exist.

    `changed_at` is when its data was written last, None where that cannot be told.
    """

    __pydantic_config__: ClassVar = API
    kind: MountKind
    name: str
    version: str = ""
    changed_at: datetime | None = None

    @property
    def mount(self) -> Mount:
        return Mount(self.kind, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the stable template used when it was promoted, or first seen: as it was at `at`."""

    __pydantic_config__: ClassVar = API
    fingerprint: str
    at: datetime
    mounts: tuple[Mounted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A kind that could not be looked at, and why."""

    __pydantic_config__: ClassVar = API
    kind: MountKind
    reason: str
    detail: str = ""

    @property
    def wanted(self) -> bool:
        """Whether it should have been looked at."""
        return self.reason != OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What the stable template uses as it was found at `at`; nothing of it is their contents.

    `release` is when the release began during which it was read, None: none ran.
    """

    fingerprint: str
    at: datetime
    release: datetime | None = None
    found: tuple[Mounted, ...] = ()
    unread: tuple[Unread, ...] = ()


class Turn(StrEnum):
    """What became of something since stable was promoted."""

    DELETED = "Deleted"
    CHANGED = "Changed"
    CREATED = "Created"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Something that stable uses and that is no longer what it was: a rollback leaves it so."""

    __pydantic_config__: ClassVar = API
    kind: MountKind
    name: str
    turn: Turn
    at: datetime | None = None

    @property
    def mount(self) -> Mount:
        return Mount(self.kind, self.name)


def unread(kind: MountKind, missing: Missing) -> Unread:
    """What is said of a kind of which an answer is missing."""
    return Unread(kind=kind, reason=missing.reason, detail=missing.detail[:200])
