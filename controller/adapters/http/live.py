"""The releases of a running engine, read in its own event loop: no await comes in between."""

from dataclasses import dataclass
from datetime import datetime

from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.engine.course import Course, Courses
from controller.engine.journal import Entry, Journal
from controller.engine.ports import Clock, Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What is known now."""

    cluster: Cluster
    journal: Journal
    courses: Courses
    clock: Clock

    def now(self) -> datetime:
        return self.clock.now()

    def refs(self) -> tuple[Ref, ...]:
        return self.cluster.refs()

    def scene(self, ref: Ref) -> Scene | None:
        return self.cluster.scene(ref)

    def entries(self, ref: Ref) -> tuple[Entry, ...]:
        return self.journal.of(ref)

    def course(self, ref: Ref) -> Course | None:
        return self.courses.of(ref)

    @property
    def epoch(self) -> str:
        return self.journal.epoch

    def since(self, number: int) -> tuple[Entry, ...]:
        return self.journal.since(number)
