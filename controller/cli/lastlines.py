"""What `canaryctl logs` does once its flags are read."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controller.adapters.kube.client import Denied, NotFound
from controller.cli.exits import EXIT_FAILED, EXIT_NOT_FOUND, EXIT_OK, tell
from controller.cli.output import as_json, put
from controller.cli.reached import Reach
from controller.cli.safely import plain
from controller.domain.identify import identify
from controller.domain.lifecycle import AT_REST
from controller.domain.records import Container, ContainerRole, Pod, Ref
from controller.domain.snapshot import Scene
from controller.domain.wording import crash_sentence
from controller.engine.ports import Conflict, Refused

# A person reads no more at once, and each is a request.
LIVE_MAX: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one container wrote last, under a line that says which; `missing`: why it is not known.

    `at` is when it died, None while it runs.
    """

    title: str
    pod: str
    container: str
    at: datetime | None
    lines: tuple[str, ...]
    missing: str = ""


async def show_logs(reach: Reach, arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    said = await _live(reach, arguments) if arguments.live else await _kept(reach, arguments)
    if isinstance(said, str):
        tell(said)
        return EXIT_NOT_FOUND if arguments.pod or arguments.container else EXIT_OK
    if arguments.output == "json":
        put(as_json([_as_json(one) for one in said]))
    else:
        put("\n\n".join("\n".join(_text(one)) for one in said))
    unread = [one for one in said if one.missing]
    return EXIT_FAILED if unread and len(unread) == len(said) else EXIT_OK


async def _kept(reach: Reach, arguments: argparse.Namespace) -> list[Said] | str:
    """The last words of the dead, oldest first; or why there are none."""
    sight = await reach.onlooker.canary(reach.ref(arguments.name))
    scene = sight.scene
    release = scene.status.release
    crashes = release.crashes if release is not None else ()
    if not crashes:
        of = f"the release of {release.canary}" if release is not None else "any release known"
        return f"no container of the canary has died in {of}; --live shows what runs"
    chosen = [crash for crash in crashes if _is_wanted(arguments, crash.pod, crash.container)]
    if not chosen:
        names = dict.fromkeys(f"{crash.pod} ({crash.container})" for crash in crashes)
        return f"none such has died; these have: {', '.join(names)}"
    return [
        Said(
            title=f"{_sentence(crash_sentence(crash))}, at {crash.at:%Y-%m-%d %H:%M:%S} UTC",
            pod=crash.pod,
            container=crash.container,
            at=crash.at,
            lines=tuple(crash.log.splitlines()[-arguments.tail :]),
            missing="" if crash.log else "its last words could not be had in time",
        )
        for crash in chosen
    ]


async def _live(reach: Reach, arguments: argparse.Namespace) -> list[Said] | str:
    """The last lines of the canary's containers; or why there are none."""
    sight = await reach.onlooker.look(reach.ref(arguments.name))
    for unseen in sight.unseen:
        tell(f"not looked at, because you may not see it: {unseen}")
    pods = _canary_pods(sight.scene)
    if not pods:
        return f"{sight.scene.ref} has no canary pods now: it is {sight.scene.status.phase.value}"
    chosen = [
        (pod, container)
        for pod in pods
        for container in pod.containers
        if _is_meant(arguments, pod, container)
    ]
    if not chosen:
        return f"no such container; the canary's pods are {', '.join(p.name for p in pods)}"
    if len(chosen) > LIVE_MAX:
        tell(f"shown are {LIVE_MAX} containers of {len(chosen)}: choose others with --pod and -c")
    said = []
    for pod, container in chosen[:LIVE_MAX]:
        ref = Ref(sight.scene.ref.namespace, pod.name)
        said.append(await _tail(reach, ref, container.name, arguments.tail))
    return said


async def _tail(reach: Reach, pod: Ref, container: str, lines: int) -> Said:
    """A pod that is gone by now costs its own lines only."""
    text, missing = "", ""
    try:
        text = await reach.onlooker.log(pod, container, lines=lines, previous=False)
    except (NotFound, Conflict) as error:
        missing = f"it is gone: {error}"
    except Denied:
        raise
    except Refused as error:
        missing = str(error)
    return Said(
        title=f"Container {container} of pod {pod.name}, now",
        pod=pod.name,
        container=container,
        at=None,
        lines=tuple(text.splitlines()),
        missing=missing,
    )


def _canary_pods(scene: Scene) -> Sequence[Pod]:
    status = scene.status
    release = status.release
    if release is None or status.phase in AT_REST or status.stable is None:
        return ()
    family = identify(scene, stable=status.stable.fingerprint, canary=release.canary.fingerprint)
    return family.canary_pods


def _is_meant(arguments: argparse.Namespace, pod: Pod, container: Container) -> bool:
    """Which of those that run: of the application, unless one was named."""
    if not arguments.container and container.role is not ContainerRole.APP:
        return False
    return _is_wanted(arguments, pod.name, container.name)


def _is_wanted(arguments: argparse.Namespace, pod: str, container: str) -> bool:
    wanted = (arguments.pod or "").removeprefix("pod/")
    return wanted in {"", pod} and arguments.container in {None, container}


def _text(said: Said) -> Iterable[str]:
    yield plain(said.title)
    yield from (f"  {plain(line)}" for line in said.lines)
    if said.missing:
        yield f"  ({plain(said.missing)})"
    elif not said.lines:
        yield "  (it has written nothing)"


def _as_json(said: Said) -> dict[str, object]:
    return {
        "pod": said.pod,
        "container": said.container,
        "diedAt": said.at.isoformat() if said.at is not None else None,
        "lines": said.lines,
        "missing": said.missing or None,
    }


def _sentence(said: str) -> str:
    return said[:1].upper() + said[1:]
