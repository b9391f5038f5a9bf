"""What a person sees of the demo: live in a terminal, line by line in a pipe."""

import os
import sys
from typing import Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from controller.adapters.slack.blocks import plain
from controller.demo.telling import Ending, Line, Told
from controller.demo.view import View
from controller.domain.records import ReplicaSet
from controller.domain.snapshot import Scene
from controller.domain.wording import chosen, finding_sentence
from controller.simulation.clock import BEGAN_AT
from controller.simulation.outcome import Outcome
from controller.simulation.report.words import spaced

FILE_COLUMNS: Final = 110
CLOCK_COLUMNS: Final = 9
KIND_COLUMNS: Final = 12
FINDINGS_MAX: Final = 4

STYLES: Final = {
    "push": "bold cyan",
    "crash": "bold red",
    "RollingBack": "bold red",
    "RolledBack": "bold green",
    "Promoted": "bold green",
    "Holding": "bold yellow",
    "slack": "magenta",
    "command": "bold cyan",
}


class ReaderGone(Exception):
    """Nobody reads what is written any more: a pipe was closed."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Be quiet from now on, at the interpreter's end as well."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ReaderGone


class Screen(Protocol):
    """Where the demo is shown."""

    def line(self, line: Line) -> None:
        """Something happened."""

    def told(self, told: Told) -> None:
        """A message to people, as they would read it."""

    def now(self, view: View) -> None:
        """How things are."""

    def say(self, text: str) -> None:
        """A word of the demo itself."""

    def table(self, ending: Ending, without: Outcome) -> None:
        """With and without the controller, side by side."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Pipe:
    """Plain text, one line for each thing that happened."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _Console(
            highlight=False, width=FILE_COLUMNS, no_color=True, soft_wrap=True
        )

    def line(self, line: Line) -> None:
        self._row(line.at, spaced(line.kind), STYLES.get(line.kind, ""), line.text)

    def told(self, told: Told) -> None:
        first, *rest = plain(told.notice).splitlines()
        self._row(told.at, "slack", STYLES["slack"], first)
        for text in (*rest, *told.notice.log.strip().splitlines()[-3:]):
            self._row(None, "", "", text)

    def _row(self, at: float | None, kind: str, style: str, text: str) -> None:
        clock = " " * CLOCK_COLUMNS if at is None else _clock(at)
        head = f"{clock}  {kind:{KIND_COLUMNS}}"
        if not self._console.is_terminal:
            self._console.print(Text(f"{head} {text}"))
            return
        # What does not fit into the line goes on below the text, not below the clock.
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_column(width=len(head), no_wrap=True)
        row.add_column()
        row.add_row(Text(head, style), Text(text))
        self._console.print(row)

    def now(self, view: View) -> None:
        """A pipe shows what happens, not how things are in between."""

    def say(self, text: str) -> None:
        self._console.print(Text(text, style="bold"))

    def table(self, ending: Ending, without: Outcome) -> None:
        self._console.print()
        self._console.print(comparison(ending, without))

    def close(self) -> None:
        """Nothing was changed."""


class Terminal:
    """A timeline that grows above a picture of how things are."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines = Pipe(console)
        self._live = Live(Text("starting"), console=console, refresh_per_second=8, transient=True)
        self._live.start()

    def line(self, line: Line) -> None:
        self._lines.line(line)

    def told(self, told: Told) -> None:
        self._lines.told(told)

    def now(self, view: View) -> None:
        if view.scenes:
            self._live.update(picture(view, view.scenes[0]))

    def say(self, text: str) -> None:
        self._lines.say(text)

    def table(self, ending: Ending, without: Outcome) -> None:
        self._lines.table(ending, without)

    def close(self) -> None:
        self._live.stop()


def screen() -> Screen:
    """The one that fits standard output."""
    console = _Console(highlight=False)
    return Terminal(console) if console.is_terminal else Pipe()


def picture(view: View, scene: Scene) -> Panel:
    """Phase, pods and evidence of one release."""
    status = scene.status
    head = Text.assemble(
        (spaced(status.phase.value), STYLES.get(status.phase.value, "bold")),
        "  ",
        status.message,
    )
    findings = [
        Text(f"  {finding_sentence(f)}", style="dim") for f in chosen(status.findings, FINDINGS_MAX)
    ]
    bars = [_bar(scene, rs) for rs in scene.replica_sets if rs.replicas or rs.ready]
    seconds = (view.at - BEGAN_AT).total_seconds()
    rows = [head, *bars, *findings]
    return Panel(Group(*rows), title=f"{scene.ref}  {_clock(seconds).strip()}", title_align="left")


def _bar(scene: Scene, rs: ReplicaSet) -> Text:
    """One revision: a block for each pod, filled when it is Ready."""
    stable = scene.status.stable
    role = "stable" if stable is not None and rs.fingerprint == stable.fingerprint else "canary"
    ready = min(rs.ready, rs.replicas)
    pods = "■" * ready + "□" * (rs.replicas - ready)
    colour = "green" if role == "stable" else "cyan"
    deaths = sum(pod.deaths for pod in scene.pods if pod.replica_set == rs.uid)
    crashes = f"  {deaths} died" if deaths else ""
    return Text.assemble(
        f"  {role:7}{rs.fingerprint:8}",
        (pods, colour),
        f"  {ready} of {rs.replicas} Ready",
        crashes,
    )


def comparison(ending: Ending, without: Outcome) -> Group:
    """What the bad release did to the users, with the controller and without it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("the release with the bug")
    table.add_column("with", justify="right")
    table.add_column("without", justify="right")
    by_people = f"{without.lasted_seconds / 60:.0f} min (people)"
    rows: tuple[tuple[str, str, str], ...] = (
        ("from its push to the decision", _seconds(ending.decided_seconds), "10 min (people)"),
        ("from its push until all is as before", _seconds(ending.done_seconds), by_people),
        ("processes that died", f"{ending.crashes}", f"{without.crashes}"),
        ("requests of users that failed for it", f"{ending.failed:,}", f"{without.failed_extra:,}"),
    )
    for row in rows:
        table.add_row(*row)
    return Group(Rule("with the controller, and without", align="left"), table)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _clock(seconds: float) -> str:
    return f"{seconds:{CLOCK_COLUMNS - 2}.1f} s"
