"""The demo's releases at one instant, for the API and the pages."""

from dataclasses import dataclass
from datetime import datetime

from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.engine.course import Course
from controller.engine.journal import Entry


@dataclass(frozen=True, slots=True)
class View:
    """The releases at one instant; nothing in it changes, so that any thread may read it."""

    at: datetime
    scenes: tuple[Scene, ...] = ()
    journal: tuple[Entry, ...] = ()
    courses: tuple[tuple[Ref, Course], ...] = ()
    epoch: str = "0"

    def now(self) -> datetime:
        return self.at

    def refs(self) -> tuple[Ref, ...]:
        return tuple(scene.ref for scene in self.scenes)

    def scene(self, ref: Ref) -> Scene | None:
        return next((scene for scene in self.scenes if scene.ref == ref), None)

    def entries(self, ref: Ref) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.journal if entry.ref == ref)

    def course(self, ref: Ref) -> Course | None:
        return dict(self.courses).get(ref)

    def since(self, number: int) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.journal if entry.number > number)
