"""`canaryctl explain`: why a recorded decision was made, and whether it would be made again."""

import argparse
from typing import Final

from controller.cli.command import Command

DESCRIPTION: Final = """\
Replay an entry of the flight recorder: what was seen, what was compared, what was decided and why,
and what would have had to be different. Needs no cluster. The file is one from the controller's
flight_recorder_dir, or what the API gives for one entry of a journal; - reads standard input."""
EPILOG: Final = """\
exit codes:
    0  this version decides the same
    2  the file cannot be read, or is no entry of the flight recorder
    3  this version decides otherwise: the differences are listed"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What may be asked for."""
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", help="the entry; - is standard input")
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="how it is written"
    )


def run_explain(arguments: argparse.Namespace) -> int:
    """Explain one entry."""
    # Imported only here: it brings the whole domain along.
    from controller.cli.explaining import explain  # noqa: PLC0415

    return explain(arguments.file, as_json=arguments.output == "json")


EXPLAIN: Final = Command(
    name="explain",
    summary="replay a recorded decision, and say why it was made",
    add_flags=add_flags,
    run=run_explain,
)
