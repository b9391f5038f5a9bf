"""What was decided and when, in memory: the last entries, for people and replay."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Final

from controller.domain.case import Plan
from controller.domain.changes import Occurrence
from controller.domain.records import Ref
from controller.domain.snapshot import Scene, Snapshot
from controller.domain.status import Status

# An entry is some 60 KB at 20 segments and 13 pods: 30 MB in all, however many releases run.
ENTRIES_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision: what was seen and what came of it. `number` counts all Canaries' from 1.

    Not `decided` is what another process decided, as far as a status shows it: it says nothing of
    what was seen there.
    """

    ref: Ref
    snapshot: Snapshot
    plan: Plan
    number: int = 0
    decided: bool = True


@dataclass(slots=True)
class Journal:
    """A ring of the decisions that did more than weigh.

    `epoch` tells the numbers of this process from those of another. `kept` is told of each entry,
    and must neither wait nor fail.
    """

    epoch: str = "0"
    kept: Callable[[Entry], None] = lambda _entry: None
    last: int = 0
    _entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=ENTRIES_MAX))

    def record(self, ref: Ref, snapshot: Snapshot, plan: Plan) -> None:
        """Keep a decision, if it did more than weigh."""
        if plan.change is not None or plan.occurrences or _moved(snapshot, plan):
            self.kept(self._add(ref, snapshot, plan, decided=True))

    def witness(self, scene: Scene, before: Status, now: datetime) -> None:
        """Keep what another process did, if its status moved on from `before`."""
        after = scene.status
        if before.phase is after.phase and before.commands == after.commands:
            return
        told = Occurrence(reason=after.phase.value, message=after.message)
        snapshot = Snapshot(scene=replace(scene, status=before), now=now)
        plan = Plan(status=after, occurrences=(told,))
        self._add(scene.ref, snapshot, plan, decided=False)

    def _add(self, ref: Ref, snapshot: Snapshot, plan: Plan, *, decided: bool) -> Entry:
        self.last += 1
        entry = Entry(ref, snapshot, plan, self.last, decided)
        self._entries.append(entry)
        return entry

    def of(self, ref: Ref) -> tuple[Entry, ...]:
        """Those of a Canary, oldest first."""
        return tuple(entry for entry in self._entries if entry.ref == ref)

    def since(self, number: int) -> tuple[Entry, ...]:
        """Those with a higher number, oldest first, as far back as is remembered."""
        first = bisect_right(self._entries, number, key=lambda entry: entry.number)
        return tuple(islice(self._entries, first, None))


def _moved(snapshot: Snapshot, plan: Plan) -> bool:
    return snapshot.scene.status.phase is not plan.status.phase
