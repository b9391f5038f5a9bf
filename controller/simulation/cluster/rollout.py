"""What the deployment controller makes of a Deployment: facts in, wanted replicas out.

The algorithm is upstream's (pkg/controller/deployment of Kubernetes 1.36, sync.go and rolling.go),
without what nothing here depends on: progress deadlines, hash collisions, minReadySeconds.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

RECREATE: Final = "Recreate"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFacts:
    """A ReplicaSet as the deployment controller sees it.

    `available` is what its status says, `desired` and `most` are the annotations that it was
    scaled by last: the Deployment's replicas, and the same with the surge. `created_at` is in
    whole seconds, as timestamps are. `current`: of the Deployment's template.
    """

    name: str
    created_at: int
    replicas: int
    available: int = 0
    desired: int | None = None
    most: int | None = None
    current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A Deployment with its ReplicaSets. `surge` and `unavailable` in pods, see `fenceposts`.

    `total` is what the Deployment's status says of its pods.
    """

    replicas: int
    surge: int
    unavailable: int
    paused: bool = False
    strategy: str = "RollingUpdate"
    total: int = 0
    sets: tuple[SetFacts, ...] = ()

    @property
    def room(self) -> int:
        """The pods that a rollout may have at most."""
        return self.replicas + self.surge

    @property
    def current(self) -> SetFacts | None:
        return next((one for one in self.sets if one.current), None)

    @property
    def others(self) -> list[SetFacts]:
        """Oldest first."""
        return sorted((one for one in self.sets if not one.current), key=_age)


@dataclass(frozen=True, slots=True)
class Scaled:
    """A ReplicaSet is given so many replicas, and the annotations of the Deployment as it is."""

    name: str
    replicas: int


@dataclass(frozen=True, slots=True)
class Created:
    """A ReplicaSet of the Deployment's template is made, with so many replicas."""

    replicas: int


Step = Created | tuple[Scaled, ...]
"""What one pass does: after a creation it goes on at once with the new ReplicaSet."""


def next_step(facts: Facts) -> Step:
    """What the deployment controller does next; an empty tuple when there is nothing to do."""
    if facts.paused or _was_scaled(facts):
        return _changes(facts, _scale(facts))
    if facts.strategy == RECREATE:
        return _recreate(facts)
    if facts.current is None:
        return Created(max(0, min(facts.room - _pods(facts.sets), facts.replicas)))
    return _changes(facts, _roll(facts, facts.current))


def fenceposts(
    surge: int | str, unavailable: int | str, replicas: int, strategy: str
) -> tuple[int, int]:
    """Pods a rollout may have above `replicas`, and below; either may be written as "25%".

    A percentage of surge rounds up, one of unavailability down; were both none, one may be missing.
    """
    if strategy == RECREATE:
        return 0, 0
    above = math.ceil(_in_pods(surge, replicas))
    below = math.floor(_in_pods(unavailable, replicas))
    if above == 0 and below == 0:
        below = 1
    return above, min(below, replicas)


def current_of(sets: Sequence[tuple[str, int, str]], template: str) -> str | None:
    """The name of the ReplicaSet that counts as the template's: the oldest of that template.

    `sets` are name, creation in whole seconds, template.
    """
    same = [(created_at, name) for name, created_at, of in sets if of == template]
    return min(same)[1] if same else None


def _was_scaled(facts: Facts) -> bool:
    """Whether the Deployment's replicas changed since one of its active ReplicaSets was scaled."""
    return any(
        one.desired is not None and one.desired != facts.replicas
        for one in facts.sets
        if one.replicas > 0
    )


def _scale(facts: Facts) -> list[tuple[Scaled, bool]]:
    """Follow the replicas without rolling anything; True: the annotations are brought up to date.

    A single active ReplicaSet (or the latest, when there is none) gets all pods.
    """
    active = [one for one in facts.sets if one.replicas > 0]
    if len(active) <= 1:
        only = active[0] if active else _latest(facts)
        return [(Scaled(only.name, facts.replicas), False)] if only else []
    current = facts.current
    if current is not None and _is_saturated(facts, current):
        return [(Scaled(one.name, 0), False) for one in facts.others if one.replicas > 0]
    if facts.strategy == RECREATE:
        return []
    return [(scaled, True) for scaled in _in_proportion(facts, active)]


def _latest(facts: Facts) -> SetFacts | None:
    return facts.current or (facts.others[-1] if facts.others else None)


def _is_saturated(facts: Facts, current: SetFacts) -> bool:
    """Whether the current ReplicaSet alone is the whole Deployment already."""
    return current.replicas == current.desired == current.available == facts.replicas


