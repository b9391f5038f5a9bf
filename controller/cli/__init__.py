"""The command line: `canaryctl`, and the same as `kubectl canary`."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from controller.cli.acts import ACTS
from controller.cli.command import Command
from controller.cli.completion import ASK, COMPLETION
from controller.cli.demo import DEMO
from controller.cli.exits import EXIT_CODES, EXIT_OK, EXIT_USAGE
from controller.cli.explain import EXPLAIN
from controller.cli.get import GET
from controller.cli.history import HISTORY
from controller.cli.invoked import program
from controller.cli.lint import LINT
from controller.cli.logs import LOGS
from controller.cli.run import RUN
from controller.cli.simulate import SIMULATE
from controller.cli.status import STATUS
from controller.cli.uninstall import UNINSTALL_CHECK
from controller.cli.version import VERSION

COMMANDS: Final[tuple[Command, ...]] = (
    *(GET, STATUS, *ACTS, HISTORY, LOGS, EXPLAIN, LINT),
    *(DEMO, SIMULATE, RUN, UNINSTALL_CHECK, COMPLETION, VERSION),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the process's exit code."""
    typed = list(sys.argv[1:] if argv is None else argv)
    if typed[:1] == [ASK]:
        from controller.cli.completing import main as complete  # noqa: PLC0415 - only for shells

        return complete(typed[1:])
    parser = parser_of_all(typed[0] if typed else "")
    try:
        arguments = parser.parse_args(typed)
    except SystemExit as ended:  # argparse ends the process itself, for --help as well
        return ended.code if isinstance(ended.code, int) else EXIT_USAGE
    for command in COMMANDS:
        if command.name == arguments.command:
            return _run(command, arguments)
    parser.print_help(sys.stderr)
    return EXIT_USAGE


def _run(command: Command, arguments: argparse.Namespace) -> int:
    try:
        code = command.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough, as `| head` has; Python would complain again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    return code


def parser_of_all(name: str) -> argparse.ArgumentParser:
    """The parser of everything; only the command of this name gets its flags, to be quick."""
    parser = argparse.ArgumentParser(
        prog=program(),
        description="Holds rolling updates at a few canary pods and undoes the bad ones.",
        epilog=f"Each command has a --help of its own.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in COMMANDS:
        added = commands.add_parser(
            command.name,
            help=command.summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if command.name == name:
            command.add_flags(added)
    return parser


def parser_of(command: Command) -> argparse.ArgumentParser:
    """The parser of one command, for its reference and for completion."""
    parser = argparse.ArgumentParser(
        prog=f"{program()} {command.name}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_flags(parser)
    return parser
