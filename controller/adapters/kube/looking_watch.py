"""One Canary followed with a person's own rights: watched where they may, else looked at again."""

import asyncio
import random
from typing import Any, Final

from controller.adapters.kube.client import Denied, NotFound
from controller.adapters.kube.looking import Onlooker, Sight, blank_view, sight_of
from controller.adapters.kube.reflector import Reflector
from controller.adapters.kube.store import Shelf
from controller.domain.records import Ref
from controller.engine.ports import Refused, Unavailable

LOOK_SECONDS: Final = 2.0
TARGET_SECONDS: Final = 5.0


class Following:
    """What is known of one Canary now; `run` has to be running for anything to be known.

    `trouble` says why the Canary cannot be seen now, empty when it can. `gone`: it was there, and
    was deleted.
    """

    def __init__(self, onlooker: Onlooker, ref: Ref, dice: random.Random) -> None:
        self._onlooker = onlooker
        self._ref = ref
        self._dice = dice
        self._view = blank_view()
        self._canary: Reflector[Any] | None = None
        self._others: tuple[Reflector[Any], ...] = ()
        self._unseen: tuple[str, ...] = ()
        self._trouble = ""
        self._was_there = False

    @property
    def trouble(self) -> str:
        """Why the Canary cannot be seen now."""
        return self._canary.trouble if self._canary else self._trouble

    @property
    def gone(self) -> bool:
        """Whether it was deleted."""
        return self._was_there and self._view.scene(self._ref) is None

    def sight(self) -> Sight | None:
        """How things are, as far as is known; None when nothing is known of the Canary."""
        unseen = [f"{one.kind}: {one.trouble}" for one in self._others if not one.synced.is_set()]
        said = tuple(words for words in unseen if not words.endswith(": "))
        return sight_of(self._view, self._ref, (*self._unseen, *said))

    async def run(self) -> None:
        """Follow until cancelled. Raises NotFound, Denied or Unavailable if it cannot begin."""
        await self._look()
        try:
            await self._onlooker.client.request(
                "GET",
                self._view.canaries.resource.path(self._ref.namespace),
                query={**self._named(self._ref.name), "limit": 1},
            )
        except Denied:
            await self._look_again_and_again()
        else:
            await self._watch()

    async def _look(self) -> None:
        """One look at everything."""
        view = blank_view()
        await self._onlooker.put_canary(view, self._ref)
        self._unseen = tuple(await self._onlooker.fill(view, self._ref))
        self._view = view
        self._was_there = True
        self._trouble = ""

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except NotFound:
                self._view = blank_view()
            except (Denied, Unavailable) as error:
                self._trouble = str(error)

    async def _watch(self) -> None:
        self._canary = self._reflector(self._view.canaries, self._named(self._ref.name))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._canary.run())
            group.create_task(self._watch_workload())

    async def _watch_workload(self) -> None:
        """The Deployment, its ReplicaSets and pods, once there is one."""
        view = self._view
        while True:
            try:
                selected = await self._onlooker.selector(view, self._ref)
            except (Refused, Unavailable):
                selected = ""
            if not isinstance(selected, str):
                break
            self._unseen = (selected,) if selected else ()
            await asyncio.sleep(TARGET_SECONDS)
        self._unseen = ()
        target = next(entry.key.name for entry in view.deployments)
        self._others = (
            self._reflector(view.deployments, self._named(target)),
            self._reflector(view.replica_sets, selected),
            self._reflector(view.pods, selected),
        )
        async with asyncio.TaskGroup() as group:
            for reflector in self._others:
                group.create_task(reflector.run())

    def _named(self, name: str) -> dict[str, str | int]:
        return {"fieldSelector": f"metadata.name={name}"}

    def _reflector(self, shelf: Shelf[Any], selector: Any) -> Reflector[Any]:
        return Reflector(
            self._onlooker.client,
            shelf,
            self._ref.namespace,
            dice=self._dice,
            selector=selector,
        )
