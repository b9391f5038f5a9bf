"""Everything that is watched: four kinds in each namespace, or in all namespaces at once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from controller.adapters.kube.client import KubeClient
from controller.adapters.kube.reflector import Reflector
from controller.adapters.kube.view import View


class Watches:
    """The reflectors, by namespace (None: all). A namespace is known once all of it was listed.

    One that cannot be listed, because it is gone or we may not, keeps none of the others back.
    """

    def __init__(
        self, client: KubeClient, view: View, namespaces: tuple[str, ...], dice: random.Random
    ) -> None:
        shelves = (view.canaries, view.deployments, view.replica_sets, view.pods)
        self._by_namespace: dict[str | None, tuple[Reflector[Any], ...]] = {
            namespace: tuple(Reflector(client, shelf, namespace, dice=dice) for shelf in shelves)
            for namespace in namespaces or (None,)
        }

    def __iter__(self) -> Iterator[Reflector[Any]]:
        return (one for group in self._by_namespace.values() for one in group)

    async def known(self) -> AsyncIterator[str | None]:
        """Each namespace as soon as it is known."""
        waiting = {asyncio.create_task(self._listed(name)) for name in self._by_namespace}
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in waiting:
                task.cancel()

    async def _listed(self, namespace: str | None) -> str | None:
        for reflector in self._by_namespace[namespace]:
            await reflector.synced.wait()
        return namespace

    def knows(self, namespace: str) -> bool:
        """Whether all that there is in a namespace was listed once."""
        group = self._by_namespace.get(namespace) or self._by_namespace.get(None, ())
        return bool(group) and all(reflector.synced.is_set() for reflector in group)

    def unsynced(self) -> tuple[str, ...]:
        """What was not listed yet, with its namespace where there are several.

        Once a namespace is known, one that cannot be listed is none that is waited for.
        """
        known = any(
            all(reflector.synced.is_set() for reflector in group)
            for group in self._by_namespace.values()
        )
        return tuple(
            self._place(reflector)
            for reflector in self
            if not reflector.synced.is_set() and not (known and reflector.trouble)
        )

    def _place(self, reflector: Reflector[Any]) -> str:
        several = len(self._by_namespace) > 1
        return f"{reflector.kind} in {reflector.namespace}" if several else reflector.kind

    def summed(self, count: Callable[[Reflector[Any]], int]) -> Mapping[str, int]:
        """By kind, over the namespaces."""
        sums: Counter[str] = Counter()
        for reflector in self:
            sums[reflector.kind] += count(reflector)
        return sums

    def age_seconds(self) -> Mapping[str, float]:
        """Seconds since the watch that is behind the most heard from the server, by kind."""
        ages: dict[str, float] = {}
        for reflector in self:
            ages[reflector.kind] = max(ages.get(reflector.kind, 0.0), reflector.age_seconds())
        return ages
