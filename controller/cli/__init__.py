"""The command line: `canaryctl`, and the same as `kubectl canary`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from controller.cli.command import Command
from controller.cli.demo import DEMO
from controller.cli.exits import EXIT_CODES, EXIT_USAGE
from controller.cli.run import RUN
from controller.cli.simulate import SIMULATE
from controller.cli.version import VERSION

COMMANDS: Final[tuple[Command, ...]] = (RUN, DEMO, SIMULATE, VERSION)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the process's exit code."""
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as ended:  # argparse ends the process itself, for --help as well
        return ended.code if isinstance(ended.code, int) else EXIT_USAGE
    for command in COMMANDS:
        if command.name == arguments.command:
            return command.run(arguments)
    parser.print_help(sys.stderr)
    return EXIT_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl canary" if Path(sys.argv[0]).name == "kubectl-canary" else "canaryctl",
        description="Holds rolling updates at a few canary pods and undoes the bad ones.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in COMMANDS:
        command.add_flags(
            commands.add_parser(
                command.name,
                help=command.summary,
                formatter_class=argparse.RawDescriptionHelpFormatter,
                allow_abbrev=False,
            )
        )
    return parser
