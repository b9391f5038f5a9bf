"""What docs/troubleshooting.md quotes is what the controller says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT

PAGE: Final = ROOT / "docs" / "troubleshooting.md"
SPAN: Final = re.compile(r"`([^`\n]+)`")
WORDS_MIN: Final = 4
# Shorter parts of a message would be found anywhere.
PART_CHARACTERS_MIN: Final = 10


def quoted() -> list[str]:
    """Sentences in the first column of a table: what a reader compares with what they see."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    spans = [span for row in rows for span in SPAN.findall(row.split(" | ")[0])]
    return [span for span in spans if len(span.split()) >= WORDS_MIN and not is_command(span)]


def is_command(span: str) -> bool:
    return span.split(maxsplit=1)[0] in {"kubectl", "helm", "canaryctl", "get"}


@pytest.fixture(scope="module")
def parts() -> set[str]:
    """The parts of all texts in the controller's source that no value is put into."""
    return {
        part
        for path in sorted((ROOT / "controller").rglob("*.py"))
        for part in parts_of(path)
        if len(part) >= PART_CHARACTERS_MIN
    }


def parts_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (part.strip() for part in re.split(r"%\S+", node.value))


def test_it_quotes_what_people_see() -> None:
    assert len(quoted()) > 20


@pytest.mark.parametrize("span", quoted())
def test_each_quotation_is_made_of_what_the_controller_says(span: str, parts: set[str]) -> None:
    """Most of a quotation stands in the source; the rest are values and what was left out."""
    for said in filter(None, (piece.strip(" :,.") for piece in re.split(r"\.\.\.", span))):
        if len(said) < PART_CHARACTERS_MIN:
            continue
        told = [part for part in parts if part.strip(" :,.") in said or said in part]
        covered = max((len(part) for part in told), default=0)
        assert covered >= PART_CHARACTERS_MIN, f"nobody says {said!r}"
