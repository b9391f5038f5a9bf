"""`canaryctl simulate`: would this policy have caught it?"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_CODES

SEEDS_MAX: Final = 100_000
WORKERS_MAX: Final = 256

DESCRIPTION: Final = """\
Play a release many times in a simulated world, with the controller and without it, and say what
would have happened: would this policy have caught it? Needs no cluster."""

EXAMPLES: Final = """\
examples:
  canaryctl simulate --list                     what there is to play
  canaryctl simulate incident --seeds 200       one scenario, 200 different days
  canaryctl simulate incident --canary my.yaml  the same with your own Canary's policy
  canaryctl simulate mine.yaml --html out.html  a scenario of your own, with a report
  canaryctl simulate incident --replay 17       what happened on the day of seed 17"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.description = DESCRIPTION
    parser.epilog = f"{EXAMPLES}\n\n{EXIT_CODES}"
    add = parser.add_argument
    add(
        "scenario",
        nargs="?",
        metavar="SCENARIO|FILE",
        help="the name of a scenario (see --list), or a YAML file with one",
    )
    add("--list", action="store_true", help="list the scenarios, one line each")
    add("--canary", type=Path, metavar="FILE", help="take the policy from the Canary in this file")
    add(
        "--seeds",
        type=_number(1, SEEDS_MAX),
        default=50,
        metavar="N",
        help="how many different days to play (default 50)",
    )
    add(
        "--seed",
        type=_number(0, 2**53),
        default=1,
        metavar="FIRST",
        help="the first seed (default 1)",
    )
    add(
        "--replay",
        type=_number(0, 2**53),
        metavar="SEED",
        help="play one seed and print what happened, in order",
    )
    add("--json", metavar="FILE", help="write the result as JSON; - for standard output alone")
    add("--html", type=Path, metavar="FILE", help="write a report with charts, readable offline")
    add(
        "--workers",
        type=_number(1, WORKERS_MAX),
        metavar="N",
        help="processes to play in (default: as many as there are cores)",
    )


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not a number from {least} to {most}")
        return int(text)

    return number


def run_simulation(arguments: argparse.Namespace) -> int:
    """Play what is asked for."""
    # Imported only here: the simulation brings the engine and the report's tools along.
    from controller.cli.simulating import simulate  # noqa: PLC0415

    return simulate(arguments)


SIMULATE: Final = Command(
    name="simulate",
    summary="play a release many times: would this policy have caught it?",
    add_flags=add_flags,
    run=run_simulation,
)
