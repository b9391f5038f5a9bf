"""A campaign as text: for a terminal, and plain for a pipe or a file."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from controller.simulation.outcome import Outcome
from controller.simulation.report.statistics import Spread
from controller.simulation.report.summary import NOT_ENDED, Summary, name_of
from controller.simulation.report.words import (
    clock,
    interval,
    median_and_p90,
    number,
    seconds,
    share,
    spaced,
)
from controller.simulation.scenario import Scenario

SEEDS_SHOWN_MAX = 5


def print_summary(summary: Summary, console: Console) -> None:
    """The numbers that people ask for, and how to look closer."""
    console.print(_lines(summary))


def _lines(summary: Summary) -> RenderableType:
    scenario = summary.scenario
    return Group(
        Text.assemble((scenario.title, "bold"), (f"  ({scenario.name})", "dim")),
        Text(_what_was_played(summary), style="dim"),
        Text(),
        Padding.indent(_endings(summary), 2),
        Text(),
        Padding.indent(_numbers(summary), 2),
        Text(),
        *_verdict(summary),
    )


def _what_was_played(summary: Summary) -> str:
    first, last = summary.days[0].seed, summary.days[-1].seed
    seeds = f"seed {first}" if first == last else f"seeds {first} to {last}"
    return f"{share_of_runs(len(summary.days))}: {seeds}"


def share_of_runs(count: int) -> str:
    return "1 run" if count == 1 else f"{number(count)} runs"


def _endings(summary: Summary) -> Table:
    table = _grid("ended", "runs", "95 % interval", "healthy twin")
    for name, found in summary.endings.shares.items():
        twin = summary.endings_twin.shares[name]
        if name == NOT_ENDED and not found.count and not twin.count:
            continue
        expected = name == summary.scenario.expect.value
        table.add_row(
            spaced(name) + (" (expected)" if expected else ""),
            share(found),
            interval(found),
            share(twin),
            style="" if found.count or expected else "dim",
        )
    return table


def _numbers(summary: Summary) -> Table:
    table = _grid("", "median", "p90")
    for words, found in (
        ("from the first harm to the decision to roll back", summary.detected),
        ("from the push to the decision to roll back", summary.decided),
        ("from the push to the end of the release", summary.ended),
    ):
        table.add_row(words, *median_and_p90(found))
    people = summary.scenario.people_seconds
    without = f"people roll back after {seconds(people)}" if people else "nobody rolls back"
    for words, counts in (
        ("users' requests that failed for the release", summary.failed),
        (f"  without the controller ({without})", summary.failed_unwatched),
        ("processes that died", summary.crashes),
        ("  without the controller", summary.crashes_unwatched),
    ):
        table.add_row(words, *_counts(counts))
    return table


def _counts(found: Spread) -> tuple[str, str]:
    return number(found.median), number(found.p90)


def _grid(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _verdict(summary: Summary) -> Iterator[Text]:
    expected = spaced(summary.scenario.expect.value)
    good = summary.is_as_expected
    words = f"{share(summary.as_expected)} ended as expected: {expected}."
    yield Text(words, style="green" if good else "yellow")
    false = summary.false_rollbacks
    of = "the release" if not summary.scenario.canary_defects else "its healthy twin"
    yield Text(f"False rollbacks of {of}: {share(false)} (95 % interval {interval(false)}).")
    for seed, sentence in summary.broken[:SEEDS_SHOWN_MAX]:
        yield Text(f"Seed {seed} broke a promise: {sentence}", style="red")
    for day in summary.unexpected[:SEEDS_SHOWN_MAX]:
        run = day.watched
        yield Text(f"  seed {day.seed}: {spaced(name_of(run.ending))}. {run.reason}".rstrip())
    more = len(summary.unexpected) - SEEDS_SHOWN_MAX
    if more > 0:
        yield Text(f"  and {more} more")
    shown = summary.unexpected[0].seed if summary.unexpected else summary.typical_seed
    what = "The first of them" if summary.unexpected else "A typical run"
    yield Text(f"{what}: {summary.command} --replay {shown}", style="dim")


def print_timeline(scenario: Scenario, outcome: Outcome, console: Console) -> None:
    """What happened in one run, in order."""
    title = Text.assemble((scenario.title, "bold"), (f"  (seed {outcome.seed})", "dim"))
    console.print(title, Text(), sep="\n")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for milestone in outcome.milestones:
        table.add_row(clock(milestone.at), Text(milestone.what))
    console.print(Padding.indent(table, 2))
    ended = spaced(name_of(outcome.ending))
    console.print(
        Text(),
        Text(
            f"The release {'was ' if ended != 'not ended' else 'had '}{ended} "
            f"after {seconds(outcome.ended_at or outcome.lasted_seconds)}; "
            f"{number(outcome.failed_extra)} requests failed for it, "
            f"processes that died: {number(outcome.crashes)}."
        ),
        sep="\n",
    )
