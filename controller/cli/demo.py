"""`canaryctl demo`: the whole service on a cluster in memory."""

import argparse
from collections.abc import Callable
from typing import Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_CODES

DESCRIPTION: Final = """\
Show the whole service on a cluster in memory, several times faster than real: a good release is
promoted, then one with a bug is pushed, caught and rolled back. Then it is your turn: the next
releases wait for you at their last step. Serves the dashboard and the API on 127.0.0.1, where you
may promote, hold and roll back at any time. Needs no cluster, and leaves nothing behind."""
SPEED_MAX: Final = 1000.0
PORT_MAX: Final = 65535


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.description = DESCRIPTION
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add(
        "--port",
        type=_number(int, 0, PORT_MAX),
        metavar="PORT",
        help="of the dashboard (default 8080, or another one if that is taken)",
    )
    add(
        "--speed",
        type=_number(float, 0.1, SPEED_MAX),
        default=10.0,
        metavar="N",
        help="how many times faster than real (default 10)",
    )
    add("--once", action="store_true", help="exit when the story has ended, with 0 if it went well")
    add(
        "--slack-webhook-url",
        metavar="URL",
        help="send the messages to Slack, too (or in the environment, as for run)",
    )


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(-1)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not a number from {least:g} to {most:g}")
        return value

    return number


def run_demo(arguments: argparse.Namespace) -> int:
    """Play the story."""
    # Imported only here: it brings the engine, the simulation and the web server along.
    from controller.cli.showing import show_demo  # noqa: PLC0415

    return show_demo(arguments)


DEMO: Final = Command(
    name="demo",
    summary="show the service on a cluster in memory",
    add_flags=add_flags,
    run=run_demo,
)
