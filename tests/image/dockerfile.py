"""A Dockerfile read as far as ours goes: its stages, and their instructions in order."""

import json
import re
from dataclasses import dataclass
from typing import Final

_FROM: Final = re.compile(r"(?P<base>\S+)(?:\s+AS\s+(?P<name>\w+))?")
_PAIR: Final = re.compile(r"""(?P<key>[\w.]+)=(?:"(?P<quoted>[^"]*)"|(?P<bare>\S*))""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction; `line` is where it begins."""

    line: int
    keyword: str
    value: str

    @property
    def pairs(self) -> dict[str, str]:
        """What an ENV or LABEL sets."""
        return {
            found["key"]: found["bare"] if found["quoted"] is None else found["quoted"]
            for found in _PAIR.finditer(self.value)
        }

    @property
    def words(self) -> list[str]:
        """The words of an exec form; a shell form is refused."""
        said = json.loads(self.value)
        assert isinstance(said, list), f"line {self.line}: {self.keyword} is not in exec form"
        return [str(word) for word in said]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    base: str
    name: str
    instructions: tuple[Instruction, ...]

    def all(self, keyword: str) -> list[Instruction]:
        return [one for one in self.instructions if one.keyword == keyword]

    def last(self, keyword: str) -> Instruction:
        found = self.all(keyword)
        assert found, f"the stage {self.name or 'last'} has no {keyword}"
        return found[-1]


def stages_of(text: str) -> list[Stage]:
    """The stages, first to last."""
    stages: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.keyword == "FROM":
            said = _FROM.fullmatch(instruction.value)
            assert said is not None, f"line {instruction.line}: FROM {instruction.value}"
            stages.append(Stage(base=said["base"], name=said["name"] or "", instructions=()))
        else:
            before = stages.pop()
            stages.append(
                Stage(
                    base=before.base,
                    name=before.name,
                    instructions=(*before.instructions, instruction),
                )
            )
    return stages


def _instructions(text: str) -> list[Instruction]:
    found: list[Instruction] = []
    parts: list[str] = []
    began = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        began = began if parts else number
        parts.append(line.strip().removesuffix("\\").strip())
        if line.rstrip().endswith("\\"):
            continue
        keyword, _, value = " ".join(parts).partition(" ")
        found.append(Instruction(line=began, keyword=keyword, value=value.strip()))
        parts = []
    return found
