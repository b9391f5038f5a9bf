"""`canaryctl run`: the controller itself."""

import argparse
from typing import Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_CODES, EXIT_FAILED, EXIT_USAGE, say

SETTINGS_HELP: Final = """\
settings: each may be given as a flag or in the environment (--listen-port is
{variable}); the flag wins, and both win over the default."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag for each setting."""
    # Imported only here: whoever wants another command need not wait for it.
    from controller.settings import Settings, flag, variable  # noqa: PLC0415

    parser.description = "Run the controller until it is told to stop."
    said = SETTINGS_HELP.format(variable=variable("listen_port"))
    parser.epilog = f"{said}\n\n{Settings.describe()}\n\n{EXIT_CODES}"
    parser.usage = f"{parser.prog} [--SETTING VALUE ...]"
    for name in Settings.model_fields:
        # Absent flags stay absent, so that the environment is asked for them. What they mean is
        # in the table below: argparse would say it a second time, without the defaults.
        parser.add_argument(
            f"--{flag(name)}", dest=name, default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )


def run_controller(arguments: argparse.Namespace) -> int:
    """Run until told to stop."""
    from controller.engine.ports import Refused, Unavailable  # noqa: PLC0415
    from controller.settings import Settings, SettingsError  # noqa: PLC0415

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
        say(errors)
    except* (Refused, Unavailable) as errors:
        say(errors)
    return code


RUN: Final = Command(
    name="run", summary="run the controller", add_flags=add_flags, run=run_controller
)
