"""What ConfigMaps and Secrets are now, by their versions; contents are never read.

A ConfigMap is asked for as metadata alone. Even that is too much of a Secret: `kubectl apply`
keeps all that it applied in an annotation. So a Secret is asked for as a table without the object.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from controller.adapters.kube.client import Denied, KubeClient, NotFound
from controller.adapters.kube.resources import CORE
from controller.domain.mounts import (
    AWAY,
    DENIED,
    OFF,
    Mount,
    Mounted,
    MountKind,
)
from controller.domain.readings import Missing
from controller.engine.ports import Conflict, Refused, Unavailable

CALL_SECONDS_MAX: Final = 3.0
VERSION_CHARACTERS: Final = 16
# A role that is given is noticed after this; until then nobody is asked what they refuse.
DENIED_SECONDS: Final = 600.0
DENIED_NAMES_MAX: Final = 10_000

METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
TABLE: Final = "application/json;as=Table;g=meta.k8s.io;v=v1"
PLURALS: Final = {MountKind.CONFIG_MAP: "configmaps", MountKind.SECRET: "secrets"}
SETTINGS: Final = {
    MountKind.CONFIG_MAP: "watch_configmaps",
    MountKind.SECRET: "watch_secrets",
}

log = logging.getLogger(__name__)


class _Managed(msgspec.Struct, rename="camel"):
    """Who wrote which fields last, and when: the time is of all of them together."""

    manager: str = ""
    operation: str = ""
    time: datetime | None = None
    fields: dict[str, Any] | None = msgspec.field(name="fieldsV1", default=None)


class _Meta(msgspec.Struct, rename="camel"):
    """All that is decoded: annotations and labels are not."""

    uid: str
    creation_timestamp: datetime | None = None
    managed_fields: list[_Managed] | None = None


class _Partial(msgspec.Struct):
    kind: str
    metadata: _Meta


class _TableMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Table(msgspec.Struct):
    kind: str
    metadata: _TableMeta


_PARTIAL: Final = msgspec.json.Decoder(_Partial)
_TABLE: Final = msgspec.json.Decoder(_Table)
_CONTENTS: Final = frozenset({"f:data", "f:binaryData", "f:immutable"})


class MountReader:
    """Asks for one at a time, of the kinds that are `watched`: all, if nobody says otherwise."""

    def __init__(self, client: KubeClient) -> None:
        self.watched = frozenset(MountKind)
        self._client = client
        self._denied: dict[tuple[str, MountKind], float] = {}

    async def read(self, namespace: str, mount: Mount) -> Mounted | Missing:
        """What is known of it now, or why nothing is."""
        if mount.kind not in self.watched:
            return Missing(OFF, f"the setting {SETTINGS[mount.kind]} is false")
        if self._denied.get((namespace, mount.kind), 0.0) > asyncio.get_running_loop().time():
            return Missing(DENIED)
        try:
            return await self._asked(namespace, mount)
        except NotFound:
            return Mounted(kind=mount.kind, name=mount.name)
        except Denied as no:
            self._remember(namespace, mount.kind, no)
            return Missing(DENIED)
        except (Conflict, Refused, Unavailable) as error:
            return Missing(AWAY, str(error))

    async def _asked(self, namespace: str, mount: Mount) -> Mounted:
        path = f"{CORE}/namespaces/{namespace}/{PLURALS[mount.kind]}/{mount.name}"
        secret = mount.kind is MountKind.SECRET
        body = await self._client.request_as(
            TABLE if secret else METADATA,
            path,
            query={"includeObject": "None"} if secret else {},
            timeout_seconds=CALL_SECONDS_MAX,
        )
        try:
            return _of_table(mount, body) if secret else _of_metadata(mount, body)
        except msgspec.DecodeError as error:
            # Never what it was: it may be more than was asked for.
            raise Unavailable(f"{path}: not an answer of the API") from error

    def _remember(self, namespace: str, kind: MountKind, no: Denied) -> None:
        """Said once for each kind and namespace: it does not change before somebody acts."""
        if (namespace, kind) not in self._denied:
            log.info(
                "%ss of %s are not looked at, and a rollback does not say which changed: %s. To "
                "change that, grant get on %s, or set %s to false",
                kind.value,
                namespace,
                no,
                PLURALS[kind],
                SETTINGS[kind],
            )
        if len(self._denied) >= DENIED_NAMES_MAX:
            self._denied.clear()
        self._denied[namespace, kind] = asyncio.get_running_loop().time() + DENIED_SECONDS


def _of_metadata(mount: Mount, body: bytes) -> Mounted:
    """By who wrote the data and when: what others wrote on labels and annotations is no change.

    Whoever wrote the data and now writes a label alone is told from nothing: the API server keeps
    one time for all that a manager wrote.
    """
    partial = _PARTIAL.decode(body)
    if partial.kind != "PartialObjectMetadata":
        raise Unavailable(f"{mount}: the API server does not answer with metadata alone")
    metadata = partial.metadata
    owners = [one for one in metadata.managed_fields or () if _CONTENTS & (one.fields or {}).keys()]
    times = [one.time for one in owners if one.time]
    marks = sorted(
        f"{one.manager}/{one.operation}/{one.time}/{_owned(one.fields or {})}" for one in owners
    )
    return Mounted(
        kind=mount.kind,
        name=mount.name,
        version=_digest(metadata.uid, *marks),
        changed_at=max(times, default=metadata.creation_timestamp),
    )


def _owned(fields: Mapping[str, Any]) -> str:
    owned = {name: fields[name] for name in sorted(_CONTENTS & fields.keys())}
    return msgspec.json.encode(owned, order="sorted").decode()


def _of_table(mount: Mount, body: bytes) -> Mounted:
    """By the version of the whole object: each write to it is one, to its labels too."""
    table = _TABLE.decode(body)
    if table.kind != "Table" or not table.metadata.resource_version:
        raise Unavailable(f"{mount}: the API server does not answer with a table")
    version = _digest(table.metadata.resource_version)
    return Mounted(kind=mount.kind, name=mount.name, version=version)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:VERSION_CHARACTERS]
