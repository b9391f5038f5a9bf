"""What `canaryctl simulate` does once its flags are read."""

import argparse
import dataclasses
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from controller.cli.exits import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNEXPECTED,
    EXIT_USAGE,
    say,
)
from controller.cli.policies import parse_policy
from controller.simulation.campaign import Day, Player, play_days
from controller.simulation.report.as_json import as_json
from controller.simulation.report.html import as_html
from controller.simulation.report.summary import Summary, summarise
from controller.simulation.report.table import print_summary, print_timeline
from controller.simulation.run import play_scenario
from controller.simulation.scenario import Scenario
from controller.simulation.scenarios import catalogue
from controller.simulation.scenarios.files import read_canary, read_scenario
from controller.simulation.scenarios.flaws import ScenarioInvalid

FILE_COLUMNS: Final = 160
FILE_BYTES_MAX: Final = 1_000_000
STANDARD_OUTPUT: Final = "-"
USAGE: Final = "usage: canaryctl simulate SCENARIO|FILE; --help says more"


class Unusable(Exception):
    """What was asked for cannot be done; the message says what is wrong and what to do."""


def simulate(arguments: argparse.Namespace, play: Player = play_scenario) -> int:
    """Carry out one command; gives the exit code."""
    out, err = _console(stderr=False), _console(stderr=True)
    # What the engine logs belongs to the simulated day; without a handler it would be printed.
    logging.getLogger("controller").addHandler(logging.NullHandler())
    try:
        if arguments.list:
            out.print(_catalogue())
            return EXIT_OK
        if arguments.scenario is None:
            err.print(f"{USAGE}\n\nThere are:")
            err.print(_catalogue())
            return EXIT_USAGE
        scenario = _scenario(arguments.scenario, arguments.canary)
        if arguments.replay is not None:
            return _replay(scenario, arguments.replay, play, out)
        return _play(arguments, scenario, play, out, err)
    except (ScenarioInvalid, Unusable) as error:
        say(error)
        return EXIT_USAGE
    except OSError as error:
        say(error)
        return EXIT_FAILED
    except KeyboardInterrupt:
        err.print("canaryctl: interrupted")
        return EXIT_INTERRUPTED


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        # A file has no width: lines break where they end, not where a terminal would.
        console.width = FILE_COLUMNS
    return console


def _play(
    arguments: argparse.Namespace, scenario: Scenario, play: Player, out: Console, err: Console
) -> int:
    _check_writable(arguments)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    workers = min(arguments.workers or os.cpu_count() or 1, len(seeds))
    days = []
    with (
        _progress(err, scenario.name, len(seeds)) as played,
        closing(play_days(scenario, seeds, play, workers=workers)) as coming,
    ):
        for day in coming:
            days.append(day)
            played(day)
    summary = summarise(scenario, days, _command(arguments))
    if arguments.json == STANDARD_OUTPUT:
        sys.stdout.write(as_json(summary))
    else:
        print_summary(summary, out)
    if arguments.json not in (None, STANDARD_OUTPUT):
        Path(arguments.json).write_text(as_json(summary), encoding="utf-8")
        err.print(Text(f"JSON: {arguments.json}", style="dim"))
    if arguments.html:
        arguments.html.write_text(_page(summary, play), encoding="utf-8")
        err.print(Text(f"Report: {arguments.html}", style="dim"))
    return EXIT_OK if summary.is_as_expected else EXIT_UNEXPECTED


def _page(summary: Summary, play: Player) -> str:
    # The same seed gives the same run: what was too much to keep of each is made once more.
    seed, scenario = summary.typical_seed, summary.scenario
    watched = play(scenario, seed, with_controller=True).outcome
    unwatched = play(scenario, seed, with_controller=False).outcome
    return as_html(summary, watched, unwatched)


def _replay(scenario: Scenario, seed: int, play: Player, out: Console) -> int:
    outcome = play(scenario, seed, with_controller=True).outcome
    print_timeline(scenario, outcome, out)
    return EXIT_OK if outcome.ending is scenario.expect and not outcome.broken else EXIT_UNEXPECTED


def _command(arguments: argparse.Namespace) -> str:
    canary = ["--canary", str(arguments.canary)] if arguments.canary else []
    return shlex.join(["canaryctl", "simulate", arguments.scenario, *canary])


def _catalogue() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for scenario in catalogue.scenarios(parse_policy):
        table.add_row(scenario.name, scenario.title)
    return table


def _scenario(asked: str, canary: Path | None) -> Scenario:
    if asked in catalogue.names():
        scenario = catalogue.scenario(asked, parse_policy)
    elif Path(asked).suffix in {".yaml", ".yml"} or Path(asked).exists():
        scenario = read_scenario(_text(Path(asked)), asked, parse_policy)
    else:
        raise Unusable(
            f"{asked} is no scenario and no file. canaryctl simulate --list names the scenarios; "
            "the name of a file ends in .yaml"
        )
    if canary is None:
        return scenario
    policy = read_canary(_text(canary), str(canary), parse_policy)
    return dataclasses.replace(scenario, policy=policy)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}. Give the path of a file to read") from error
    if len(data) > FILE_BYTES_MAX:
        raise Unusable(f"{path}: is longer than {FILE_BYTES_MAX} bytes. Make it shorter")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unusable(f"{path}:{line}: is not UTF-8. Save it as plain text in UTF-8") from error


def _check_writable(arguments: argparse.Namespace) -> None:
    """Say at once what could otherwise be said only after minutes of playing."""
    for name in (arguments.json, arguments.html):
        if name in (None, STANDARD_OUTPUT):
            continue
        folder = Path(name).parent
        if not folder.is_dir():
            raise Unusable(f"{name}: there is no folder {folder}. Make it, or name another file")


@contextmanager
def _progress(console: Console, name: str, total: int) -> Iterator[Callable[[Day], None]]:
    """A bar on standard error, while people look at it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(name, total=total)
        yield lambda _day: bar.advance(task)
