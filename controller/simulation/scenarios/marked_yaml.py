"""YAML as plain values, each with the line it stands on: nothing of the file is ever executed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

CHARACTERS_MAX: Final = 64 * 1024
DEPTH_MAX: Final = 20

Path = tuple[str | int, ...]

# What YAML 1.2 and JSON call a number, and YAML 1.1 a text.
_EXPONENT: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")
_TAG: Final = "tag:yaml.org,2002:"


class Unreadable(ValueError):
    """The text is no YAML that is read here. The message says why, `remedy` what to do."""

    def __init__(self, line: int, message: str, remedy: str, path: Path = ()) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.remedy = remedy
        self.path = path


@dataclass(frozen=True, slots=True)
class Marked:
    """Plain values, and the line (from 1) of everything that has a path in them."""

    value: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of what is there, or of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def read_yaml(text: str) -> list[Marked]:
    """Every document in a text. Raises Unreadable at the first thing that is wrong."""
    if len(text) > CHARACTERS_MAX:
        raise Unreadable(1, f"is longer than {CHARACTERS_MAX} characters", "Make it shorter")
    try:
        _refuse_tricks(text)
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        said = " ".join(part for part in (error.context, error.problem) if part)
        mark = error.problem_mark or error.context_mark
        # What is not closed is noticed behind the last line, where nobody can mend it.
        last = len(text.rstrip().splitlines())
        line = min(mark.line + 1, last) if mark else 1
        raise Unreadable(line, f"is not YAML: {said}", _syntax_remedy(said)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"is not YAML: the character {error.character!r} may not be in it"
        raise Unreadable(line, message, "Write plain text in UTF-8") from error
    return [_marked(node) for node in nodes]


def _syntax_remedy(said: str) -> str:
    if "'\\t'" in said:
        return "Indent with spaces, not with tabs"
    return "Look at the indentation and at quotes and brackets on this line and the one before"


def _refuse_tricks(text: str) -> None:
    """Refuse what a plain file never needs, and what makes a small file large or deep."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable(
                line, f"*{event.anchor} is an alias, which is not read here", "Write it out again"
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise Unreadable(line, f"{tag} is a tag, which is not read here", "Leave the tag out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                raise Unreadable(
                    line, f"is nested more than {DEPTH_MAX} deep", "Nothing here is as deep"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _marked(root: yaml.Node) -> Marked:
    lines: dict[Path, int] = {(): root.start_mark.line + 1}

    def value(node: yaml.Node, path: Path) -> Any:
        lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return {name: value(below, (*path, name)) for name, below in pairs(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [value(below, (*path, number)) for number, below in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode), f"{type(node)} is a new kind of node"
        return _scalar(node)

    def pairs(node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        for key, below in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise Unreadable(line, "a field's name is not a text", "Write name: value", path)
            inner = (*path, key.value)
            if inner in lines:
                message = f"is there twice, first on line {lines[inner]}"
                raise Unreadable(line, message, "Leave one of them out", inner)
            lines[inner] = line
            yield key.value, below

    return Marked(value(root, ()), lines)


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    kind = node.tag.removeprefix(_TAG)
    # Asked of a constructor by name: it must never be asked to choose by tag.
    make = yaml.constructor.SafeConstructor()
    try:
        if kind == "int":
            return make.construct_yaml_int(node)
        if kind == "float":
            return make.construct_yaml_float(node)
    except ValueError:
        return text
    if kind == "bool":
        return make.construct_yaml_bool(node)
    if kind == "null":
        return None
    return float(text) if node.style is None and _EXPONENT.fullmatch(text) else text
