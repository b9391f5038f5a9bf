"""A demo that runs beside a test: its world in virtual time, its server on loopback."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Final

from controller.cli.policies import parse_policy
from controller.demo.counter import Counter, Everybody
from controller.demo.pace import Pace
from controller.demo.serving import ANY_PORT, Stand, served
from controller.demo.story import Encore, Story, shortened
from controller.demo.telling import Shown
from controller.demo.view import View
from controller.domain.lifecycle import Phase
from controller.domain.status import Status
from controller.simulation.scenarios import catalogue
from controller.simulation.world import REF

WAIT_SECONDS: Final = 60.0
NOTE: Final = "A demo: a cluster in memory."


class Stage:
    """What a test may do with the demo. Everything may be called from the test's own thread."""

    def __init__(
        self, story: Story, pace: Pace, stand: Stand, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.address = ""
        self.shown: list[Shown | BaseException] = []
        self._story = story
        self._pace = pace
        self._stand = stand
        self._loop = loop
        self._serving: AbstractAsyncContextManager[str] | None = None

    @property
    def view(self) -> View:
        """The releases as they are now."""
        return self._story.view

    @property
    def status(self) -> Status:
        """The status of the only Canary there is."""
        scene = self.view.scene(REF)
        return scene.status if scene is not None else Status()

    def push(self, template: str) -> None:
        """Somebody applies a release. v42 has the bug, any other is good.

        Its last step waits for a person.
        """

        async def push() -> None:
            self._story.push(template)

        self._pace.submit(push()).result(WAIT_SECONDS)

    def wait_for(self, *phases: Phase, release: str = "") -> Status:
        """Until the release is in one of these phases, as the server shows it."""

        def holds(status: Status) -> bool:
            running = status.release.canary.fingerprint if status.release else ""
            return status.phase in phases and release in {"", running}

        return self.wait_until(holds)

    def wait_until(self, holds: Callable[[Status], bool]) -> Status:
        """Until something holds of the status."""
        pause = threading.Event()
        for _ in range(int(WAIT_SECONDS / 0.05)):
            status = self.status
            if holds(status):
                return status
            pause.wait(0.05)
        raise AssertionError(f"it is {self.status.phase.value}: {self.status.message}")

    def stop_server(self) -> None:
        """The server goes away; the world goes on."""
        assert self._serving is not None
        self._run(self._serving.__aexit__(None, None, None))
        self._serving = None

    def start_server(self) -> None:
        """The server is there, on the port it had before."""
        port = int(self.address.rsplit(":", 1)[1]) if self.address else ANY_PORT
        self._serving = served(self._stand, port)
        self.address = self._run(self._serving.__aenter__())

    def restart_server(self) -> None:
        """As when the controller's pod is replaced."""
        self.stop_server()
        self.start_server()

    def stop_world(self) -> None:
        """The world ends; its server goes on with what was there last."""
        self._pace.stop()

    def close(self) -> None:
        if self._serving is not None:
            self.stop_server()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        doing: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return doing.result(WAIT_SECONDS)


@contextmanager
def playing(
    *, speed: float = 20.0, quiet: bool = True, encore: Encore | None = None
) -> Iterator[Stage]:
    """A demo within the block. `quiet`: nothing is released but what the test pushes."""
    shown: list[Shown | BaseException] = []
    scenario = shortened(catalogue.scenario("incident", parse_policy))
    story = Story(scenario, shown.append, access=Everybody(), encore=encore, quiet=quiet)
    pace = Pace(story, speed, failed=shown.append)
    stand = Stand(view=lambda: story.view, counter=Counter(story.ask, pace.submit), note=NOTE)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server", daemon=True)
    thread.start()
    stage = Stage(story, pace, stand, loop)
    stage.shown = shown
    try:
        pace.start()
        stage.wait_until(lambda status: status.stable is not None)
        stage.start_server()
        yield stage
        failed = [one for one in shown if isinstance(one, BaseException)]
        assert not failed, failed
    finally:
        stage.close()
        pace.stop()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        loop.close()
