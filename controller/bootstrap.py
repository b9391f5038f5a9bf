"""The only composition root: every part is made here and handed to those that need it."""

import asyncio
import logging
import random
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from typing import Final

from prometheus_client import CollectorRegistry

from controller.adapters.clock import SystemClock
from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.kube.client import KubeClient, load_configuration
from controller.adapters.kube.cluster import KubeCluster
from controller.adapters.prometheus.metrics import PrometheusMetrics
from controller.adapters.prometheus.problems import problem_of
from controller.adapters.slack.log import LogNotifier
from controller.adapters.slack.webhook import connect
from controller.adapters.telemetry import (
    Telemetry,
    add_to_log_context,
    configure_logging,
)
from controller.adapters.unmeasured import Unmeasured
from controller.domain.records import Ref
from controller.domain.status import Status
from controller.engine.loop import Loop
from controller.engine.ports import Metrics, Notifier
from controller.engine.service import Hooks, Ports, assemble
from controller.settings import Settings

DISTRIBUTION: Final = "canary-controller"
STOPPING: Final = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Run the controller until it is told to stop; the process's exit status."""
    url = settings.secret("slack_webhook_url")
    secrets = (url.get_secret_value(),) if url else ()
    configure_logging(settings.log_level, settings.log_format, secrets)
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        outside = await _outside(settings, stack)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(_work(settings, outside))
            ended = group.create_task(stop.wait())
            await asyncio.wait((work, ended), return_when=asyncio.FIRST_COMPLETED)
            log.info("Stopping: what is held stays held, and is taken up by the next process")
            work.cancel()
            ended.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the process speaks to."""

    cluster: KubeCluster
    metrics: Metrics
    notifier: Notifier
    clock: SystemClock
    telemetry: Telemetry
    registry: CollectorRegistry
    dice: random.Random


async def _outside(settings: Settings, stack: AsyncExitStack) -> Outside:
    clock = SystemClock()
    dice = random.SystemRandom()
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    configuration = await load_configuration(settings.kubeconfig, None)
    cluster = KubeCluster(
        KubeClient(configuration, user_agent=f"canary-controller/{metadata.version(DISTRIBUTION)}"),
        namespace=settings.namespace or None,
        preset_problem=problem_of,
        clock=clock,
        dice=dice,
    )
    await stack.enter_async_context(cluster)
    return Outside(
        cluster=cluster,
        metrics=_metrics(settings, telemetry, stack),
        notifier=await _notifier(settings, stack),
        clock=clock,
        telemetry=telemetry,
        registry=registry,
        dice=dice,
    )


def _metrics(settings: Settings, telemetry: Telemetry, stack: AsyncExitStack) -> Metrics:
    if settings.prometheus_url is None:
        log.warning("No prometheus_url: no release can be promoted on what its requests show")
        return Unmeasured()
    metrics = PrometheusMetrics(
        settings.prometheus_url,
        timeout_seconds=settings.prometheus_timeout_seconds,
        bearer_token_file=settings.prometheus_bearer_token_file,
        observer=telemetry,
    )
    stack.callback(metrics.close)
    return metrics


async def _notifier(settings: Settings, stack: AsyncExitStack) -> Notifier:
    url = settings.secret("slack_webhook_url")
    if url is None:
        log.warning("No Slack webhook: notices go to this log only")
        return LogNotifier()
    return await stack.enter_async_context(
        connect(
            url.get_secret_value(),
            dashboard_url=settings.dashboard_url,
            proxy_from_environment=settings.slack_proxy_from_environment,
        )
    )


async def _work(settings: Settings, outside: Outside) -> None:
    """Everything that runs, until one part fails or all are cancelled."""
    cluster, telemetry = outside.cluster, outside.telemetry
    ports = Ports(
        cluster=cluster,
        metrics=outside.metrics,
        notifier=outside.notifier,
        clock=outside.clock,
        dice=outside.dice,
    )
    hooks = Hooks(
        observer=telemetry,
        noticed=telemetry.noticed,
        failed=telemetry.failed,
        visiting=telemetry.visiting,
        context=_name_phase,
    )
    async with asyncio.TaskGroup() as group:
        service = assemble(
            ports,
            hooks,
            group,
            look_interval=timedelta(seconds=settings.look_interval_seconds),
            workers=settings.workers,
        )
        telemetry.show_queue(lambda: float(len(service.queue)))
        telemetry.show_watches(cluster.age_seconds, cluster.relists)
        group.create_task(cluster.run(), name="watches")
        service.start(group)
        await group.create_task(_serve(settings, outside, service.loop), name="http")


async def _serve(settings: Settings, outside: Outside, loop: Loop) -> None:
    def unsynced() -> tuple[str, ...]:
        return outside.cluster.unsynced()

    def heartbeat_age() -> float:
        return asyncio.get_running_loop().time() - loop.heartbeat

    health = Health(heartbeat_age_seconds=heartbeat_age, unsynced=unsynced)
    app = build_app(health, outside.registry)
    async with serve(app, settings.listen_host, settings.listen_port) as port:
        log.info("Probes and metrics on port %d", port)
        await asyncio.Event().wait()


def _name_phase(_ref: Ref, status: Status) -> None:
    release = status.release
    revision = {"revision": release.canary.fingerprint[:10]} if release else {}
    add_to_log_context(phase=status.phase.value, **revision)
