"""The gate as the admission policy has it: a changed template comes back paused, marked as held."""

from dataclasses import replace

from controller.simulation.cluster.objects import Manifest
from controller.simulation.cluster.rollout import RECREATE


def admitted(before: Manifest, after: Manifest, generation: int) -> Manifest:
    """What becomes of a write by anybody but us; `generation` is the one before it."""
    if not _is_watched(before, after) or not _needs_hold(before, after):
        return after
    return replace(after, paused=True, mark=str(generation + 1))


def _is_watched(before: Manifest, after: Manifest) -> bool:
    # Before or after: a `kubectl replace` drops the label, and is held all the same.
    labelled = before.opted_in is not None or after.opted_in is not None
    has_pods = before.replicas > 0 and after.replicas > 0
    return labelled and has_pods and after.strategy != RECREATE and after.skip is None


def _needs_hold(before: Manifest, after: Manifest) -> bool:
    forgotten = before.paused and before.mark and not after.paused and after.mark is None
    changed = before.template != after.template
    by_a_person = after.paused and after.mark is None
    return bool((changed or forgotten) and not by_a_person)
