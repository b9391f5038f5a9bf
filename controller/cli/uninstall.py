"""`canaryctl uninstall-check`: what would be left on Deployments without the controller."""

import argparse
from typing import TYPE_CHECKING, Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_CODES
from controller.cli.reaching import add_place_flags, run_at

if TYPE_CHECKING:
    from controller.cli.reached import Reach

FORMS: Final = ("table", "json", "yaml")
DESCRIPTION: Final = """\
Show every Deployment that would be left paused, unjudged or marked if the controller went away now,
or that was left so: what it means, and the commands that finish it, both while the controller runs
and when it is gone. It only reads, with your own rights: to list deployments and replicasets, and
canaries where Canaries are still installed. What you may not see is said, and is not taken for
nothing: the exit code is 0 only when everything that was asked for was seen and nothing is left.

what is left:
  Held            paused by canary-controller: no release goes on until the pause is lifted
  Paused          paused, and once looked after by canary-controller; by whom cannot be told
  PausedByPerson  paused by somebody else, which is left alone; our label is on it
  Unjudged        a release is under way that nobody would judge or roll back any more
  Stuck           a ReplicaSet was told another number of pods: no rollout would start any more
  Marked          only our label or mark is on it, which means nothing once the gate is gone"""
EXAMPLES: Final = """\
examples:
  kubectl canary uninstall-check -A     before helm uninstall, in the whole cluster
  canaryctl uninstall-check -A -o json  for a script
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.description = DESCRIPTION
    parser.epilog = f"{EXAMPLES}\n{EXIT_CODES}"
    parser.add_argument(
        "-o",
        "--output",
        choices=FORMS,
        default=FORMS[0],
        metavar="FORM",
        help="table (with the commands below it), json or yaml (the whole); default: table",
    )
    parser.add_argument(
        "--no-headers", action="store_true", help="print the table alone, without its first line"
    )
    add_place_flags(parser, everywhere=True)


def run_uninstall_check(arguments: argparse.Namespace) -> int:
    """Look, and say."""

    async def show(reach: "Reach") -> int:
        from controller.cli.uninstall_shown import show_remains  # noqa: PLC0415

        return await show_remains(reach, arguments)

    return run_at(arguments, show)


UNINSTALL_CHECK: Final = Command(
    name="uninstall-check",
    summary="show which Deployments would be left paused or marked without the controller",
    add_flags=add_flags,
    run=run_uninstall_check,
)
