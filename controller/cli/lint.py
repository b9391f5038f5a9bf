"""`canaryctl lint`: Canary files checked without a cluster."""

import argparse
from typing import Final

from controller.cli.command import Command

DESCRIPTION: Final = """\
Check Canary files as the controller reads them, without a cluster: unknown fields, values that
cannot be, queries that cannot be asked, and settings that are allowed but hardly meant. Says what
holds where the file says nothing. Reads YAML or JSON with any number of objects, other kinds among
them; - reads standard input (helm template . | canaryctl lint -)."""
EPILOG: Final = """\
exit codes:
    0  every Canary can be acted on; warnings may have been given
    1  something is wrong, with file and line; with --strict, a warning too
    2  a flag is wrong, or a file cannot be read"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add = parser.add_argument
    add("files", metavar="FILE", nargs="+", help="files to check; - is standard input")
    add("--strict", action="store_true", help="a warning is a failure, too")
    add("-q", "--quiet", action="store_true", help="say only what is wrong")
    add(
        "-o",
        "--output",
        choices=("table", "yaml", "json"),
        default="table",
        help="table (default): what holds, in words; yaml: the objects with every default written "
        "out; json: all that was found",
    )


def run_lint(arguments: argparse.Namespace) -> int:
    """Check the files."""
    # Imported only here: it brings the whole model along.
    from controller.cli.linting import lint  # noqa: PLC0415

    return lint(arguments)


LINT: Final = Command(
    name="lint",
    summary="check Canary files, and say what their defaults will be",
    add_flags=add_flags,
    run=run_lint,
)
