"""What the API and the pages may ask for: a view of the releases as they are now."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.engine.course import Course
from controller.engine.journal import Entry


class Releases(Protocol):
    """One consistent view. Nothing in it changes while an answer is made of it."""

    def now(self) -> datetime:
        """The instant of this view."""
        ...

    def refs(self) -> tuple[Ref, ...]:
        """Every Canary there is."""
        ...

    def scene(self, ref: Ref) -> Scene | None:
        """What is known of one; None when there is no such Canary."""
        ...

    def entries(self, ref: Ref) -> tuple[Entry, ...]:
        """What was decided about it, oldest first, as far back as is remembered."""
        ...

    def course(self, ref: Ref) -> Course | None:
        """How its release that runs, or ran last, went over time; None: none was seen."""
        ...

    @property
    def epoch(self) -> str:
        """Tells the numbers of this process's entries from those of another."""
        ...

    def since(self, number: int) -> tuple[Entry, ...]:
        """What was decided about all of them after the entry of this number, oldest first."""
        ...


Source = Callable[[], Releases]
"""Asked once for each request."""
