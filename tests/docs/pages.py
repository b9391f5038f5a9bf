"""The pages that people read, taken apart: their blocks of code, their links, their anchors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "helm").rglob("README.md")),
    *sorted((ROOT / "deploy").rglob("*.md")),
]
_MARKDOWN: Final = MarkdownIt("commonmark").enable("table")
_ANCHOR: Final = re.compile(r"""<a\s+(?:id|name)=["']([^"']+)["']""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: `language` and `marks` are the words of its info string.

    `line` is that of the fence, counted from 1, so that an editor can jump there.
    """

    page: Path
    line: int
    language: str
    marks: tuple[str, ...]
    body: str

    @property
    def where(self) -> str:
        return f"{name(self.page)}:{self.line}"

    def at(self, line: int) -> str:
        """Where the body's line of this number (counted from 1) stands."""
        return f"{name(self.page)}:{self.line + line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link or picture, and the line of the paragraph that it stands in."""

    page: Path
    line: int
    target: str

    @property
    def where(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    """The page's path as a person would type it at the top of the checkout."""
    return str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def _tokens(page: Path) -> list[Token]:
    return _MARKDOWN.parse(text(page))


def blocks_of(page: Path) -> list[Block]:
    """Every block of code, those inside lists and quotes as well, indented ones included."""
    found = []
    for token in _tokens(page):
        if token.type not in {"fence", "code_block"}:
            continue
        assert token.map is not None
        language, *marks = token.info.split() or [""]
        found.append(
            Block(
                page=page,
                line=token.map[0] + 1,
                language=language,
                marks=tuple(marks),
                body=token.content,
            )
        )
    return found


def links_of(page: Path) -> Iterator[Link]:
    """Every link and picture of the text; what stands in code is none."""
    for token in _tokens(page):
        if token.type != "inline" or token.map is None:
            continue
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if isinstance(target, str):
                yield Link(page=page, line=token.map[0] + 1, target=target)


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings as the forges make them, and those set by hand."""
    tokens = _tokens(page)
    found: dict[str, int] = {}
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            slug = _slug(token)
            again = found.setdefault(slug, 0)
            found[slug] = again + 1
            if again:
                found[f"{slug}-{again}"] = 1
    return found.keys() | set(_ANCHOR.findall(text(page)))


def _slug(heading: Token) -> str:
    """What is seen of the heading, in lower case, spaces as hyphens, other signs gone."""
    seen = "".join(
        child.content for child in heading.children or () if child.type in {"text", "code_inline"}
    )
    return re.sub(r"[^\w\- ]", "", seen).strip().lower().replace(" ", "-")


def spans_of(page: Path) -> Iterator[tuple[int, str]]:
    """What stands in the type of a machine in a sentence, with the paragraph's line."""
    for token in _tokens(page):
        if token.type == "inline" and token.map is not None:
            for child in token.children or ():
                if child.type == "code_inline":
                    yield token.map[0] + 1, child.content
