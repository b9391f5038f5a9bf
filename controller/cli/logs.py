"""`canaryctl logs`: the last words of canary containers that died, or what runs now says."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_CODES
from controller.cli.output import add_output_flag
from controller.cli.reaching import add_name, add_place_flags, run_at

if TYPE_CHECKING:
    from controller.cli.reached import Reach

LINES: Final = 20
LINES_MAX: Final = 1000
DESCRIPTION: Final = """\
Show the last words of the canary's containers that died, as the Canary keeps them: the pods may be
gone long since. With --live, the last lines of the canary pods that run now, through the API
server; that needs the right to get pods/log. Neither follows: for that, use kubectl logs -f with
a pod's name."""
EXAMPLES: Final = """\
examples:
  canaryctl logs exam-api
  kubectl canary logs exam-api --pod exam-api-7c9d-x2x4p
  kubectl canary logs exam-api --live --tail 50
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.description = DESCRIPTION
    parser.epilog = f"{EXAMPLES}\n{EXIT_CODES}"
    add_name(parser)
    add = parser.add_argument
    add("--pod", metavar="POD", help="only of this one (pod/POD is the same)")
    add("-c", "--container", metavar="NAME", help="only of this one")
    add("--live", action="store_true", help="of the pods that run now, through the API server")
    add(
        "--tail",
        type=_lines(),
        default=LINES,
        metavar="LINES",
        help=f"how many of each container (default {LINES}, at most {LINES_MAX})",
    )
    add_output_flag(parser, forms=("json",))
    add_place_flags(parser)


def _lines() -> Callable[[str], int]:
    def lines(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else 0
        if not 1 <= number <= LINES_MAX:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {LINES_MAX}")
        return number

    return lines


def run_logs(arguments: argparse.Namespace) -> int:
    """Print them."""

    async def show(reach: "Reach") -> int:
        from controller.cli.lastlines import show_logs  # noqa: PLC0415

        return await show_logs(reach, arguments)

    return run_at(arguments, show)


LOGS: Final = Command(
    name="logs",
    summary="show what canary containers said before they died, or say now",
    add_flags=add_flags,
    run=run_logs,
)
