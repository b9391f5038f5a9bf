"""How pods are shared out while the workload is held, without ever losing capacity."""

from controller.domain.case import Case
from controller.domain.changes import Scale
from controller.domain.records import ReplicaSet


def scaled(case: Case, canary_pods: int, *, given_up: int = 0) -> Scale | None:
    """The next scaling towards `canary_pods`, stable with the rest, and nothing else; None if done.

    The sum stays at replicas + surge: anything short of it is topped up by the deployment
    controller on the largest ReplicaSet. Ready pods are taken away only as far as the user's
    `maxUnavailable` allows, so a large move takes several looks. The canary never has as many pods
    as the workload: the deployment controller would take stable to none. `given_up` are Ready pods
    that may be missed beyond that, where nothing else leads on.
    """
    workload, family = case.workload, case.family
    if family.stable is None or not is_settled(case):
        return None
    limit, spare = _limit(case), _spare(case) + given_up
    canary = family.canary
    target: dict[str, int] = {}
    # While a canary is as large as stable it would get the pods that others lose: they stay.
    goes_to_stable = canary is None or family.stable.replicas > canary.replicas
    for rs in family.others:
        kept = 0 if goes_to_stable or canary_pods == 0 else rs.replicas
        target[rs.name], spare = _cut(rs, kept, spare)
    if canary is not None and canary.replicas > canary_pods:
        kept, spare = _cut(canary, canary_pods, spare)
        target[canary.name] = max(0, min(kept, workload.replicas - 1))
    room = limit - sum(target.values())
    if canary is None or canary.name in target:
        target[family.stable.name] = max(0, room)
    elif target and not goes_to_stable and canary_pods > 0:
        target |= _paid_by_others(case, canary, room - canary.replicas + spare, canary_pods)
    else:
        stable, _ = _cut(family.stable, room - canary_pods, spare)
        target[family.stable.name] = max(stable, room - canary_pods)
        target[canary.name] = max(0, min(canary_pods, room - target[family.stable.name]))
    return _as_change(case, target)


def _paid_by_others(case: Case, canary: ReplicaSet, room: int, canary_pods: int) -> dict[str, int]:
    """Growth beside others that stay, in this `room`: the canary first, then stable.

    Each pod too many is taken from the largest revision, so both stay smaller than that.
    """
    stable = case.family.stable
    assert stable is not None, "whoever asks has stable"
    largest = max(rs.replicas for rs in case.family.others)
    room -= stable.replicas
    more = max(0, min(canary_pods - canary.replicas, largest - 1 - canary.replicas, room))
    room -= more
    back = max(0, min(largest - 1 - stable.replicas, room))
    return {canary.name: canary.replicas + more, stable.name: stable.replicas + back}


def cleared(case: Case) -> Scale | None:
    """What takes other revisions' pods away, as far as capacity allows, before a canary's first.

    With three revisions at once a small Deployment has no number of pods that the deployment
    controller would leave as it is. Stable's are left to it: it brings up the largest revision, so
    nothing is taken from one that would be the largest still, or as large as stable: it would get
    its pods back, and lose them again, for ever. None when nothing can go.
    """
    stable = case.family.stable
    if stable is None:
        return None
    spare = _spare(case)
    target: dict[str, int] = {}
    for rs in case.family.others:
        target[rs.name], spare = _cut(rs, 0, spare)
    if any(kept >= stable.replicas for kept in target.values()):
        return None
    return _as_change(case, target)


def seedable(case: Case) -> int:
    """Canary pods that can be added at once without the deployment controller taking Ready ones.

    It makes room for whatever exceeds replicas + surge, and does not ask for `maxUnavailable`.
    """
    return max(1, _limit(case) - _wanted(case) + _spare(case))


def is_settled(case: Case) -> bool:
    """Whether the deployment controller has nothing left to do that is seen already.

    It is about to act itself on a change of the Deployment, and on more pods than there may be:
    what it takes away then is not known yet, and must not be taken a second time.
    """
    workload = case.workload
    return workload.observed_generation >= workload.generation and _wanted(case) <= _limit(case)


def _limit(case: Case) -> int:
    return case.workload.replicas + case.workload.max_surge


def _wanted(case: Case) -> int:
    return sum(rs.replicas for rs in case.snapshot.scene.replica_sets)


def _spare(case: Case) -> int:
    """Ready pods more than the user's strategy asks for."""
    workload = case.workload
    return max(0, _ready(case) - (workload.replicas - workload.max_unavailable))


def _ready(case: Case) -> int:
    """Ready pods that stay: after a cut, the count of those that leave is old for a moment."""
    return sum(min(rs.ready, rs.replicas) for rs in case.snapshot.scene.replica_sets)


def _cut(rs: ReplicaSet, wanted: int, spare: int) -> tuple[int, int]:
    """Pods to keep when going down to `wanted` with `spare` Ready pods to lose, and what is left.

    The ReplicaSet controller deletes pods that are not Ready first: they cost nothing.
    """
    excess = max(0, rs.replicas - wanted)
    unready = max(0, rs.replicas - rs.ready)
    cut = min(excess, unready + spare)
    return rs.replicas - cut, spare - max(0, cut - unready)


def _as_change(case: Case, target: dict[str, int]) -> Scale | None:
    """Those that differ, growing ones first: capacity comes before it goes."""
    known = {rs.name: rs.replicas for rs in case.snapshot.scene.replica_sets}
    todo = [(name, n) for name, n in target.items() if known[name] != n]
    todo.sort(key=lambda pair: pair[1] < known[pair[0]])
    return Scale(tuple(todo)) if todo else None
