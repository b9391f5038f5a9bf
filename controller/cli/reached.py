"""A connection to the cluster that a person's flags mean, and words for what goes wrong with it."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from controller.adapters.kube.client import Denied, KubeClient, NotFound, Unauthenticated
from controller.adapters.kube.credentials import Unusable
from controller.adapters.kube.kubeconfig import Place, Unconfigured, connect, find_place
from controller.adapters.kube.looking import Onlooker
from controller.cli.exits import (
    EXIT_FAILED,
    EXIT_FORBIDDEN,
    EXIT_INTERRUPTED,
    EXIT_MOVED,
    EXIT_NOT_FOUND,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    tell,
)
from controller.domain.records import Ref
from controller.engine.commands import Absent, Forbidden
from controller.engine.ports import Conflict, Refused, Unavailable

USER_AGENT: Final = "kubectl-canary"

# The first that fits; what is in no line is a bug.
CODES: Final = (
    ((Unconfigured, Unusable), EXIT_USAGE),
    ((NotFound, Absent), EXIT_NOT_FOUND),
    ((Denied, Forbidden), EXIT_FORBIDDEN),
    (Conflict, EXIT_MOVED),
    (Unavailable, EXIT_UNREACHABLE),
    (Refused, EXIT_FAILED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The cluster as a person reaches it. `namespace` None: all of them were asked for."""

    place: Place
    client: KubeClient
    onlooker: Onlooker
    namespace: str | None

    @property
    def user(self) -> str:
        """The kubeconfig's name of who asks; the API server may know them by another."""
        return self.place.user

    def ref(self, name: str) -> Ref:
        """Where a Canary of this name is."""
        return Ref(self.namespace or self.place.namespace, name)


def reach(arguments: argparse.Namespace, body: Callable[[Reach], Awaitable[int]]) -> int:
    """Connect, run `body`, and disconnect; gives the exit code."""
    try:
        return asyncio.run(_reach(arguments, body))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Nobody reads what is written any more; nor shall the interpreter's end try to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


async def _reach(arguments: argparse.Namespace, body: Callable[[Reach], Awaitable[int]]) -> int:
    place = None
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    # As Ctrl-C ends it: what was drawn in the terminal is left in order.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        place = find_place(arguments.kubeconfig, arguments.context, os.environ)
        client = await connect(place, user_agent=USER_AGENT)
        try:
            code = await body(_reached(arguments, place, client))
        finally:
            await client.close()
    except (Conflict, Refused, Unavailable) as error:
        tell(words_for(error, place))
        code = next(code for kinds, code in CODES if isinstance(error, kinds))
    sys.stdout.flush()
    return code


def _reached(arguments: argparse.Namespace, place: Place, client: KubeClient) -> Reach:
    everywhere = getattr(arguments, "all_namespaces", False)
    return Reach(
        place=place,
        client=client,
        onlooker=Onlooker(client),
        namespace=None if everywhere else arguments.namespace or place.namespace,
    )


def words_for(error: Exception, place: Place | None) -> str:
    """What went wrong, and what to do."""
    where = f"the API server {place.server}" if place else "the API server"
    if isinstance(error, Unauthenticated):
        user = place.user if place else ""
        return (
            f"{where} does not know you ({error}): the credentials of the user {user!r} in the "
            "kubeconfig are wrong or have expired; log in again, or choose another --context"
        )
    if isinstance(error, Denied):
        return f"{where} does not let you: {error}. Ask an administrator for the right"
    if isinstance(error, Unavailable):
        return f"{where} cannot be reached, or does not answer as it should: {error}"
    return str(error)
