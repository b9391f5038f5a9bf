"""A check for each language that a block of the pages may have; any other language is refused."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Final

import promql_parser
import yaml

from tests.docs.objects import wrong_text_of_values, wrong_yaml
from tests.docs.pages import ROOT, Block, text
from tests.docs.programs import Reader, check
from tests.docs.shell import Unreadable, commands_of

PYTHON_SECONDS_MAX: Final = 30
_VALUES: Final = "# values.yaml"


def wrong_shell(block: Block, reader: Reader) -> Iterator[str]:
    """Each command is of a program that is known, and is one that the program would take."""
    body = _commands_only(block.body) if block.language == "console" else block.body
    try:
        commands = commands_of(body)
    except Unreadable as error:
        yield f"{block.at(error.line)}: {error}"
        return
    if not commands:
        yield "no command in it"
    for command in commands:
        for wrong in check(command, reader):
            yield f"{block.at(command.line)}: {wrong}\n    in: {command}"
        reader.files |= set(command.writes)
        if command.stdin and "apply" in command.words:
            yield from (f"{block.at(command.line)}: {one}" for one in _fed(block, command.stdin))


def _fed(block: Block, stdin: str) -> Iterator[str]:
    """What a here-document hands to `kubectl apply -f -`."""
    fed = Block(page=block.page, line=block.line, language="yaml", marks=(), body=stdin)
    return wrong_yaml(fed)


def _commands_only(body: str) -> str:
    """What is typed after the `$ `; what is answered becomes empty lines."""
    kept, goes_on = [], False
    for line in body.splitlines():
        typed = line.removeprefix("$ ") if line.startswith("$ ") else line if goes_on else ""
        goes_on = typed.endswith("\\")
        kept.append(typed)
    return "\n".join(kept) + "\n"


def wrong_json(block: Block, reader: Reader) -> Iterator[str]:
    try:
        json.loads(block.body)
    except ValueError as error:
        try:
            for line in block.body.splitlines():
                json.loads(line)
        except ValueError:
            yield f"{error}"


def wrong_python(block: Block, reader: Reader) -> Iterator[str]:
    """It is run by itself, in an empty folder; marked `compile` it is only compiled."""
    try:
        compile(block.body, block.where, "exec")
    except SyntaxError as error:
        yield f"{block.at(error.lineno or 0)}: {error.msg}"
        return
    if "compile" in block.marks:
        return
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", block.body],
            capture_output=True,
            text=True,
            check=False,
            timeout=PYTHON_SECONDS_MAX,
            cwd=folder,
        )
    if ran.returncode:
        yield f"it ends with {ran.returncode}: {ran.stderr.strip().splitlines()[-1]}"


def wrong_promql(block: Block, reader: Reader) -> Iterator[str]:
    """One expression for each paragraph; lines of comment may stand between them."""
    plain = re.sub(r"^\s*#.*$", "", block.body, flags=re.MULTILINE)
    for expression in re.split(r"\n\s*\n", plain):
        if not expression.strip():
            continue
        try:
            promql_parser.parse(expression)
        except ValueError as error:
            yield f"{error}\n    in: {expression.strip()}"
        for metric in re.findall(r"\bcanary_controller_\w+", expression):
            if family(metric) not in metrics():
                yield f"we have no metric {metric}; docs/metrics.md lists them"


def family(metric: str) -> str:
    """A metric's name without what its kind adds to it."""
    return re.sub(r"_(bucket|sum|count)$", "", metric)


def metrics() -> set[str]:
    """Our own metrics, as the reference lists them."""
    pages = [ROOT / "docs" / "reference.md", ROOT / "docs" / "metrics.md"]
    listed = "\n".join(text(page) for page in pages if page.exists())
    return {family(one) for one in re.findall(r"`(canary_controller_\w+)", listed)}


def wrong_mermaid(block: Block, reader: Reader) -> Iterator[str]:
    first = (block.body.split() or [""])[0]
    if first not in {"stateDiagram-v2", "flowchart", "sequenceDiagram", "graph"}:
        yield f"a diagram that begins with {first!r}"


def wrong_text(block: Block, reader: Reader) -> Iterator[str]:
    """Output, file names, drawings: what nobody types."""
    if block.body.startswith(_VALUES):
        yield from wrong_text_of_values(block.body)
    for number, line in enumerate(block.body.splitlines(), start=1):
        if line.startswith("$ "):
            yield f"{block.at(number)}: a command is typed in it: make it ```console"


Checked = Callable[[Block, Reader], Iterator[str]]


def _yaml(block: Block, reader: Reader) -> Iterator[str]:
    return wrong_yaml(block)


LANGUAGES: Final[dict[str, Checked]] = {
    **dict.fromkeys(("sh", "bash", "console"), wrong_shell),
    "yaml": _yaml,
    "json": wrong_json,
    "python": wrong_python,
    "promql": wrong_promql,
    "mermaid": wrong_mermaid,
    "text": wrong_text,
}
MARKS: Final[dict[str, str]] = {
    "yaml": r"values|in=\S+|file=\S+",
    "python": r"compile",
}


def wrong_in(block: Block, reader: Reader) -> Iterator[str]:
    """Everything that is wrong with a block, each with its place and what would be right.

    `reader` has the files that the page made so far.
    """
    if block.language not in LANGUAGES:
        said = block.language or "no language"
        yield f"{block.where}: {said}: a block is one of {', '.join(LANGUAGES)}"
        return
    for mark in block.marks:
        if not re.fullmatch(MARKS.get(block.language, "(?!)"), mark):
            yield f"{block.where}: {block.language} has no mark {mark!r} (tests/docs/languages.py)"
            return
    reader.files |= {mark[5:] for mark in block.marks if mark.startswith("file=")}
    try:
        for wrong in LANGUAGES[block.language](block, reader):
            yield (
                wrong if wrong.startswith(block.where.split(":")[0]) else f"{block.where}: {wrong}"
            )
    except (yaml.YAMLError, subprocess.TimeoutExpired) as error:
        yield f"{block.where}: {error}"
