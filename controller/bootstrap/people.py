"""What people reach: the API, the dashboard, Slack's buttons; and the probes beside them."""

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import timedelta

from controller.adapters.http.actions import build_actions
from controller.adapters.http.api import build_api
from controller.adapters.http.api_journal import build_journal
from controller.adapters.http.app import Health, Router, Tls, build_app, serve
from controller.adapters.http.docs_page import build_docs
from controller.adapters.http.doorway import Doorway, Premises
from controller.adapters.http.live import Live
from controller.adapters.http.page import build_page
from controller.adapters.http.pagelive import paint
from controller.adapters.http.releases import Releases
from controller.adapters.http.sessions import Sessions
from controller.adapters.http.sign_in import build_sign_in
from controller.adapters.http.slack_door import build_slack_door
from controller.adapters.http.stream import build_stream
from controller.adapters.http.stream_hub import Hub
from controller.adapters.recorder import dump
from controller.adapters.slack.conversation import Conversation, connect
from controller.adapters.slack.people import People
from controller.bootstrap.outside import Outside, slack_line
from controller.engine.commands import Desk
from controller.engine.replica import Replica
from controller.settings import Settings

log = logging.getLogger(__name__)


async def serve_people(settings: Settings, outside: Outside, replica: Replica) -> None:
    """Serve until cancelled. Raises Refused when the address or a file cannot be used."""
    live = Live(
        cluster=outside.cluster,
        journal=replica.journal,
        courses=replica.courses,
        clock=outside.clock,
    )

    def source() -> Releases:
        return live

    desk = Desk(cluster=outside.cluster, access=outside.access)
    hub = Hub(source, paint)
    outside.telemetry.show_streams(lambda: len(hub), lambda: hub.cut)
    tls = None
    if settings.tls_cert_file is not None and settings.tls_key_file is not None:
        tls = Tls(certificate=settings.tls_cert_file, key=settings.tls_key_file)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        conversation = await _conversation(settings, outside, desk, stack)
        routers = _routers(settings, outside, live, desk, hub)
        if conversation is not None:
            routers.append(build_slack_door(conversation.take))
            group.create_task(conversation.run(), name="slack buttons")
        group.create_task(hub.run(), name="live pages")
        app = build_app(
            _health(outside, replica),
            outside.registry,
            *routers,
            counted=outside.telemetry.answered,
        )
        async with serve(
            app, settings.listen_host, settings.listen_port, tls=tls, ending=hub.close
        ) as port:
            log.info("The dashboard, the API, probes and metrics are on port %d", port)
            await asyncio.Event().wait()


def _routers(
    settings: Settings, outside: Outside, live: Live, desk: Desk, hub: Hub
) -> list[Router]:
    access = outside.access
    door = Doorway(
        access,
        Sessions(outside.clock, timedelta(hours=settings.session_hours)),
        outside.clock,
        Premises(
            audience=settings.api_audience,
            trusted_proxies=settings.trusted_proxies,
            dashboard_url=settings.dashboard_url,
        ),
    )
    return [
        build_api(lambda: live, door, access),
        build_journal(lambda: live, door, access, dump),
        build_actions(door, desk),
        build_docs(settings.api_audience),
        build_stream(hub, door, access),
        build_page(lambda: live, door, access),
        build_sign_in(door),
    ]


async def _conversation(
    settings: Settings, outside: Outside, desk: Desk, stack: AsyncExitStack
) -> Conversation | None:
    """Slack's buttons, where they can be verified and their users are known."""
    secret = settings.secret("slack_signing_secret")
    if secret is None or settings.slack_users_file is None:
        return None
    return await stack.enter_async_context(
        connect(
            desk,
            People.opened(settings.slack_users_file),
            outside.clock,
            secret=secret.get_secret_value(),
            line=slack_line(settings),
            bot=outside.bot,
        )
    )


def _health(outside: Outside, replica: Replica) -> Health:
    def heartbeat_age_seconds() -> float:
        return asyncio.get_running_loop().time() - replica.heartbeat

    return Health(heartbeat_age_seconds=heartbeat_age_seconds, unsynced=outside.cluster.unsynced)
