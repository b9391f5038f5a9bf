"""What `canaryctl explain` does once its flags are read."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from controller.adapters.recorder import BYTES_MAX, open_recording
from controller.adapters.transcript import Unreadable
from controller.cli.exits import EXIT_OK, EXIT_UNEXPECTED, EXIT_USAGE
from controller.cli.explained import Account, account
from controller.cli.explained_seen import Pods
from controller.cli.safely import plain

STANDARD_INPUT: Final = "-"
LAST_WORDS_LINES: Final = 15
_HEADS: Final = ("role", "revision", "replicaset", "wanted", "ready", "deaths")


def explain(name: str, *, as_json: bool) -> int:
    """Tell one entry again; gives the exit code."""
    try:
        told = account(open_recording(_content(name)))
    except (OSError, Unreadable) as error:
        what = error.strerror or error if isinstance(error, OSError) else error
        print(f"canaryctl: {name}: {what}", file=sys.stderr)  # noqa: T201 - no log
        return EXIT_USAGE
    if as_json:
        print(json.dumps(dataclasses.asdict(told), indent=2))  # noqa: T201 - the answer
    else:
        print("\n".join(told_in_words(told)))  # noqa: T201
    return EXIT_OK if told.replay.same else EXIT_UNEXPECTED


def _content(name: str) -> bytes:
    """Of a file; one byte more than may be, so that a larger one is not taken for whole."""
    if name == STANDARD_INPUT:
        content = sys.stdin.buffer.read(BYTES_MAX + 1)
    else:
        with Path(name).open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise Unreadable(f"it is larger than {BYTES_MAX} bytes")
    return content


def told_in_words(told: Account) -> Iterator[str]:
    """The account, line by line."""
    yield f"{told.canary} at {told.at}, recorded by canary-controller {told.version}"
    if told.ignored:
        yield f"Written by another version; not known here: {', '.join(told.ignored)}"
    yield from _section("Seen", (f"Phase: {told.phase}", *told.seen))
    if told.pods:
        yield ""
        yield from _indented(_table(told.pods))
    if told.deaths:
        yield from _section("Canary containers that died", told.deaths)
    if told.words:
        yield from _section("Last words", told.words.splitlines()[-LAST_WORDS_LINES:])
    if told.compared:
        rows = (f"{_spaced(one.outcome):<10} {one.sentence}" for one in told.compared)
        yield from _section("Compared", rows)
    yield from _section("Decided", _decided(told))
    if told.otherwise:
        yield from _section("What would have had to be different", told.otherwise)
    yield from _section("Replay", _replay(told))


def _decided(told: Account) -> Iterator[str]:
    decided = told.decided
    same = told.phase == decided.phase
    yield f"{decided.phase}" if same else f"{told.phase} -> {decided.phase}"
    yield decided.message
    yield f"Change: {decided.change or 'none'}"
    yield from (f"Told: {one}" for one in decided.told)
    yield f"Next look: {decided.next}"


def _replay(told: Account) -> Iterator[str]:
    if told.replay.same:
        yield "This version decides the same"
        return
    yield "THIS VERSION DECIDES OTHERWISE:"
    yield from told.replay.differences


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield title
    yield from _indented(lines)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    # Of a pod's last words not a byte may reach the terminal as a command.
    yield from (f"  {plain(line)}" for line in lines)


def _table(pods: Iterable[Pods]) -> list[str]:
    rows = [tuple(str(getattr(one, head)) for head in _HEADS) for one in pods]
    heads = tuple(head.upper() for head in _HEADS)
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]


def _spaced(outcome: str) -> str:
    return {"NotWorse": "not worse"}.get(outcome, outcome.lower())
