"""What `canaryctl get` does once its flags are read."""

import argparse
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from controller.adapters.clock import SystemClock
from controller.adapters.kube.looking import Sight
from controller.adapters.kube.names import GROUP, KIND
from controller.cli.exits import EXIT_OK, tell
from controller.cli.output import ago, as_json, as_yaml, columns_of_terminal, put, table, whole
from controller.cli.reached import Reach
from controller.domain.identify import identify
from controller.domain.lifecycle import AT_REST
from controller.domain.policy import Policy
from controller.domain.records import Problem, ReplicaSet
from controller.domain.snapshot import Scene
from controller.domain.status import Revision

NONE: Final = "-"
HEADERS: Final = ("NAME", "PHASE", "FOR", "STEP", "CANARY", "STABLE", "MESSAGE")
WIDE: Final = (
    *("NAME", "PHASE", "FOR", "STEP", "VERDICT", "CANARY", "CANARY PODS", "STABLE", "STABLE PODS"),
    *("DEPLOYMENT", "AGE", "MESSAGE"),
)


async def show_canaries(reach: Reach, arguments: argparse.Namespace) -> int:
    """Print the Canaries that were asked for."""
    wide = arguments.output == "wide"
    if arguments.names:
        one = reach.onlooker.look if wide else reach.onlooker.canary
        sights: Sequence[Sight] = [await one(reach.ref(name)) for name in arguments.names]
    else:
        sights = await reach.onlooker.canaries(reach.namespace, whole=wide)
    if arguments.phase:
        sights = [one for one in sights if one.scene.status.phase in arguments.phase]
    if arguments.output in {"json", "yaml"}:
        single = len(arguments.names) == 1
        document = _document(sights) if not single or not sights else whole(sights[0].document)
        put(as_json(document) if arguments.output == "json" else as_yaml(document))
    elif arguments.output == "name":
        for sight in sights:
            put(f"{KIND.lower()}.{GROUP}/{sight.scene.ref.name}")
    elif not sights:
        where = f"in the namespace {reach.namespace}" if reach.namespace else "in any namespace"
        tell(f"there are no Canaries {where}" + (" in such a phase" if arguments.phase else ""))
    else:
        _print_table(sights, arguments, everywhere=reach.namespace is None)
    return EXIT_OK


def _print_table(
    sights: Sequence[Sight], arguments: argparse.Namespace, *, everywhere: bool
) -> None:
    wide = arguments.output == "wide"
    now = SystemClock().now()
    rows = [_wide(sight, now) if wide else _row(sight, now) for sight in sights]
    headers = WIDE if wide else HEADERS
    if everywhere:
        headers = ("NAMESPACE", *headers)
        rows = [(s.scene.ref.namespace, *row) for s, row in zip(sights, rows, strict=True)]
    columns_max = None if wide else columns_of_terminal()
    headers_shown = not arguments.no_headers
    put(table(headers, rows, headers_shown=headers_shown, columns_max=columns_max))
    if wide:
        for words in dict.fromkeys(words for sight in sights for words in sight.unseen):
            tell(f"not shown, because you may not see it: {words}")


def _document(sights: Sequence[Sight]) -> dict[str, Any]:
    items = [whole(sight.document) for sight in sights]
    return {
        "apiVersion": "v1",
        "items": items,
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    }


def _row(sight: Sight, now: datetime) -> tuple[str, ...]:
    status = sight.scene.status
    canary = running(sight.scene)
    return (
        sight.scene.ref.name,
        status.phase.value,
        ago(now - status.since) if status.since else NONE,
        step_words(sight.scene),
        short(canary) if canary else NONE,
        short(status.stable) if status.stable else NONE,
        problem_words(sight.scene) or status.message or NONE,
    )


def _wide(sight: Sight, now: datetime) -> tuple[str, ...]:
    status = sight.scene.status
    canary = running(sight.scene)
    family = identify(
        sight.scene,
        stable=status.stable.fingerprint if status.stable else "",
        canary=canary.fingerprint if canary else "",
    )
    return (
        sight.scene.ref.name,
        status.phase.value,
        ago(now - status.since) if status.since else NONE,
        step_words(sight.scene),
        status.verdict or NONE,
        str(canary) if canary else NONE,
        _pods(family.canary),
        str(status.stable) if status.stable else NONE,
        _pods(family.stable),
        sight.target or NONE,
        ago(now - sight.created_at),
        problem_words(sight.scene) or status.message or NONE,
    )


def _pods(one: ReplicaSet | None) -> str:
    return f"{one.ready}/{one.replicas}" if one else NONE


def running(scene: Scene) -> Revision | None:
    """What is tried now."""
    release = scene.status.release
    return release.canary if release and scene.status.phase not in AT_REST else None


def step_words(scene: Scene) -> str:
    """Which step of how many; the share is what its canary has."""
    release = scene.status.release
    if release is None or scene.status.phase in AT_REST:
        return NONE
    if not isinstance(scene.policy, Policy):
        return str(release.step + 1)
    steps = scene.policy.steps
    step = min(release.step, len(steps) - 1)
    return f"{step + 1}/{len(steps)} ({steps[step].canary})"


def short(revision: Revision) -> str:
    """The images without the registry they come from."""
    images = [image.rpartition("/")[2].partition("@")[0] for image in revision.images]
    return ",".join(images) or revision.fingerprint[:10]


def problem_words(scene: Scene) -> str:
    """Why nothing can be done with it; empty where something can."""
    if isinstance(scene.policy, Problem):
        return f"cannot be acted on: {scene.policy}"
    return str(scene.intent) if isinstance(scene.intent, Problem) else ""
