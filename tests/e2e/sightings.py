"""When things happened, as an onlooker sees them: the node's own record of deaths, and watches."""

import contextlib
import threading
import time
from typing import Any, Final

import httpx

from tests.e2e.rig.api import ApiError, KubeApi
from tests.e2e.rig.world import World

WATCH_SECONDS: Final = 300


class Sightings:
    """Follows one Deployment `exam` and its pods while the block lasts."""

    def __init__(self, world: World, namespace: str, *, stable: str, canary: str) -> None:
        self._world = world
        self._namespace = namespace
        self._images = {stable: f"exam-server:{stable}", canary: f"exam-server:{canary}"}
        self._stable, self._canary = stable, canary
        self._pods: dict[str, dict[str, Any]] = {}
        self._pushed = False
        self.rollback_patch: float | None = None
        self.stable_ready: float | None = None
        self._api = [KubeApi(world.kubeconfig) for _ in range(2)]

    def __enter__(self) -> "Sightings":
        for follow, kind, api in zip(
            (self._on_deployment, self._on_pod), ("Deployment", "Pod"), self._api, strict=True
        ):
            threading.Thread(target=self._follow, args=(api, kind, follow), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for api in self._api:
            api.close()

    def _follow(self, api: KubeApi, kind: str, on: Any) -> None:
        # The end of the block closes the connection under the watch: that is how it ends.
        with contextlib.suppress(httpx.HTTPError, ApiError, RuntimeError):
            for event, found in api.watch(kind, self._namespace, seconds=WATCH_SECONDS):
                on(event, found, time.time())

    def _on_deployment(self, _event: str, found: dict[str, Any], at: float) -> None:
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        if image == self._images[self._canary]:
            self._pushed = True
        elif self._pushed and self.rollback_patch is None:
            self.rollback_patch = at

    def _on_pod(self, event: str, found: dict[str, Any], at: float) -> None:
        name = found["metadata"]["name"]
        self._pods[name] = found
        if event == "DELETED":
            del self._pods[name]
        if self.rollback_patch is not None and self.stable_ready is None and self._all_stable():
            self.stable_ready = at

    def _all_stable(self) -> bool:
        staying = [p for p in self._pods.values() if "deletionTimestamp" not in p["metadata"]]
        images = {p["spec"]["containers"][0]["image"] for p in staying}
        return images == {self._images[self._stable]} and all(map(is_ready, staying))

    @property
    def crashes(self) -> list[float]:
        """When processes of the canary died, by the node's clock."""
        return [
            death["at"]
            for death in self._world.deaths(self._namespace)
            if death["image"] == self._images[self._canary] and not death["stopping"]
        ]

    @property
    def first_crash(self) -> float | None:
        return min(self.crashes, default=None)

    @property
    def deciding_crash(self) -> float | None:
        """The last death before the rollback; without one, nothing was decided."""
        if self.rollback_patch is None:
            return None
        return max((at for at in self.crashes if at <= self.rollback_patch), default=None)

    def timeline(self) -> list[tuple[str, float]]:
        """What happened so far, in order."""
        crashes = self.crashes
        before = [at for at in crashes if not self.rollback_patch or at <= self.rollback_patch]
        named = [(f"crash {number} of a canary process", at) for number, at in enumerate(before, 1)]
        if self.rollback_patch is not None:
            named.append(("rollback PATCH (the crash before it decided)", self.rollback_patch))
        if self.stable_ready is not None:
            named.append(("all pods stable and Ready", self.stable_ready))
        return sorted(named[:12], key=lambda pair: pair[1])


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
