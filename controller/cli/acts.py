"""`canaryctl promote`, `rollback`, `hold`, `resume` and `retry`: what a person can ask for."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from controller.cli.command import Command
from controller.cli.exits import EXIT_CODES
from controller.cli.output import add_output_flag
from controller.cli.reaching import add_name, add_place_flags, run_at
from controller.domain.records import IntentAction

if TYPE_CHECKING:
    from controller.cli.reached import Reach

WAIT_SECONDS: Final = 10.0
WAIT_SECONDS_MAX: Final = 3600.0
KEY_CHARACTERS_MAX: Final = 128

COMMON: Final = """\

The command is written on the Canary through the Kubernetes API with your own rights; no service
of canary-controller has to be reachable. It is meant for the release that is there now (or the one
that --revision names): when another one is there by then, nothing is done. On a terminal you are
told what will happen, and asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One of the commands."""

    name: str
    action: IntentAction
    summary: str
    description: str
    examples: tuple[tuple[str, str], ...]


DEEDS: Final = (
    Deed(
        name="promote",
        action=IntentAction.PROMOTE,
        summary="let the release pass its step, or go to all pods with --full",
        description="Let the release pass the step that it is at, whatever was found so far.",
        examples=(
            ("promote checkout", "asks, and lets the step pass"),
            ("promote checkout --step 2 -y", "only if it is still at step 2; does not ask"),
            ("promote checkout --full --reason 'a fix'", "to all pods at once"),
        ),
    ),
    Deed(
        name="rollback",
        action=IntentAction.ROLLBACK,
        summary="go back to the stable revision now",
        description="Go back to the stable revision now. What is rolled back is held as rejected\n"
        "when it is applied again, until somebody retries it.",
        examples=(("rollback checkout --reason 'carts are empty'", "asks, and goes back"),),
    ),
    Deed(
        name="hold",
        action=IntentAction.HOLD,
        summary="stay at this step until a person goes on",
        description="Stay at this step until somebody resumes or promotes. A canary that is found\n"
        "worse is rolled back all the same.",
        examples=(("hold checkout --reason 'wait for the load test'", "asks, and holds"),),
    ),
    Deed(
        name="resume",
        action=IntentAction.RESUME,
        summary="go on with a release that is held",
        description="Go on with a release that is held: the step is judged again.",
        examples=(("resume checkout", "asks, and goes on"),),
    ),
    Deed(
        name="retry",
        action=IntentAction.RETRY,
        summary="try a rejected release again",
        description="Lift the quarantine of a release that was rolled back: it is tried again\n"
        "from its first step.",
        examples=(("retry checkout --reason 'the database was down'", "asks, and tries again"),),
    ),
)


def flags_of(deed: Deed) -> Callable[[argparse.ArgumentParser], None]:
    """What may be asked for with it."""

    def add_flags(parser: argparse.ArgumentParser) -> None:
        parser.description = deed.description + COMMON
        width = max(len(typed) for typed, _ in deed.examples)
        lines = "\n".join(f"  canaryctl {typed:{width}}   {what}" for typed, what in deed.examples)
        parser.epilog = f"examples:\n{lines}\n\n{EXIT_CODES}"
        add_name(parser)
        add = parser.add_argument
        if deed.action is IntentAction.PROMOTE:
            add("--full", action="store_true", help="to all pods at once, without further steps")
        add(
            "--revision",
            metavar="REVISION",
            help="what it is meant for: a fingerprint, a revision's number or the name of its "
            "ReplicaSet (default: the one that is there now)",
        )
        add("--step", type=step, metavar="N", help="only if it is at this step (counted from 1)")
        add("--reason", default="", metavar="TEXT", help="why; kept on the Canary and told")
        add("-y", "--yes", action="store_true", help="do not ask")
        add(
            "--key",
            type=key,
            metavar="TEXT",
            help="said again with the same key, it is the same command and is done once "
            "(default: a new one)",
        )
        add(
            "--wait",
            type=seconds_up_to(WAIT_SECONDS_MAX),
            default=WAIT_SECONDS,
            metavar="SECONDS",
            help=f"how long to wait for the controller's answer (default {WAIT_SECONDS:g}; 0: not)",
        )
        add_output_flag(parser, ("json", "yaml"))
        add_place_flags(parser)

    return add_flags


def step(text: str) -> int:
    """A step's number."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 10_000):
        raise argparse.ArgumentTypeError(f"{text!r} is no step: steps are counted from 1")
    return int(text)


def seconds_up_to(most: float) -> Callable[[str], float]:
    """A duration within bounds; `10` and `10s` are the same, `2m` is longer."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}

    def seconds(text: str) -> float:
        unit = units.get(text[-1:], 0.0)
        try:
            value = float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no duration from 0 to {most:g} seconds (such as 10s, 2m or 1h)"
            )
        return value

    return seconds


def key(text: str) -> str:
    """A key as the REST API takes it."""
    if not 1 <= len(text) <= KEY_CHARACTERS_MAX or not all("!" <= letter <= "~" for letter in text):
        raise argparse.ArgumentTypeError(
            f"a key is 1 to {KEY_CHARACTERS_MAX} visible ASCII characters without a space"
        )
    return text


def runner_of(deed: Deed) -> Callable[[argparse.Namespace], int]:
    """What happens then."""

    def run(arguments: argparse.Namespace) -> int:
        async def act(reach: "Reach") -> int:
            from controller.cli.acting import act  # noqa: PLC0415 - the Kubernetes client comes along

            return await act(reach, _action(deed, arguments), arguments)

        return run_at(arguments, act)

    return run


def _action(deed: Deed, arguments: argparse.Namespace) -> IntentAction:
    return IntentAction.PROMOTE_FULL if getattr(arguments, "full", False) else deed.action


ACTS: Final = tuple(
    Command(
        name=deed.name,
        summary=deed.summary,
        add_flags=flags_of(deed),
        run=runner_of(deed),
    )
    for deed in DEEDS
)
