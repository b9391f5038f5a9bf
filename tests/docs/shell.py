"""Shell blocks taken apart into the commands that a person would run."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_HERE: Final = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_PLACEHOLDER: Final = re.compile(r"<[a-z][a-z0-9 _-]*>", re.IGNORECASE)
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_SEPARATORS: Final = frozenset({"|", "||", "&&", ";", "&", "|&", "(", ")"})
_REDIRECTIONS: Final = frozenset({">", ">>", "<", "<<<", "2>", "&>", ">&"})
BASH_SECONDS_MAX: Final = 10


@dataclass(slots=True, kw_only=True)
class Command:
    """One program with its arguments. `line` counts from 1 within the block.

    `stdin` is a here-document's text, `writes` the files that its output goes to, `reads` what it
    is fed from.
    """

    line: int
    words: list[str]
    stdin: str = ""
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(self.words)


class Unreadable(Exception):
    """The block is no shell that we understand. `line` counts from 1 within it."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def commands_of(body: str) -> list[Command]:
    """Every command of a block, those within `$(...)` as well.

    Raises `Unreadable` where bash does not take it, or a value is only a placeholder.
    """
    for line, logical, _ in _logical_lines(body):
        if placeholder := _PLACEHOLDER.search(_unquoted(logical)):
            wrong = placeholder[0]
            raise Unreadable(line, f"{wrong} is no value: write a real one, or a $VARIABLE")
    _ask_bash(body)
    found: list[Command] = []
    for line, logical, stdin in _logical_lines(body):
        plain, inner = _without_substitutions(logical)
        commands = list(_split(line, plain))
        if stdin and commands:
            commands[0].stdin = stdin
        found += commands
        for one in inner:
            found += [_moved(each, line - 1) for each in commands_of(one)]
    return found


def _moved(command: Command, lines: int) -> Command:
    command.line += lines
    return command


def _ask_bash(body: str) -> None:
    asked = subprocess.run(
        ["bash", "-n"],
        input=body,
        capture_output=True,
        text=True,
        check=False,
        timeout=BASH_SECONDS_MAX,
    )
    if asked.returncode or asked.stderr:
        said = re.search(r"line (\d+): (.*)", asked.stderr)
        raise Unreadable(int(said[1]) if said else 1, said[2] if said else asked.stderr.strip())


def _logical_lines(body: str) -> Iterator[tuple[int, str, str]]:
    """Lines put together where a backslash or an open quote says so, and their here-document."""
    lines = body.splitlines()
    at = 0
    while at < len(lines):
        first, logical = at + 1, lines[at]
        at += 1
        while _is_open(logical) and at < len(lines):
            logical = (
                f"{logical[:-1]} {lines[at]}"
                if logical.endswith("\\")
                else (f"{logical}\n{lines[at]}")
            )
            at += 1
        stdin: list[str] = []
        if here := _HERE.search(logical):
            while at < len(lines) and lines[at].strip() != here[2]:
                stdin.append(lines[at])
                at += 1
            at += 1
            logical = logical[: here.start()] + logical[here.end() :]
        yield first, logical, "\n".join(stdin) + "\n" if stdin else ""


def _is_open(logical: str) -> bool:
    if logical.endswith("\\"):
        return True
    try:
        shlex.split(logical, comments=True)
    except ValueError:
        return True
    return False


def _unquoted(logical: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", logical)


def _without_substitutions(logical: str) -> tuple[str, list[str]]:
    """The line with a word in place of each `$(...)`, and what stood in them."""
    inner: list[str] = []
    while (start := logical.find("$(")) >= 0:
        depth, end = 1, start + 2
        while depth and end < len(logical):
            depth += {"(": 1, ")": -1}.get(logical[end], 0)
            end += 1
        inner.append(logical[start + 2 : end - 1])
        logical = f"{logical[:start]}$SUBSTITUTED{logical[end:]}"
    return logical, inner


def _split(line: int, logical: str) -> Iterator[Command]:
    lexer = shlex.shlex(logical, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    command = Command(line=line, words=[])
    words = iter(lexer)
    for word in words:
        if word in _SEPARATORS:
            if command.words:
                yield command
            command = Command(line=line, words=[])
        elif word in _REDIRECTIONS:
            if command.words and command.words[-1] in {"1", "2"}:
                command.words.pop()
            (command.reads if word.startswith("<") else command.writes).append(next(words, ""))
        elif not command.words and _ASSIGNMENT.fullmatch(word):
            continue
        else:
            command.words.append(word)
    if command.words:
        yield command
