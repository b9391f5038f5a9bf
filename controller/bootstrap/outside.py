"""What the process speaks to: the cluster, the metrics, those who tell people, the disk."""

import logging
import random
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import metadata
from typing import Final

from prometheus_client import CollectorRegistry

from controller.adapters.clock import SystemClock
from controller.adapters.kube.client import KubeClient, load_configuration
from controller.adapters.kube.cluster import KubeCluster
from controller.adapters.kube.lease import KubeLease
from controller.adapters.kube.own_rights import OwnRights
from controller.adapters.kube.reviews import KubeReviews
from controller.adapters.prometheus.metrics import PrometheusMetrics
from controller.adapters.prometheus.problems import problem_of
from controller.adapters.recorder import FlightRecorder
from controller.adapters.slack.bot import Line, SlackBot
from controller.adapters.slack.bot import connect as connect_bot
from controller.adapters.slack.channels import Channels
from controller.adapters.slack.log import LogNotifier
from controller.adapters.slack.webhook import connect as connect_slack_webhook
from controller.adapters.telemetry import Telemetry
from controller.adapters.unmeasured import Unmeasured
from controller.adapters.webhook.sender import connect as connect_webhook
from controller.domain.mounts import MountKind
from controller.engine.access import Gatekeeper
from controller.engine.leadership import Alone, Leadership
from controller.engine.ports import Access, Clock, Metrics, Notifier
from controller.settings import Settings

DISTRIBUTION: Final = "canary-controller"
# Of the connections to the API server: nobody's questions keep a Lease from being renewed.
LEASE_CONNECTIONS: Final = 2
PEOPLE_CONNECTIONS: Final = 16

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the process speaks to. `notifiers`: the first one is the log when there is no other."""

    cluster: KubeCluster
    rights: OwnRights
    leadership: Leadership | Alone
    access: Access
    metrics: Metrics
    notifiers: tuple[Notifier, ...]
    bot: SlackBot | None
    clock: SystemClock
    telemetry: Telemetry
    registry: CollectorRegistry
    recorder: FlightRecorder | None
    dice: random.Random


async def connected(settings: Settings, stack: AsyncExitStack) -> Outside:
    """All of it, until the stack is unwound. Raises Refused for what cannot be used."""
    clock = SystemClock()
    dice = random.SystemRandom()
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, _version())
    configuration = await load_configuration(settings.kubeconfig, None)
    name = f"{settings.replica_name or socket.gethostname()}-{dice.getrandbits(32):08x}"
    client = KubeClient(configuration, user_agent=f"{DISTRIBUTION}/{_version()} ({name})")
    leadership = _leadership(settings, client, clock, name)
    cluster = KubeCluster(
        client,
        namespaces=settings.namespaces,
        preset_problem=problem_of,
        clock=clock,
        dice=dice,
        fence=leadership,
    )
    cluster.mounts.watched = _watched(settings)
    await stack.enter_async_context(cluster)
    bot = await _bot(settings, stack)
    folder = settings.flight_recorder_dir
    return Outside(
        cluster=cluster,
        rights=OwnRights(
            client=client,
            namespaces=settings.namespaces,
            lease=(settings.lease_namespace, settings.lease_name)
            if settings.lease_namespace
            else None,
        ),
        leadership=leadership,
        access=Gatekeeper(
            KubeReviews(client.apart(PEOPLE_CONNECTIONS), settings.api_audience), clock
        ),
        metrics=_metrics(settings, telemetry, stack),
        notifiers=await _notifiers(settings, bot, clock, stack),
        bot=bot,
        clock=clock,
        telemetry=telemetry,
        registry=registry,
        recorder=FlightRecorder(folder) if folder is not None else None,
        dice=dice,
    )


def _watched(settings: Settings) -> frozenset[MountKind]:
    """Of what it is told that a rollback does not bring it back."""
    wanted = {
        MountKind.CONFIG_MAP: settings.watch_configmaps,
        MountKind.SECRET: settings.watch_secrets,
    }
    return frozenset(kind for kind, watched in wanted.items() if watched)


def _leadership(
    settings: Settings, client: KubeClient, clock: Clock, name: str
) -> Leadership | Alone:
    """What this process is among its replicas; `name` is that of no other process ever."""
    if not settings.lease_namespace:
        log.info("No lease_namespace: this process takes itself for the only one")
        return Alone()
    return Leadership(
        leases=KubeLease(
            client.apart(LEASE_CONNECTIONS), settings.lease_namespace, settings.lease_name
        ),
        clock=clock,
        name=name,
        dice=random.SystemRandom(),
        seconds=settings.lease_seconds,
    )


def _metrics(settings: Settings, telemetry: Telemetry, stack: AsyncExitStack) -> Metrics:
    if settings.prometheus_url is None:
        log.warning("No prometheus_url: no release can be promoted on what its requests show")
        return Unmeasured()
    metrics = PrometheusMetrics(
        settings.prometheus_url,
        timeout_seconds=settings.prometheus_timeout_seconds,
        bearer_token_file=settings.prometheus_bearer_token_file,
        ca_file=settings.prometheus_ca_file,
        observer=telemetry,
    )
    stack.callback(metrics.close)
    return metrics


def slack_line(settings: Settings) -> Line:
    """How Slack's Web API is reached."""
    return Line(
        api_url=settings.slack_api_url,
        proxy_from_environment=settings.slack_proxy_from_environment,
    )


async def _bot(settings: Settings, stack: AsyncExitStack) -> SlackBot | None:
    token = settings.secret("slack_bot_token")
    if token is None:
        return None
    channels = Channels.opened(settings.slack_channel, settings.slack_channels_file)
    return await stack.enter_async_context(
        connect_bot(
            token.get_secret_value(),
            channels,
            dashboard_url=settings.dashboard_url,
            line=slack_line(settings),
            interactive=settings.secret("slack_signing_secret") is not None,
        )
    )


async def _notifiers(
    settings: Settings, bot: SlackBot | None, clock: SystemClock, stack: AsyncExitStack
) -> tuple[Notifier, ...]:
    told: list[Notifier] = [bot] if bot is not None else []
    address = settings.secret("slack_webhook_url")
    if address is not None:
        told.append(
            await stack.enter_async_context(
                connect_slack_webhook(
                    address.get_secret_value(),
                    dashboard_url=settings.dashboard_url,
                    proxy_from_environment=settings.slack_proxy_from_environment,
                )
            )
        )
    url, secret = settings.secret("webhook_url"), settings.secret("webhook_secret")
    if url is not None and secret is not None:
        told.append(
            await stack.enter_async_context(
                connect_webhook(
                    url.get_secret_value(),
                    secret.get_secret_value(),
                    clock=clock,
                    dashboard_url=settings.dashboard_url,
                )
            )
        )
    if not told:
        log.warning("Neither Slack nor a webhook: notices go to this log only")
        return (LogNotifier(),)
    return tuple(told)


def _version() -> str:
    return metadata.version(DISTRIBUTION)
