"""The description of the API, taken apart for people: operations, shapes and curl lines."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

NOTHING: Final = Markup()
_REF: Final = "#/components/"
_CODE: Final = re.compile(r"`([^`]+)`")
_BOLD: Final = re.compile(r"\*\*([^*]+)\*\*")
# What a reader puts their own values in.
_HOST: Final = '"$CANARY'


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter, or a member of a shape."""

    name: str
    type: Markup
    place: str = ""
    required: bool = False
    about: Markup = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An example, or the kind of a problem."""

    name: str
    text: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What may be answered with one status."""

    code: str
    about: Markup
    shape: Markup
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One path and method."""

    id: str
    method: str
    path: str
    summary: str
    about: Markup
    parameters: tuple[Field, ...]
    body: Markup
    sent: tuple[Sample, ...]
    answers: tuple[Answer, ...]
    curl: str
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The operations of one tag."""

    name: str
    about: Markup
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeWords:
    """One shape: its members, or the words that it may be."""

    name: str
    about: Markup
    fields: tuple[Field, ...]
    words: tuple[str, ...]


def prose(text: str) -> Markup:
    """Paragraphs with `code` and **bold** in them. Whatever else is in the text stays text."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip()) if part]
    return Markup().join(Markup("<p>{}</p>").format(inline(part)) for part in paragraphs)


def inline(text: str) -> Markup:
    """As `prose`, of one line."""
    safe = _CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(_BOLD.sub(r"<strong>\1</strong>", safe))  # noqa: S704 - it was escaped


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads a description."""

    described: Mapping[str, Any]

    def sections(self) -> Iterator[Section]:
        """By tag, in the order of the tags."""
        for tag in self.described.get("tags", ()):
            found = tuple(
                self._operation(path, method, said)
                for path, item in self.described["paths"].items()
                for method, said in item.items()
                if tag["name"] in said.get("tags", ())[-1:]
            )
            if found:
                yield Section(
                    name=tag["name"], about=inline(tag.get("description", "")), operations=found
                )

    def shapes(self) -> Iterator[ShapeWords]:
        """By name."""
        for name, schema in sorted(self.described["components"]["schemas"].items()):
            needed = schema.get("required", ())
            yield ShapeWords(
                name=name,
                about=inline(schema.get("description", "")),
                fields=tuple(
                    Field(
                        name=member,
                        type=self._type(said),
                        required=member in needed,
                        about=inline(said.get("description", "")),
                    )
                    for member, said in schema.get("properties", {}).items()
                ),
                words=tuple(str(word) for word in schema.get("enum", ())),
            )

    def _operation(self, path: str, method: str, said: Mapping[str, Any]) -> Operation:
        body = said.get("requestBody", {}).get("content", {})
        sent = tuple(s for content in body.values() for s in self._samples(content))
        closed = bool(said.get("security"))
        return Operation(
            id=said.get("operationId", f"{method}-{path}"),
            method=method.upper(),
            path=path,
            summary=said.get("summary", path),
            about=prose(said.get("description", "")),
            parameters=tuple(self._parameter(one) for one in said.get("parameters", ())),
            body=self._shape(body),
            sent=sent,
            answers=tuple(
                Answer(
                    code=code,
                    about=inline(answer.get("description", "").partition("\n\n")[0]),
                    shape=self._shape(answer.get("content", {})),
                    samples=tuple(
                        sample
                        for content in answer.get("content", {}).values()
                        for sample in self._samples(content)
                    ),
                )
                for code, answer in said["responses"].items()
            ),
            curl=_curl(path, method, said, sent=sent[0].text if sent else "", closed=closed),
            open=not closed,
        )

    def _parameter(self, said: Mapping[str, Any]) -> Field:
        return Field(
            name=said["name"],
            type=self._type(said.get("schema", {})),
            place=said["in"],
            required=said.get("required", False),
            about=inline(said.get("description", "")),
        )

    def _shape(self, content: Mapping[str, Any]) -> Markup:
        types = [self._type(one["schema"]) for one in content.values() if "schema" in one]
        return types[0] if types else Markup()

    def _samples(self, content: Mapping[str, Any]) -> Iterator[Sample]:
        if "example" in content:
            yield Sample(name="Example", text=_text(content["example"]))
        for name, said in content.get("examples", {}).items():
            example = self._at(said)
            value = example.get("value", "")
            kind = value.get("type", "") if isinstance(value, dict) else ""
            problem = kind.partition("#")[2]
            yield Sample(name=example.get("summary", name), text=_text(value), problem=problem)

    def _at(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference refers to."""
        ref = said.get("$ref")
        if ref is None:
            return said
        found: Any = self.described["components"]
        for part in ref.removeprefix(_REF).split("/"):
            found = found[part]
        assert isinstance(found, Mapping)
        return found

    def _type(self, schema: Mapping[str, Any]) -> Markup:
        """A type in words, with a link where it has a section of its own."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return Markup('<a href="#shape-{0}">{0}</a>').format(name)
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return Markup(" or ").join(self._type(one) for one in schema[several])
        if schema.get("type") == "array":
            item = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
            return Markup("list of {}").format(self._type(item))
        if "const" in schema:
            return Markup("{}").format(json.dumps(schema["const"]))
        return Markup("{}").format(schema.get("format") or schema.get("type", "anything"))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)


def _curl(path: str, method: str, said: Mapping[str, Any], *, sent: str, closed: bool) -> str:
    """What to type; $CANARY is the address of the service, $TOKEN a token."""
    headers = ["Authorization: Bearer $TOKEN"] if closed else []
    for one in said.get("parameters", ()):
        shown = _shown(one)
        if one["in"] == "path":
            path = path.replace("{" + one["name"] + "}", shown)
        elif one["in"] == "header" and one.get("required"):
            headers.append(f"{one['name']}: {shown}")
    lines = [f'curl {"" if method == "get" else f"-X {method.upper()} "}{_HOST}{path}"']
    if sent:
        headers.append("Content-Type: application/json")
    lines += [f'  -H "{header}"' for header in headers]
    if sent:
        lines.append(f"  -d {shlex.quote(json.dumps(json.loads(sent), ensure_ascii=False))}")
    return " \\\n".join(lines)


def _shown(parameter: Mapping[str, Any]) -> str:
    """A value that a parameter may have."""
    examples = parameter.get("schema", {}).get("examples") or [parameter["name"].upper()]
    return str(examples[0])
