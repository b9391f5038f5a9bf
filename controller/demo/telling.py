"""What is told of the demo as it plays, in plain words."""

from collections.abc import Callable
from dataclasses import dataclass

from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind, Status
from controller.simulation.trace import Committed, Did, Died, Trace
from controller.simulation.trace import Told as Delivered
from controller.simulation.world import REF


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something to be shown: at which second of the story, and of what kind."""

    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """People are told: what would go to Slack."""

    at: float
    ref: Ref
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the story ended. Seconds count from the push of the bad release.

    `by_people`: somebody gave commands meanwhile, so that it may have ended in another way.
    """

    promoted: bool
    rolled_back: bool
    by_people: bool
    failed: int
    crashes: int
    decided_seconds: float | None
    done_seconds: float | None


Shown = Line | Told | Ending


class Narrator:
    """Tells in plain words what a trace says, as it grows."""

    def __init__(self, show: Callable[[Shown], None]) -> None:
        self._statuses: dict[Ref, Status] = {}
        self._show = show
        self._position = 0

    def status(self, ref: Ref) -> Status:
        """What was told of last."""
        return self._statuses.get(ref, Status())

    def catch_up(self, trace: Trace) -> None:
        """Tell what is new."""
        for entry in trace.entries[self._position :]:
            if isinstance(entry, Did):
                self._line(entry.at, "push", f"{entry.detail} is applied to the Deployment")
            elif isinstance(entry, Died):
                self._line(entry.at, "crash", f"{entry.pod} died ({entry.reason})")
            elif isinstance(entry, Committed):
                self._committed(entry)
            elif isinstance(entry, Delivered) and entry.notice.kind is not NoticeKind.STEP_PASSED:
                # That one only brings a message up to date, and the line above says the same.
                self._show(Told(at=entry.at, ref=entry.ref, notice=entry.notice))
        self._position = len(trace.entries)

    def forget(self, trace: Trace) -> None:
        """Drop what was told: a demo may be left running for days."""
        self.catch_up(trace)
        trace.entries.clear()
        self._position = 0

    def _committed(self, entry: Committed) -> None:
        before, after = self.status(entry.ref), entry.status
        self._statuses[entry.ref] = after
        # There is one that everything is about; of others it is said which.
        whose = "" if entry.ref == REF else f"{entry.ref.name}: "
        known = {command.id for command in before.commands}
        for command in after.commands:
            if command.id not in known:
                self._line(entry.at, "command", f"{whose}{command.answer}")
        steps = [status.release.step if status.release else 0 for status in (before, after)]
        if before.phase is not after.phase or steps[0] != steps[1]:
            self._line(entry.at, after.phase.value, f"{whose}{after.message}")

    def _line(self, at: float, kind: str, text: str) -> None:
        self._show(Line(at=at, kind=kind, text=text))
