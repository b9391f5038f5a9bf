"""What service accounts asked the API server for, in the words of its own audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

READS: Final = frozenset({"get", "list", "watch"})
# Requests of the components themselves are of no interest, and many.
POLICY: Final[dict[str, Any]] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {
            # With what was written: whose it is.
            "level": "Request",
            "userGroups": ["system:serviceaccounts"],
            "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
        },
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that was answered; it arrived `at` a Unix time. The core group is empty.

    `holder` is whom a write of a Lease gave it to.
    """

    at: float
    user: str
    agent: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    allowed: bool = True
    holder: str = ""

    @property
    def writes(self) -> bool:
        return self.verb not in READS

    @property
    def kind(self) -> str:
        """As RBAC has it: the resource, and its subresource if it is about one."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


class Audit:
    """The log that one API server writes."""

    def __init__(self, folder: Path) -> None:
        self._policy = folder / "audit-policy.yaml"
        self._log = folder / "audit.log"

    def flags(self) -> list[str]:
        """What the API server has to be started with."""
        self._policy.parent.mkdir(parents=True, exist_ok=True)
        self._policy.write_text(yaml.safe_dump(POLICY))
        return [f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}"]

    def calls(self, *, since: float = 0.0, user: str = "") -> list[Call]:
        """Every call of a user (empty: of all) that arrived since a Unix time, in that order."""
        found = (call for call in self._read() if call.at >= since and user in {"", call.user})
        return sorted(found, key=lambda call: call.at)

    def _read(self) -> Iterator[Call]:
        if not self._log.exists():
            return
        for line in self._log.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                event = json.loads(line)
                if "objectRef" in event:
                    yield _call(event)


def _call(event: dict[str, Any]) -> Call:
    about = event["objectRef"]
    return Call(
        at=datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp(),
        user=event["user"]["username"],
        agent=event.get("userAgent", ""),
        verb=event["verb"],
        group=about.get("apiGroup", ""),
        resource=about.get("resource", ""),
        subresource=about.get("subresource", ""),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        allowed=event.get("annotations", {}).get("authorization.k8s.io/decision") == "allow",
        holder=(event.get("requestObject") or {}).get("spec", {}).get("holderIdentity") or "",
    )
