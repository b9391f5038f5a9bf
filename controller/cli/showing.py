"""What `canaryctl demo` does once its flags are read."""

import argparse
import asyncio
import logging
import sys

from controller.cli.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, say
from controller.cli.policies import parse_policy
from controller.demo.show import Failed, Interrupted, Wishes, show
from controller.demo.story import shortened
from controller.demo.terminal import ReaderGone, screen
from controller.engine.ports import Refused, Unavailable
from controller.settings import Settings, SettingsError
from controller.simulation.scenarios import catalogue


def show_demo(arguments: argparse.Namespace) -> int:
    """Play the story and tell it; gives the exit code."""
    _log_bugs_only()
    shown = screen()
    code = EXIT_OK
    try:
        scenario = shortened(catalogue.scenario("incident", parse_policy))
        asyncio.run(show(scenario, _wishes(arguments), shown))
    except* SettingsError as errors:
        code = EXIT_USAGE
        say(errors)
    except* (Failed, Refused, Unavailable) as errors:
        code = EXIT_FAILED
        say(errors)
    except* ReaderGone:
        code = EXIT_FAILED
    except* (Interrupted, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    finally:
        shown.close()
    return code


def _wishes(arguments: argparse.Namespace) -> Wishes:
    given = arguments.slack_webhook_url
    webhook = Settings.load({"slack_webhook_url": given} if given else {}).secret(
        "slack_webhook_url"
    )
    return Wishes(
        port=arguments.port,
        speed=arguments.speed,
        once=arguments.once,
        webhook=webhook.get_secret_value() if webhook is not None else None,
    )


def _log_bugs_only() -> None:
    """What the engine logs is told as the timeline; only what should never happen is left."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.ERROR)
    for name in ("controller", "uvicorn"):
        logging.getLogger(name).addHandler(handler)
