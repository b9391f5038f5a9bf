"""Text of others on a terminal: what a pod wrote may not command it."""

from typing import Final

INSTEAD: Final = "\N{REPLACEMENT CHARACTER}"


def plain(line: str) -> str:
    """The line without what a terminal would obey."""
    return "".join(char if char.isprintable() or char == "\t" else INSTEAD for char in line)
