"""The list of Canaries: what needs a person first, then what runs, then what is quiet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from controller.adapters.http.pagestages import State
from controller.adapters.http.pagewords import CORRECT, NEEDS
from controller.adapters.http.portrait import glance
from controller.adapters.http.releases import Releases
from controller.adapters.http.shapes import GlanceShape
from controller.domain.lifecycle import AT_REST, Phase
from controller.domain.records import Problem, Ref
from controller.domain.snapshot import Scene

ROWS_MAX: Final = 300


class Group(StrEnum):
    """How much a Canary concerns a person who looks."""

    NEEDS = "needs"
    RUNS = "runs"
    QUIET = "quiet"


TITLES: Final = {
    Group.NEEDS: "Needs a person",
    Group.RUNS: "Running",
    Group.QUIET: "Quiet",
}
NOTHING: Final = {
    Group.NEEDS: "Nothing waits for anybody.",
    Group.RUNS: "No release is under way.",
    Group.QUIET: "All Canaries are above.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A Canary in the list. `why` is what a person has to do, `problem` what is wrong with it."""

    glance: GlanceShape
    group: Group
    why: str
    problem: str

    @property
    def id(self) -> str:
        return f"{self.glance.namespace}.{self.glance.name}"

    @property
    def stages(self) -> tuple[State, ...]:
        """The steps of a release that runs, as far as it has come."""
        step, steps = self.glance.step, self.glance.steps
        if step is None or steps is None or self.group is Group.QUIET:
            return ()
        past = self.glance.phase in {Phase.PROMOTING, Phase.BAKING}
        held = self.glance.phase is Phase.HOLDING
        back = self.glance.phase is Phase.ROLLING_BACK
        now = State.HELD if held else State.FAILED if back else State.NOW
        return tuple(
            State.DONE if past or number < step else now if number == step else State.TO_COME
            for number in range(1, steps + 1)
        )

    @property
    def order(self) -> float:
        """Larger comes first: what changed last. What waits longest for a person comes first."""
        at = _seconds(self.glance.since)
        return -at if self.group is Group.NEEDS else at


def row(scene: Scene) -> Row:
    """One Canary's line."""
    said, problem = glance(scene), _problem(scene)
    why = CORRECT if problem else NEEDS.get(said.phase, "")
    calm = Group.QUIET if said.phase in AT_REST else Group.RUNS
    group = Group.NEEDS if why else calm
    return Row(glance=said, group=group, why=why, problem=problem)


def rows(releases: Releases, refs: Iterable[Ref], phase: str = "") -> list[Row]:
    """Those of these Canaries that are in this phase (empty: in any), the most urgent first."""
    scenes = (releases.scene(ref) for ref in sorted(refs))
    made = [row(scene) for scene in scenes if scene is not None]
    groups = list(Group)
    return sorted(
        (one for one in made if not phase or one.glance.phase == phase),
        key=lambda one: (groups.index(one.group), -one.order),
    )


def _problem(scene: Scene) -> str:
    if isinstance(scene.policy, Problem):
        return str(scene.policy)
    if scene.workload is None:
        return "The Deployment that it names does not exist."
    return str(scene.intent) if isinstance(scene.intent, Problem) else ""


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0
