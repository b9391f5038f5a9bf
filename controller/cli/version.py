"""`canaryctl version`."""

import argparse
from importlib import metadata
from typing import Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_OK


def print_version(_arguments: argparse.Namespace) -> int:
    """Print what is installed."""
    print(f"canary-controller {version()}")  # noqa: T201 - this is the command's answer
    return EXIT_OK


def version() -> str:
    """The version of the installed package."""
    try:
        return metadata.version("canary-controller")
    except metadata.PackageNotFoundError:
        return "unknown: the package is not installed"


VERSION: Final = Command(
    name="version",
    summary="print the version",
    add_flags=lambda _parser: None,
    run=print_version,
)
