"""The command line: `canaryctl`, and the same as `kubectl canary`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from controller.engine.ports import Refused, Unavailable
from controller.settings import Settings, SettingsError, flag, variable

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2

EXIT_CODES: Final = """\
exit codes:
  0  done, or ended as asked (SIGTERM, SIGINT)
  1  failed: the reason is the last line of the log
  2  a flag or a setting is wrong: the message says which, and the remedy"""

SETTINGS_HELP: Final = f"""\
settings: each may be given as a flag or in the environment (--listen-port is
{variable("listen_port")}); the flag wins, and both win over the default."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the process's exit code."""
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as ended:  # argparse ends the process itself, for --help as well
        return ended.code if isinstance(ended.code, int) else EXIT_USAGE
    match arguments.command:
        case "run":
            return _run(arguments)
        case "version":
            print(f"canary-controller {_version()}")  # noqa: T201 - this is the command's answer
            return EXIT_OK
        case _:
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
    run = commands.add_parser(
        "run",
        help="run the controller",
        description="Run the controller until it is told to stop.",
        epilog=f"{SETTINGS_HELP}\n\n{Settings.describe()}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        usage=f"{parser.prog} run [--SETTING VALUE ...]",
    )
    for name in Settings.model_fields:
        # Absent flags stay absent, so that the environment is asked for them. What they mean is
        # in the table below: argparse would say it a second time, without the defaults.
        run.add_argument(
            f"--{flag(name)}", dest=name, default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
    commands.add_parser("version", help="print the version")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    flags = {name: text for name, text in vars(arguments).items() if name != "command"}
    code = EXIT_FAILED
    # What ends a task group comes in a group, what ends the start does not: both are told here.
    try:
        settings = Settings.load(flags)
        # Imported only here: it brings every vendor along, more than a second that a person who
        # asks for help or mistypes a setting need not wait.
        from controller.bootstrap import run  # noqa: PLC0415

        code = run(settings)
    except* SettingsError as errors:
        code = EXIT_USAGE
        _say(errors)
    except* (Refused, Unavailable) as errors:
        _say(errors)
    return code


def _say(error: BaseException) -> None:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            _say(inner)
        return
    for line in str(error).splitlines():
        print(f"canaryctl: {line}", file=sys.stderr)  # noqa: T201 - there may be no log yet


def _version() -> str:
    try:
        return metadata.version("canary-controller")
    except metadata.PackageNotFoundError:
        return "unknown: the package is not installed"
