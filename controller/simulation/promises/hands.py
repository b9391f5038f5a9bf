"""S7: nothing foreign, not opted in, or paused by a person is ever written."""

from collections.abc import Iterator

from controller.domain.policy import Mode
from controller.simulation.promises.story import Deed, Story, paused_by_a_person
from controller.simulation.trace import Applied, Shown


def hands_off(story: Story) -> Iterator[str]:
    """S7: only the Deployment that the Canary names, and not while a person has paused it."""
    for moment in story.moments():
        entry = moment.entry
        foreign = isinstance(entry, Shown) and entry.workload != story.target
        if foreign and moment.ours:
            assert isinstance(entry, Shown)
            yield f"at {entry.at:.3f} s {entry.by} wrote {entry.workload}, which it does not watch"
        if isinstance(entry, Applied) and entry.ref != story.target and entry.real:
            yield f"at {entry.at:.3f} s {entry.process} acted on {entry.ref}"
    for deed in story.deeds():
        who = f"at {deed.at:.3f} s {deed.after.by}"
        if deed.matters and paused_by_a_person(deed.before):
            yield f"{who} wrote the Deployment that a person had paused"
        if deed.matters and not _may_enforce(story, deed):
            yield f"{who} wrote the Deployment in mode Observe"


def _may_enforce(story: Story, deed: Deed) -> bool:
    """Observe may still lift a pause of ours that Enforce has left behind."""
    if story.scenario.policy.mode is Mode.ENFORCE:
        return True
    return deed.before.mark is not None and not deed.after.paused
