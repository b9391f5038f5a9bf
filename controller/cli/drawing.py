"""How a Canary looks: drawn live in a terminal, on paper once, or line by line into a pipe."""

import os
import sys
from datetime import datetime
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from controller.adapters.kube.looking import Sight
from controller.cli.getting import problem_words, step_words
from controller.cli.output import put
from controller.cli.parts import family_of, parts_of, phase_text, pods_words

__all__ = ["Canvas", "Paper", "canvas", "parts_of"]

FILE_COLUMNS: Final = 120


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads what is written any more: the command ends, without a word."""
        raise BrokenPipeError


def console() -> Console:
    """Colours and the terminal's width where there is one, else neither."""
    if sys.stdout.isatty():
        return _Console(highlight=False, no_color=bool(os.environ.get("NO_COLOR")) or None)
    return _Console(highlight=False, no_color=True, width=FILE_COLUMNS)


class Paper:
    """Where it is shown once."""

    def __init__(self, where: Console | None = None) -> None:
        self._console = where or console()

    def show(self, parts: tuple[RenderableType, ...]) -> None:
        """Print all of it."""
        if self._console.is_terminal:
            self._console.print(Group(*parts))
            return
        # What rich fills up to a column's width would only be blanks at the ends of lines.
        with self._console.capture() as printed:
            self._console.print(Group(*parts))
        for line in printed.get().splitlines():
            put(line.rstrip())


class Canvas(Protocol):
    """Where it is shown again and again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def now(self, sight: Sight, now: datetime, trouble: str) -> None:
        """How things are; `trouble`: why that may be old."""

    def say(self, text: str) -> None:
        """A word of the command itself."""


class Screen:
    """Drawn in place; the last picture stays."""

    def __init__(self, where: Console, *, wide: bool = False) -> None:
        self._console = where
        self._wide = wide
        self._live = Live(
            Text("looking"),
            console=where,
            auto_refresh=False,
            vertical_overflow="ellipsis",
        )
        self._cut_since: datetime | None = None
        self._shown: object = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def now(self, sight: Sight, now: datetime, trouble: str) -> None:
        self._cut_since = (self._cut_since or now) if trouble else None
        if self._cut_since is None:
            head = Text(f"{now:%H:%M:%S} UTC, live; Ctrl-C ends", style="dim")
        else:
            head = Text(
                f"{now:%H:%M:%S} UTC, as it was at {self._cut_since:%H:%M:%S}: the API server does "
                f"not answer, trying again ({trouble})",
                style="bold red",
            )
        # Only what differs is drawn again: at most once a second, by the clock.
        shown = (now.replace(microsecond=0), sight, trouble)
        if shown != self._shown:
            self._shown = shown
            parts = parts_of(sight, now, wide=self._wide)
            self._live.update(Group(head, *parts), refresh=True)

    def say(self, text: str) -> None:
        self._console.print(Text(text, style="bold"))


class Pipe:
    """One line for each change."""

    def __init__(self, where: Console) -> None:
        self._console = where
        self._before = ""
        self._was_in_trouble = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was changed."""

    def now(self, sight: Sight, now: datetime, trouble: str) -> None:
        if bool(trouble) != self._was_in_trouble:
            self._was_in_trouble = bool(trouble)
            said = "is heard again" if not trouble else f"does not answer, trying again: {trouble}"
            self._line(now, f"the API server {said}")
        line = _in_a_line(sight)
        if line != self._before:
            self._before = line
            self._line(now, line)

    def say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False)

    def _line(self, now: datetime, text: str) -> None:
        self._console.print(f"{now:%Y-%m-%dT%H:%M:%SZ}  {text}", soft_wrap=True, markup=False)
        self._console.file.flush()


def canvas(*, wide: bool) -> Canvas:
    """The one that fits standard output."""
    where = console()
    return Screen(where, wide=wide) if where.is_terminal else Pipe(where)


def _in_a_line(sight: Sight) -> str:
    scene = sight.scene
    family = family_of(scene)
    step = step_words(scene)
    words = [phase_text(scene.status.phase).plain]
    if step != "-":
        words.append(f"step {step}")
    if scene.workload is not None:
        if family.canary is not None:
            words.append(f"canary {pods_words(family.canary, family.canary_pods)}")
        words.append(f"stable {pods_words(family.stable, family.stable_pods)}")
    words.append(problem_words(scene) or scene.status.message)
    return "  ".join(word for word in words if word)
