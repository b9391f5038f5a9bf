"""`canaryctl history`: the releases of a Canary, and who asked for what."""

import argparse
from typing import TYPE_CHECKING, Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_CODES
from controller.cli.output import add_output_flag
from controller.cli.reaching import add_name, add_place_flags, run_at

if TYPE_CHECKING:
    from controller.cli.reached import Reach

DESCRIPTION: Final = """\
Show the last releases of a Canary, oldest first: when each began, how long it took, how it ended
and why; and the last commands: who asked for what, when and why, and what became of it. Needs the
right to get the Canary."""
EXAMPLES: Final = """\
examples:
  canaryctl history exam-api
  kubectl canary history exam-api -o wide    with what became of each command, and how it came
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.description = DESCRIPTION
    parser.epilog = f"{EXAMPLES}\n{EXIT_CODES}"
    add_name(parser)
    add_output_flag(parser, forms=("json", "yaml", "wide"))
    add_place_flags(parser)


def run_history(arguments: argparse.Namespace) -> int:
    """Print it."""

    async def show(reach: "Reach") -> int:
        from controller.cli.chronicle import show_history  # noqa: PLC0415

        return await show_history(reach, arguments)

    return run_at(arguments, show)


HISTORY: Final = Command(
    name="history",
    summary="show a Canary's releases, and who asked for what",
    add_flags=add_flags,
    run=run_history,
)
