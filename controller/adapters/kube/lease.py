"""The Lease that the replicas share, as raw JSON: what others have written beside it stays."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from controller.adapters.kube.client import MERGE_PATCH, KubeClient, NotFound
from controller.engine.leadership import LeaseRecord
from controller.engine.ports import Conflict, Refused

LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces"
CALL_SECONDS: Final = 3.0
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Spec(msgspec.Struct, rename="camel"):
    """A Lease's spec; others may have left any of it out."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: datetime | None = None
    renew_time: datetime | None = None
    lease_transitions: int | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str


class _Lease(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec | None = None


class KubeLease:
    """One Lease, by name. What is not in time fails as Unavailable."""

    def __init__(self, client: KubeClient, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._path = f"{LEASES}/{quote(namespace, safe='')}/leases"

    async def read(self) -> LeaseRecord | None:
        """The Lease as it is; None: there is none. Raises Unavailable or Refused."""
        path = f"{self._path}/{quote(self._name, safe='')}"
        try:
            answer = await self._client.request("GET", path, timeout_seconds=CALL_SECONDS)
        except NotFound:
            return None
        return _record(answer)

    async def write(self, record: LeaseRecord) -> LeaseRecord:
        """Make it, or replace the version that was read; returns it with its next version.

        Raises Conflict when somebody else wrote or deleted it in between, Unavailable or Refused.
        """
        spec = {
            "holderIdentity": record.holder,
            "leaseDurationSeconds": record.seconds,
            "acquireTime": _micro(record.acquired_at),
            "renewTime": _micro(record.renewed_at),
            "leaseTransitions": record.transitions,
        }
        answer = await (self._replace(record.version, spec) if record.version else self._make(spec))
        return _record(answer)

    async def _make(self, spec: dict[str, Any]) -> bytes:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec,
        }
        return await self._client.request(
            "POST", self._path, body=body, timeout_seconds=CALL_SECONDS
        )

    async def _replace(self, version: str, spec: dict[str, Any]) -> bytes:
        """A patch that names a version is refused when there is another one by now."""
        path = f"{self._path}/{quote(self._name, safe='')}"
        body = {"metadata": {"resourceVersion": version}, "spec": spec}
        try:
            return await self._client.request(
                "PATCH",
                path,
                body=body,
                content_type=MERGE_PATCH,
                timeout_seconds=CALL_SECONDS,
            )
        except NotFound as error:
            raise Conflict(f"the Lease is gone: {error}") from error


def _record(answer: bytes) -> LeaseRecord:
    try:
        lease = msgspec.json.decode(answer, type=_Lease)
    except msgspec.DecodeError as error:
        raise Refused(f"the Lease cannot be read: {error}") from error
    spec = lease.spec or _Spec()
    return LeaseRecord(
        holder=spec.holder_identity or "",
        seconds=spec.lease_duration_seconds or 0,
        acquired_at=spec.acquire_time or _NEVER,
        renewed_at=spec.renew_time or _NEVER,
        transitions=spec.lease_transitions or 0,
        version=lease.metadata.resource_version,
    )


def _micro(instant: datetime) -> str:
    """A MicroTime: always six digits, always UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
