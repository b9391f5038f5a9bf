"""A plain client of the Kubernetes API for tests: raw objects in, raw objects out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from tests.e2e.rig import kubeconfig, resources
from tests.e2e.rig.waiting import wait_until

Object = dict[str, Any]

MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY: Final = "application/apply-patch+yaml"

REQUEST_TIMEOUT_SECONDS: Final = 30


class ApiError(RuntimeError):
    def __init__(self, response: httpx.Response) -> None:
        request = response.request
        super().__init__(
            f"{request.method} {request.url.path}: {response.status_code} {response.text[:500]}"
        )
        self.status = response.status_code


class KubeApi:
    """Speaks as the user of one kubeconfig. `kind` as in `resources.path`."""

    def __init__(self, config: Path) -> None:
        access = kubeconfig.load(config)
        self.kubeconfig = config
        self.server = access.server
        self._http = httpx.Client(
            base_url=access.server,
            verify=access.tls,
            headers=access.headers,
            timeout=REQUEST_TIMEOUT_SECONDS,
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content_type: str = "application/json",
        **params: str | int | bool,
    ) -> httpx.Response:
        response = self._http.request(
            method,
            path,
            content=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type} if body is not None else None,
            params={name: value for name, value in params.items() if value != ""},
        )
        if response.is_error:
            raise ApiError(response)
        return response

    def get(self, kind: str, name: str, namespace: str = "", subresource: str = "") -> Object:
        where = resources.path(kind, name, namespace=namespace, subresource=subresource)
        found: Object = self.request("GET", where).json()
        return found

    def find(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """The object, or None where there is none."""
        try:
            return self.get(kind, name, namespace)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(
        self, kind: str, namespace: str = "", labels: str = "", fields: str = ""
    ) -> list[Object]:
        where = resources.path(kind, namespace=namespace)
        answer = self.request("GET", where, labelSelector=labels, fieldSelector=fields).json()
        items: list[Object] = answer["items"]
        return items

    def create(self, manifest: Object, namespace: str = "") -> Object:
        where = resources.path_of(manifest, namespace=namespace, collection=True)
        created: Object = self.request("POST", where, body=manifest).json()
        return created

    def apply(
        self, manifest: Object, namespace: str = "", *, manager: str = "rig", force: bool = True
    ) -> Object:
        """Server-side apply."""
        applied: Object = self.request(
            "PATCH",
            resources.path_of(manifest, namespace=namespace),
            body=manifest,
            content_type=APPLY,
            fieldManager=manager,
            force=str(force).lower(),
        ).json()
        return applied

    def patch(
        self,
        kind: str,
        name: str,
        body: Any,
        namespace: str = "",
        *,
        subresource: str = "",
        content_type: str = MERGE,
    ) -> Object:
        where = resources.path(kind, name, namespace=namespace, subresource=subresource)
        patched: Object = self.request("PATCH", where, body=body, content_type=content_type).json()
        return patched

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str = "",
        *,
        grace_seconds: int | None = None,
        missing_ok: bool = True,
    ) -> None:
        options: Object = {"propagationPolicy": "Background"}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            where = resources.path(kind, name, namespace=namespace)
            self.request("DELETE", where, body=options)
        except ApiError as error:
            if not (missing_ok and error.status == 404):
                raise

    def watch(
        self,
        kind: str,
        namespace: str = "",
        *,
        labels: str = "",
        since: str = "",
        seconds: int = 30,
    ) -> Iterator[tuple[str, Object]]:
        """Event type and object, until `seconds` are over; without `since`, first all there are."""
        params = {"watch": "true", "timeoutSeconds": str(seconds), "labelSelector": labels}
        if since:
            params["resourceVersion"] = since
        where = resources.path(kind, namespace=namespace)
        with self._http.stream("GET", where, params=params, timeout=seconds + 10) as response:
            if response.is_error:
                response.read()
                raise ApiError(response)
            for line in response.iter_lines():
                event = json.loads(line)
                yield event["type"], event["object"]

    def wait_for(
        self,
        kind: str,
        name: str,
        predicate: Callable[[Object], object],
        namespace: str = "",
        *,
        seconds: float = 30,
        what: str = "",
    ) -> Object:
        """The object once it exists and `predicate` holds for it."""

        def holds() -> Object | None:
            seen = self.find(kind, name, namespace)
            return seen if seen is not None and predicate(seen) else None

        found = wait_until(holds, seconds=seconds, what=what or f"{kind} {namespace}/{name}")
        assert found is not None, "wait_until returns what is true"
        return found

    def logs(
        self,
        pod: str,
        namespace: str,
        *,
        container: str = "",
        previous: bool = False,
        tail_lines: int | str = "",
    ) -> str:
        where = resources.path("Pod", pod, namespace=namespace, subresource="log")
        return self.request(
            "GET",
            where,
            container=container,
            previous=str(previous).lower(),
            tailLines=tail_lines,
        ).text

    def token(
        self,
        service_account: str,
        namespace: str,
        *,
        seconds: int = 24 * 3600,
        audience: str = "",
    ) -> str:
        """A bearer token of the account, by the TokenRequest API; "": for the API server."""
        where = resources.path(
            "ServiceAccount", service_account, namespace=namespace, subresource="token"
        )
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "expirationSeconds": seconds,
                **({"audiences": [audience]} if audience else {}),
            },
        }
        issued: str = self.request("POST", where, body=body).json()["status"]["token"]
        return issued