def _in_proportion(facts: Facts, active: list[SetFacts]) -> list[Scaled]:
    """All together get `room` pods; who has more gets more, and the largest what is left over."""
    to_add = (facts.room if facts.replicas > 0 else 0) - _pods(active)
    if to_add == 0:
        return [Scaled(one.name, one.replicas) for one in active]
    # Of equal ones the newer is scaled up first, the older down.
    newer_first = sorted(active, key=_age, reverse=to_add > 0)
    largest_first = sorted(newer_first, key=lambda one: -one.replicas)
    sizes = []
    added = 0
    for one in largest_first:
        part = _proportion(facts, one, to_add, added)
        sizes.append(one.replicas + part)
        added += part
    sizes[0] = max(0, sizes[0] + to_add - added)
    return [Scaled(one.name, size) for one, size in zip(largest_first, sizes, strict=True)]


def _proportion(facts: Facts, one: SetFacts, to_add: int, added: int) -> int:
    if to_add == added:
        return 0
    share, allowed = _share(facts, one), to_add - added
    return min(share, allowed) if to_add > 0 else max(share, allowed)


def _share(facts: Facts, one: SetFacts) -> int:
    """How many pods more (or fewer) a ReplicaSet would have were it to keep its share."""
    if facts.replicas == 0:
        return -one.replicas
    before = one.most or facts.total
    if before == 0:
        return 0
    # Upstream rounds half up, unlike Python.
    return math.floor(one.replicas * facts.room / before + 0.5) - one.replicas


def _roll(facts: Facts, current: SetFacts) -> list[tuple[Scaled, bool]]:
    """A rolling update: up within the surge; if not, down within what may be unavailable."""
    size = _size_of_current(facts, current)
    if size != current.replicas:
        return [(Scaled(current.name, size), False)]
    least = facts.replicas - facts.unavailable
    unready = current.replicas - current.available
    spare = _pods(facts.sets) - least - unready
    if spare <= 0:
        return []
    cleaned = _without_unhealthy(facts.others, spare)
    if cleaned is None:
        return []
    left = _scaled_down(cleaned, current.available + _available(cleaned) - least)
    return [(Scaled(one.name, one.replicas), False) for one in left]


def _size_of_current(facts: Facts, current: SetFacts) -> int:
    if current.replicas >= facts.replicas:
        return facts.replicas
    free = facts.room - _pods(facts.sets)
    return current.replicas + max(0, min(free, facts.replicas - current.replicas))


def _without_unhealthy(others: list[SetFacts], spare: int) -> list[SetFacts] | None:
    """Pods that are not available go first; None when a status is too old to tell."""
    result = []
    for one in others:
        cut = 0
        if one.replicas > 0 and spare > 0:
            cut = min(spare, one.replicas - one.available)
            if cut < 0:
                return None
        spare -= cut
        result.append(replace(one, replicas=one.replicas - cut))
    return result


def _scaled_down(others: list[SetFacts], spare: int) -> list[SetFacts]:
    """The oldest first."""
    result = []
    for one in others:
        cut = max(0, min(one.replicas, spare))
        spare -= cut
        result.append(replace(one, replicas=one.replicas - cut))
    return result


def _recreate(facts: Facts) -> Step:
    """Every old pod ends before the first new one begins."""
    if any(one.replicas > 0 for one in facts.others):
        return tuple(Scaled(one.name, 0) for one in facts.others if one.replicas > 0)
    current = facts.current
    if current is None:
        return Created(facts.replicas) if facts.total == 0 else ()
    return _changes(facts, [(Scaled(current.name, facts.replicas), False)])


def _changes(facts: Facts, scaled: list[tuple[Scaled, bool]]) -> tuple[Scaled, ...]:
    """Those that differ from what is so."""
    known = {one.name: one for one in facts.sets}
    return tuple(
        one
        for one, annotated in scaled
        if known[one.name].replicas != one.replicas
        or (annotated and (known[one.name].desired, known[one.name].most) != _marks(facts))
    )


def _marks(facts: Facts) -> tuple[int, int]:
    return facts.replicas, facts.room


def _age(one: SetFacts) -> tuple[int, str]:
    return one.created_at, one.name


def _pods(sets: Sequence[SetFacts]) -> int:
    return sum(one.replicas for one in sets)


def _available(sets: Sequence[SetFacts]) -> int:
    return sum(one.available for one in sets)


def _in_pods(value: int | str, replicas: int) -> float:
    if isinstance(value, int):
        return value
    assert re.fullmatch(r"\d+%", value), f"neither a number nor a percentage: {value!r}"
    return replicas * int(value[:-1]) / 100
