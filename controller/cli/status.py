"""`canaryctl status`: one Canary in full, once or live."""

import argparse
from typing import TYPE_CHECKING, Final

from controller.cli.acts import seconds_up_to
from controller.cli.command import Command
from controller.cli.exits import EXIT_CODES
from controller.cli.get import phases
from controller.cli.output import add_output_flag
from controller.cli.reaching import add_place_flags, canary_name, run_at

if TYPE_CHECKING:
    from controller.cli.reached import Reach

TIMEOUT_SECONDS: Final = 3600.0
TIMEOUT_SECONDS_MAX: Final = 7 * 24 * 3600.0
DESCRIPTION: Final = """\
Show one Canary: its steps, pods, what was compared and found, the last words of a crashed
container, what people asked for, and what can be done now. With --watch it is drawn live, and into
a pipe written line by line. Needs the right to get canaries; Deployments, ReplicaSets and
pods are shown where you may see them."""
EXAMPLES: Final = """\
examples:
  canaryctl status checkout --watch
  kubectl canary status checkout --exit-code || echo 'not at rest'
  kubectl apply -f shop.yaml && canaryctl status checkout --wait-for promoted --timeout 30m
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.description = DESCRIPTION
    parser.epilog = f"{EXAMPLES}\n{EXIT_CODES}"
    add = parser.add_argument
    only = "of the Canary; may be left out where there is one"
    add("name", metavar="NAME", type=canary_name, nargs="?", help=only)
    add("-w", "--watch", action="store_true", help="draw it live, until Ctrl-C")
    add(
        "--wait-for",
        type=phases,
        metavar="PHASE",
        help="follow it until what the Deployment asks for now is in this phase, or in one of "
        "several (promoted,rolled-back); ends with 12 when it was rolled back, and with 3 when it "
        "ended otherwise",
    )
    add(
        "--timeout",
        type=seconds_up_to(TIMEOUT_SECONDS_MAX),
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help="for how long to wait with --wait-for (default 1h); ends with 8 then",
    )
    add("--exit-code", action="store_true", help="end with 10, 11 or 12 unless all is at rest")
    add_output_flag(parser)
    add_place_flags(parser)


def run_status(arguments: argparse.Namespace) -> int:
    """Show it."""
    if (arguments.watch or arguments.wait_for) and arguments.output not in {None, "wide"}:
        from controller.cli.exits import EXIT_USAGE, tell  # noqa: PLC0415

        tell(f"-o {arguments.output} is for one look: leave out --watch and --wait-for, or -o")
        return EXIT_USAGE

    async def show(reach: "Reach") -> int:
        from controller.cli.standing import show_status  # noqa: PLC0415

        return await show_status(reach, arguments)

    return run_at(arguments, show)


STATUS: Final = Command(
    name="status",
    summary="show one Canary in full, once or live",
    add_flags=add_flags,
    run=run_status,
)
