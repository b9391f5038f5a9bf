"""How pods are shared out while the workload is held, without ever losing capacity."""

from controller.domain.case import Case
from controller.domain.changes import Scale
from controller.domain.records import ReplicaSet


def scaled(case: Case, canary_pods: int) -> Scale | None:
    """The next scaling towards `canary_pods`, stable with the rest, and nothing else; None if done.

    The sum stays at replicas + surge: anything short of it is topped up by the deployment
    controller on the largest ReplicaSet. Ready pods are taken away only as far as the user's
    `maxUnavailable` allows, so a large move takes several looks. The canary never has as many pods
    as the workload: the deployment controller would take stable to none.
    """
    workload, family = case.workload, case.family
    if family.stable is None or not _is_settled(case):
        return None
    limit, spare = _limit(case), _spare(case)
    target: dict[str, int] = {}
    for rs in family.others:
        target[rs.name], spare = _cut(rs, 0, spare)
    canary = family.canary
    if canary is not None and canary.replicas > canary_pods:
        kept, spare = _cut(canary, canary_pods, spare)
        target[canary.name] = max(0, min(kept, workload.replicas - 1))
    room = limit - sum(target.values())
    if canary is None or canary.name in target:
        target[family.stable.name] = max(0, room)
    else:
        stable, _ = _cut(family.stable, room - canary_pods, spare)
        target[family.stable.name] = max(stable, room - canary_pods)
        target[canary.name] = max(0, min(canary_pods, room - target[family.stable.name]))
    return _as_change(case, target)


def cleared(case: Case) -> Scale | None:
    """What takes other revisions' pods away, as far as capacity allows, before a canary's first.

    With three revisions at once a small Deployment has no number of pods that the deployment
    controller would leave as it is. Stable's are left to it: it brings them up by itself. None
    when nothing can go now.
    """
    if not _is_settled(case):
        return None
    spare = _spare(case)
    target: dict[str, int] = {}
    for rs in case.family.others:
        target[rs.name], spare = _cut(rs, 0, spare)
    return _as_change(case, target)


def seedable(case: Case) -> int:
    """Canary pods that can be added at once without the deployment controller taking Ready ones.

    It makes room for whatever exceeds replicas + surge, and does not ask for `maxUnavailable`.
    """
    return max(1, _limit(case) - _wanted(case) + _spare(case))


def _is_settled(case: Case) -> bool:
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
