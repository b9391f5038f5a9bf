"""The only composition root: every part is made here and handed to those that need it."""

import asyncio
import functools
import logging
import signal
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

from controller.adapters.telemetry import add_to_log_context, configure_logging
from controller.bootstrap.outside import Outside, connected
from controller.bootstrap.people import serve_people
from controller.domain.records import Ref
from controller.domain.status import Status
from controller.engine.replica import Replica
from controller.engine.service import Hooks, Ports, memory_of
from controller.settings import Settings

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Run the controller until it is told to stop; the process's exit status."""
    configure_logging(settings.log_level, settings.log_format, settings.secrets())
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        outside = await connected(settings, stack)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(_work(settings, outside))
            ended = group.create_task(stop.wait())
            await asyncio.wait((work, ended), return_when=asyncio.FIRST_COMPLETED)
            log.info("Stopping: what is held stays held, and is taken up by the next process")
            work.cancel()
            ended.cancel()


async def _work(settings: Settings, outside: Outside) -> None:
    """Everything that runs, until one part fails or all are cancelled."""
    cluster, telemetry, recorder = outside.cluster, outside.telemetry, outside.recorder
    notifier, *others = outside.notifiers
    ports = Ports(
        cluster=cluster,
        metrics=outside.metrics,
        notifier=notifier,
        clock=outside.clock,
        dice=outside.dice,
        others=tuple(others),
    )
    hooks = Hooks(
        observer=telemetry,
        noticed=telemetry.noticed,
        failed=telemetry.failed,
        visiting=telemetry.visiting,
        context=_name_phase,
        kept=recorder.record if recorder is not None else lambda _entry: None,
        weighed=telemetry.weighed,
    )

    replica = Replica(
        ports=ports,
        hooks=hooks,
        leadership=outside.leadership,
        memory=memory_of(outside.clock, hooks.kept),
        look_interval=timedelta(seconds=settings.look_interval_seconds),
        workers=settings.workers,
        turned=functools.partial(_turned, outside),
    )
    telemetry.show_queue(lambda: float(len(replica.service.queue)) if replica.service else 0.0)
    telemetry.show_watches(cluster.age_seconds, cluster.relists, cluster.reconnects)
    telemetry.show_standing(cluster.statuses, outside.clock)
    telemetry.show_replica(
        lambda: replica.leads, lambda: outside.leadership.transitions, cluster.gate_in_force
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(cluster.run(), name="watches")
        group.create_task(outside.rights.watch(), name="own rights")
        if recorder is not None:
            telemetry.show_recorder(lambda: recorder.lost)
            group.create_task(recorder.run(), name="flight recorder")
        group.create_task(replica.run(), name="replica")
        await group.create_task(serve_people(settings, outside, replica), name="http")


def _turned(outside: Outside) -> None:
    """A term begins or is over; others may have led meanwhile."""
    outside.cluster.strangers.forget()
    # What another replica told meanwhile is found again in the channel.
    if outside.bot is not None:
        outside.bot.forget()


def _name_phase(_ref: Ref, status: Status) -> None:
    release = status.release
    revision = {"revision": release.canary.fingerprint[:10]} if release else {}
    add_to_log_context(phase=status.phase.value, **revision)
