"""What may follow the words typed so far, as kubectl and the shells' scripts ask for it."""

import argparse
import asyncio
import io
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, suppress
from typing import Final

from controller.cli.exits import EXIT_OK
from controller.cli.output import put
from controller.domain.lifecycle import Phase

# Who presses Tab waits for this, and never longer; no answer is an answer.
SECONDS_MAX: Final = 3.0

# As kubectl understands them: the directive is the last line.
FILES: Final = ":0"
NO_FILES: Final = ":4"

_FILES_WANTED: Final = frozenset({"file", "files", "kubeconfig", "scenario"})


def main(words: Sequence[str] | None = None) -> int:
    """Print what may follow, and whether files may; what goes wrong is silent."""
    typed = list(sys.argv[1:] if words is None else words)
    with suppress(Exception), redirect_stderr(io.StringIO()):
        offered, directive = offer(typed)
        for one in offered:
            put(one)
        put(directive)
        return EXIT_OK
    put(NO_FILES)
    return EXIT_OK


def offer(typed: Sequence[str]) -> tuple[list[str], str]:
    """What may follow `typed`, of which the last word is being typed; and the directive."""
    from controller.cli import COMMANDS, parser_of  # noqa: PLC0415 - it knows us as well

    *before, current = typed or [""]
    if not before:
        return _fitting((f"{c.name}\t{c.summary}" for c in COMMANDS), current), NO_FILES
    command = next((c for c in COMMANDS if c.name == before[0]), None)
    if command is None:
        return [], NO_FILES
    parser = parser_of(command)
    flags = {text: action for action in parser._actions for text in action.option_strings}
    name, equals, value = current.partition("=")
    if equals and name in flags:
        offered, directive = _values(flags[name], value, before)
        return [f"{name}={one}" for one in offered], directive
    last = flags.get(before[-1])
    if last is not None and last.nargs != 0:
        return _values(last, current, before)
    if current.startswith("-"):
        shown = (f"{text}\t{flags[text].help}" for text in flags if text.startswith("--"))
        return _fitting(shown, current), NO_FILES
    return _positional(parser, flags, before, current)


def _positional(
    parser: argparse.ArgumentParser,
    flags: dict[str, argparse.Action],
    before: Sequence[str],
    current: str,
) -> tuple[list[str], str]:
    wanted = [action for action in parser._actions if not action.option_strings]
    given = _given(flags, before[1:])
    if not wanted:
        return [], NO_FILES
    here = wanted[min(len(given), len(wanted) - 1)]
    if len(given) >= len(wanted) and here.nargs not in {"*", "+"}:
        return [], NO_FILES
    offered, directive = _values(here, current, before)
    return [one for one in offered if one not in given], directive


def _given(flags: dict[str, argparse.Action], words: Sequence[str]) -> list[str]:
    """The words that are no flags, nor values of flags."""
    given, is_value = [], False
    for word in words:
        if is_value:
            is_value = False
        elif word.startswith("-"):
            is_value = word in flags and flags[word].nargs != 0
        else:
            given.append(word)
    return given


def _values(action: argparse.Action, current: str, before: Sequence[str]) -> tuple[list[str], str]:
    """What a flag or an argument may be."""
    if action.choices is not None:
        return _fitting(map(str, action.choices), current), NO_FILES
    match action.dest:
        case "name" | "names" | "canary":
            return _fitting(_names(before), current), NO_FILES
        case "namespace":
            return _fitting(_namespaces(before), current), NO_FILES
        case "context":
            return _fitting(_contexts(before), current), NO_FILES
        case "phase" | "wait_for":
            head, comma, _ = current.rpartition(",")
            return _fitting((f"{head}{comma}{phase}" for phase in Phase), current), NO_FILES
        case dest:
            return [], FILES if dest in _FILES_WANTED else NO_FILES


def _fitting(offered: Iterable[str], current: str) -> list[str]:
    return [one for one in offered if one.lower().startswith(current.lower())]


def _flag(before: Sequence[str], *names: str) -> str | None:
    """The value that a flag was given so far."""
    for word, following in zip(before, [*before[1:], ""], strict=True):
        if word in names:
            return following or None
        if word.partition("=")[0] in names and "=" in word:
            return word.partition("=")[2]
    return None


def _contexts(before: Sequence[str]) -> list[str]:
    from controller.adapters.kube.kubeconfig import contexts  # noqa: PLC0415

    return list(contexts(_flag(before, "--kubeconfig"), os.environ))


def _names(before: Sequence[str]) -> list[str]:
    from controller.cli.completed import names  # noqa: PLC0415 - the Kubernetes client comes along

    namespace = _flag(before, "-n", "--namespace")
    return asyncio.run(names(**_cluster(before), namespace=namespace, seconds_max=SECONDS_MAX))


def _namespaces(before: Sequence[str]) -> list[str]:
    from controller.cli.completed import namespaces  # noqa: PLC0415

    return asyncio.run(namespaces(**_cluster(before), seconds_max=SECONDS_MAX))


def _cluster(before: Sequence[str]) -> dict[str, str | None]:
    return {
        "kubeconfig": _flag(before, "--kubeconfig"),
        "context": _flag(before, "--context"),
    }
