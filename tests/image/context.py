"""What the engine would be sent: the checkout, less what .dockerignore leaves out."""

import re
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
# Never walked: large, and nothing of them may ever be let in (a test says so of the patterns).
_UNWALKED: Final = frozenset({".git", ".venv", "node_modules"})


def context() -> list[Path]:
    """Every file that is let in, relative to the checkout."""
    rules = _rules((ROOT / ".dockerignore").read_text(encoding="utf-8"))
    return sorted(
        path
        for folder in ROOT.iterdir()
        if folder.name not in _UNWALKED
        for path in _files(folder)
        if lets_in(path.as_posix(), rules)
    )


def _files(top: Path) -> list[Path]:
    found = [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]
    return [path.relative_to(ROOT) for path in found]


@cache
def _rules(text: str) -> tuple[tuple[bool, re.Pattern[str]], ...]:
    lines = [line.strip() for line in text.splitlines()]
    return tuple(
        (line.startswith("!"), _pattern(line.removeprefix("!").strip("/")))
        for line in lines
        if line and not line.startswith("#")
    )


def lets_in(path: str, rules: tuple[tuple[bool, re.Pattern[str]], ...] | None = None) -> bool:
    """The last pattern that fits a path, or a folder above it, decides."""
    if rules is None:
        rules = _rules((ROOT / ".dockerignore").read_text(encoding="utf-8"))
    allowed = True
    for allows, pattern in rules:
        if pattern.fullmatch(path):
            allowed = allows
    return allowed


def _pattern(line: str) -> re.Pattern[str]:
    """`**/` is any folders, `*` stays within one; a folder means all that is in it."""
    written = re.escape(line).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
    return re.compile(written.replace(r"\[", "[").replace(r"\]", "]") + "(/.*)?")
