"""What `canaryctl history` does once its flags are read."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from controller.adapters.clock import SystemClock
from controller.adapters.kube.looking import Sight
from controller.cli.exits import EXIT_OK, tell
from controller.cli.output import ago, as_json, as_yaml, columns_of_terminal, put, table
from controller.cli.reached import Reach
from controller.cli.safely import plain
from controller.domain.command import is_done
from controller.domain.lifecycle import AT_REST
from controller.domain.records import Intent
from controller.domain.snapshot import Scene

NONE: Final = "-"
RELEASES: Final = ("STARTED", "AGE", "TOOK", "RELEASE", "RESULT", "REASON")
COMMANDS: Final = ("WHEN", "AGE", "WHO", "COMMAND", "RELEASE", "BECAME", "WHY")
WIDE: Final = (*COMMANDS[:-1], "VIA", "ID", "WHY", "ANSWER")
# What of the object's status is history; the rest is how things are.
PARTS: Final = ("history", "commands", "rejected")

Rows = Sequence[tuple[str, ...]]


async def show_history(reach: Reach, arguments: argparse.Namespace) -> int:
    """Print what is remembered of one Canary."""
    sight = await reach.onlooker.canary(reach.ref(arguments.name))
    if arguments.output in {"json", "yaml"}:
        document = _document(sight)
        put(as_json(document) if arguments.output == "json" else as_yaml(document))
        return EXIT_OK
    wide = arguments.output == "wide"
    now = SystemClock().now()
    releases = list(_releases(sight.scene, now))
    commands = list(_commands(sight.scene, now, wide=wide))
    if not releases and not commands:
        tell(f"{sight.scene.ref} has had no release yet, and nobody has asked for anything")
        return EXIT_OK
    _print("Releases", RELEASES, releases, arguments)
    if releases and commands:
        put("")
    _print("Commands", WIDE if wide else COMMANDS, commands, arguments)
    return EXIT_OK


def _print(title: str, headers: tuple[str, ...], rows: Rows, arguments: argparse.Namespace) -> None:
    if not rows:
        return
    headers_shown = not arguments.no_headers
    if headers_shown:
        put(title)
    # Wide is whole: only what fits by itself is not cut.
    columns_max = None if arguments.output == "wide" else columns_of_terminal()
    safe = [tuple(map(plain, row)) for row in rows]
    put(table(headers, safe, headers_shown=headers_shown, columns_max=columns_max))


def _releases(scene: Scene, now: datetime) -> Iterator[tuple[str, ...]]:
    """Those that ended, oldest first, and the one that runs."""
    status, release = scene.status, scene.status.release
    for past in status.history:
        yield (
            _at(past.started_at),
            ago(now - past.started_at),
            ago(past.ended_at - past.started_at),
            str(past.canary),
            past.result.value,
            past.reason or NONE,
        )
    if release is not None and status.phase not in AT_REST:
        yield (
            _at(release.started_at),
            ago(now - release.started_at),
            NONE,
            str(release.canary),
            status.phase.value,
            status.message or NONE,
        )


def _commands(scene: Scene, now: datetime, *, wide: bool) -> Iterator[tuple[str, ...]]:
    """Those that were answered, oldest first, and the one that waits."""
    for one in scene.status.commands:
        became = "taken" if one.taken else "refused"
        # Whoever is refused wants to know why, at once.
        why = one.reason or NONE if one.taken or wide else one.answer
        row = (_at(one.at), ago(now - one.at), one.by, one.action.value, one.canary or NONE, became)
        yield (*row, one.via or NONE, one.id, why, one.answer) if wide else (*row, why)
    intent = scene.intent
    if isinstance(intent, Intent) and not is_done(intent, scene.status):
        row = (NONE, NONE, intent.by, intent.action.value, intent.revision or NONE, "waits")
        why = intent.reason or NONE
        yield (*row, intent.via or NONE, intent.id, why, NONE) if wide else (*row, why)


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def _document(sight: Sight) -> dict[str, Any]:
    """As the object has it, so that the names are those of the API."""
    ref, status = sight.scene.ref, sight.document.get("status") or {}
    parts = {part: status.get(part, []) for part in PARTS}
    return {"namespace": ref.namespace, "name": ref.name, **parts}
