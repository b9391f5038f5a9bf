"""Everything a decision may look at, gathered once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.domain.history import History
from controller.domain.mounts import Sighting
from controller.domain.policy import Policy
from controller.domain.readings import Measured, Missing, Reading
from controller.domain.records import GateKind, Intent, Pod, Problem, Ref, ReplicaSet, Workload
from controller.domain.status import Crash, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the cluster shows of one Canary.

    `version` is the Canary's, for guarded writes; `workload` None means that the target does not
    exist. `policy` is a Problem when the spec cannot be acted on. `intent` is a Problem when a
    command cannot be read.
    """

    ref: Ref
    version: str
    generation: int
    policy: Policy | Problem
    status: Status
    intent: Intent | Problem | None = None
    workload: Workload | None = None
    replica_sets: tuple[ReplicaSet, ...] = ()
    pods: tuple[Pod, ...] = ()
    gate: GateKind = GateKind.CATCH
    rival: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The scene, what the metrics said, and the instant. `decide` sees nothing else.

    `requests` and `slow` are the counts since the evidence was last updated; `restarts` the
    container restarts per pod name that the metric source knows of; `history` is stable's past,
    None until it was asked for; what of it cannot be had is empty in it. `guards` are the answers
    by the guards' names.
    `crashes` are canary deaths with their logs, `delivered` the keys of notices that went out.
    `mounts` is what was found of stable's ConfigMaps and Secrets last; no decision depends on it.
    """

    scene: Scene
    now: datetime
    requests: Reading = field(default_factory=lambda: Missing("not asked"))
    slow: Reading = field(default_factory=lambda: Missing("not asked"))
    restarts: Mapping[str, int] = field(default_factory=dict)
    history: History | None = None
    guards: Mapping[str, Measured | Missing] = field(default_factory=dict)
    crashes: tuple[Crash, ...] = ()
    delivered: frozenset[str] = frozenset()
    mounts: Sighting | None = None
