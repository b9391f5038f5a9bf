"""`canaryctl get`: the Canaries, one line each."""

import argparse
from typing import TYPE_CHECKING, Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_CODES
from controller.cli.output import add_output_flag
from controller.cli.reaching import add_place_flags, canary_name, run_at
from controller.domain.lifecycle import Phase

if TYPE_CHECKING:
    from controller.cli.reached import Reach

DESCRIPTION: Final = """\
Show Canaries, one line each: the phase and for how long, the step, what runs as canary and as
stable. Needs the right to list canaries, or to get the ones that are named; -o wide looks at
Deployments and ReplicaSets, too, and goes without where you may not."""
EXAMPLES: Final = """\
examples:
  canaryctl get                         in the namespace of the current context
  kubectl canary get -A -o wide         everywhere, with pods, images and revisions
  canaryctl get -A --phase holding,quarantined   what waits for a person
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.description = DESCRIPTION
    parser.epilog = f"{EXAMPLES}\n{EXIT_CODES}"
    only = "only these; without it all"
    parser.add_argument("names", metavar="NAME", type=canary_name, nargs="*", help=only)
    parser.add_argument(
        "--phase",
        type=phases,
        metavar="PHASE",
        help=f"only those in this phase, or in one of several (a,b): {', '.join(Phase)}",
    )
    add_output_flag(parser)
    add_place_flags(parser, everywhere=True)


def phases(text: str) -> frozenset[Phase]:
    """Phases as a person writes them."""
    known = {plain(phase): phase for phase in Phase}
    found = set()
    for word in text.split(","):
        if plain(word) not in known:
            raise argparse.ArgumentTypeError(f"{word!r} is no phase: {', '.join(Phase)}")
        found.add(known[plain(word)])
    return frozenset(found)


def plain(word: str) -> str:
    """`rolled-back`, `RolledBack` and `rolled back` are the same."""
    return "".join(letter for letter in word.lower() if letter.isalpha())


def run_get(arguments: argparse.Namespace) -> int:
    """Print them."""
    if arguments.names and arguments.all_namespaces:
        from controller.cli.exits import EXIT_USAGE, tell  # noqa: PLC0415

        tell("a Canary cannot be got by its name in all namespaces: leave out -A or the name")
        return EXIT_USAGE

    async def show(reach: "Reach") -> int:
        from controller.cli.getting import show_canaries  # noqa: PLC0415

        return await show_canaries(reach, arguments)

    return run_at(arguments, show)


GET: Final = Command(
    name="get", summary="show Canaries, one line each", add_flags=add_flags, run=run_get
)
