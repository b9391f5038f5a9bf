"""The results as tables on a terminal, and as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.bench.decision.figures import Figure
from tests.bench.decision.summary import Result, Row, wilson

WIDTH_MIN: Final = 200  # the table of all rules is wide; a file or a pipe has no width of its own
REACHED: Final = {True: "yes", False: "[bold]NO[/bold]", None: "too few releases"}
WRITTEN: Final = (
    "scenario",
    "rule",
    "rollback_rate",
    "median_s",
    "p90_s",
    "limit_s",
    "promote_rate",
    "promote_median_s",
)


def show(
    results: Sequence[Result], asked: Sequence[Figure], console: Console | None = None
) -> None:
    """Prints our own table, that of all rules, and the figures of the issue."""
    wide = console or Console()
    wide.width = max(wide.width, WIDTH_MIN)
    wide.print(_ours(results), _all_rules(results), _asked(asked))


def write(results: Sequence[Result], file: Path) -> None:
    """All rows as JSON; null where there is no such figure."""
    rows = [{name: getattr(row, name) for name in WRITTEN} for each in results for row in each.rows]
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _ours(results: Sequence[Result]) -> Table:
    table = Table(title="bets: delays after the onset")
    for column in ("scenario", "releases", "rolled back", "95 %", "before onset"):
        table.add_column(column, justify="left" if column == "scenario" else "right")
    for column in ("median", "p90", "limit", "median/limit", "promoted", "median"):
        table.add_column(column, justify="right")
    for result in results:
        row = result.bets
        low, high = wilson(row.rollback_rate, row.lanes)
        table.add_row(
            row.scenario,
            str(row.lanes),
            f"{row.rollback_rate:.2%}",
            f"{low:.2%} to {high:.2%}",
            f"{row.early_rate:.2%}" if result.scenario.onset_seconds > 0 else "",
            _seconds(row.median_s),
            _seconds(row.p90_s),
            "" if row.limit_s is None else f"{row.limit_s:.1f} s",
            "" if row.ratio is None else f"{row.ratio:.2f}",
            f"{row.promote_rate or 0.0:.1%}",
            _seconds(row.promote_median_s),
        )
    return table


def _all_rules(results: Sequence[Result]) -> Table:
    table = Table(title="all rules on the same traces: share rolled back / median delay")
    table.add_column("scenario", min_width=24)
    for row in results[0].rows if results else ():
        table.add_column(row.rule, justify="right")
    for result in results:
        table.add_row(result.scenario.name, *(_cell(row) for row in result.rows))
    return table


def _cell(row: Row) -> str:
    return f"{row.rollback_rate:.1%} / {_seconds(row.median_s)}"


def _asked(asked: Sequence[Figure]) -> Table:
    table = Table(title="what the issue asks for")
    for column in ("figure", "target", "measured", "reached"):
        table.add_column(column)
    for figure in asked:
        table.add_row(figure.what, figure.target, figure.measured, REACHED[figure.reached])
    return table


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:g} s"
