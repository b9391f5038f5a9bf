"""`python docs/generate.py [--check]`: writes what the docs say of the code from the code.

docs/reference.md and docs/commands.md are generated whole, of README.md and some other pages what
stands between two markers. With `--check` nothing is written: the exit code is 1 when one is old.
"""

import ast
import difflib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client import CollectorRegistry

from controller.adapters.clock import SystemClock
from controller.adapters.kube.crd import crd
from controller.adapters.kube.guard_spec import VALUE_MAX
from controller.adapters.prometheus.presets import PRESETS, REFUSED
from controller.adapters.telemetry import Telemetry
from controller.cli import COMMANDS, parser_of
from controller.cli.exits import EXIT_CODES
from controller.domain.lifecycle import AT_REST, JUDGED, TRANSITIONS, Event, Phase
from controller.domain.records import IntentAction
from controller.domain.status import Result
from controller.settings import Settings, flag, variable
from controller.simulation.scenarios.schema import fields as scenario_fields

ROOT: Final = Path(__file__).resolve().parent.parent
# The pages' makers stand beside this file; the docs are no package.
sys.path.insert(0, str(ROOT / "docs"))
import reference_more  # noqa: E402 - it is found by the line above

REFERENCE: Final = ROOT / "docs" / "reference.md"
COMMANDS_PAGE: Final = ROOT / "docs" / "commands.md"
HELP_COLUMNS: Final = 96
WORDS: Final = ROOT / "docs" / "words.json"
README: Final = ROOT / "README.md"
HOW_IT_DECIDES: Final = ROOT / "docs" / "how-it-decides.md"
METRICS: Final = ROOT / "docs" / "metrics.md"
ALERTS: Final = ROOT / "helm" / "canary-controller" / "files" / "alerts.yaml"
SECURITY: Final = ROOT / "docs" / "security.md"

HEAD: Final = """\
# Reference

Generated from the code by `make fix`: change that, not this. What words mean that the code cannot
say is in [words.json](words.json).
"""

COMMANDS_HEAD: Final = """\
# Commands

Generated from the code by `make fix`: change that, not this. All of them are there as `canaryctl`
and as `kubectl canary`.
"""

# Sets of phases that leave by the same move: one arrow each keeps the diagram readable.
GROUPS: Final[Mapping[str, tuple[frozenset[Phase], str]]] = {
    "AtRest": (AT_REST, "at rest: any phase where no release runs"),
    "Judged": (JUDGED, "judged: any phase from Seeding to Baking"),
}

Row = tuple[str, ...]


def documents() -> Mapping[Path, str]:
    """Every file with generated parts, as it should be."""
    return {
        REFERENCE: reference(),
        COMMANDS_PAGE: command_line(),
        README: with_parts(README.read_text(encoding="utf-8"), {"life cycle": diagram()}),
        HOW_IT_DECIDES: with_parts(
            HOW_IT_DECIDES.read_text(encoding="utf-8"),
            {"life cycle": diagram(), "worked example": reference_more.example()},
        ),
        METRICS: with_parts(
            METRICS.read_text(encoding="utf-8"), {"metrics": _metrics(), "alerts": _alerts()}
        ),
        SECURITY: with_parts(
            SECURITY.read_text(encoding="utf-8"), {"rights": reference_more.rights()}
        ),
    }


def with_parts(text: str, parts: Mapping[str, str]) -> str:
    """The text with what stands between its markers made anew."""
    for name, content in parts.items():
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        assert found, f"there is no {begin}"
        assert closed, f"{begin} is not closed by {end}"
        text = before + begin + content + end + after
    return text


def diagram() -> str:
    """The life of a release, drawn from the table of moves."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (event, to), sources in _moves().items():
        for source in _grouped(sources):
            arrows.setdefault((source, to.value), []).append(_spaced(event.value))
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.IDLE.value}"]
    lines += [f'    state "{text}" as {name}' for name, (_, text) in GROUPS.items()]
    lines += [
        f"    {source} --> {to}: {', '.join(dict.fromkeys(labels))}"
        for (source, to), labels in arrows.items()
    ]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def reference() -> str:
    """The whole of docs/reference.md."""
    words = json.loads(WORDS.read_text(encoding="utf-8"))
    sections = {
        "The Canary": _canary(),
        "Presets": _presets(),
        "Settings": _settings(),
        "Phases": _worded("phase", words["phases"], [phase.value for phase in Phase]),
        "Moves": _move_table(words["moves"]),
        "Commands": _worded(
            "command", words["commands"], [action.value for action in IntentAction]
        ),
        "Events": _worded("reason", words["events"], _event_reasons()),
        "Problems": _worded("reason", words["problems"], _reasons("Problem")),
        "Metrics": "They have a page of their own: [metrics](metrics.md).\n",
        **reference_more.sections(),
        "Scenario files": _scenario_file(),
    }
    introductions: Mapping[str, str] = words["introductions"]
    assert introductions.keys() <= sections.keys(), "an introduction of no section"
    parts = [
        f"## {title}\n\n{introductions.get(title, '')}\n\n{body}".replace("\n\n\n\n", "\n\n")
        for title, body in sections.items()
    ]
    return "\n".join([HEAD, *parts])


def command_line() -> str:
    """The whole of docs/commands.md: what each command says of itself."""
    # argparse asks the environment how wide a line may be.
    os.environ["COLUMNS"] = str(HELP_COLUMNS)
    parts = [COMMANDS_HEAD, f"## Exit codes\n\n```text\n{EXIT_CODES}\n```\n"]
    for command in COMMANDS:
        said = parser_of(command).format_help()
        said = said.replace(f"\n\n{EXIT_CODES}", "").replace(EXIT_CODES, "").rstrip()
        parts.append(f"## {command.name}\n\n```text\n{said}\n```\n")
    return "\n".join(parts)


def _canary() -> str:
    version = crd()["spec"]["versions"][0]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    columns = [
        (f"`{column['name']}`", f"`{column['jsonPath']}`", column["description"])
        for column in version["additionalPrinterColumns"]
    ]
    return "\n".join(
        [
            _table(("field of `spec`", "type", "default", "meaning"), _fields("", spec)),
            "Columns of `kubectl get canaries`:\n",
            _table(("column", "from", "meaning"), columns),
        ]
    )


def _fields(path: str, node: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each field below a node, parents before children."""
    required = node.get("required", ())
    for name, field in node.get("properties", {}).items():
        where = f"{path}.{name}" if path else name
        items = field.get("items", {})
        # A record's default is those of its fields, a list of records says it in its meaning.
        is_record = "properties" in field or "properties" in items
        default = field.get("default", "")
        said = "" if is_record or default == "" else f"`{json.dumps(default)}`"
        shown = "required" if name in required else said
        yield (f"`{where}`", _type(field), shown, field.get("description", ""))
        yield from _fields(where, field)
        yield from _fields(f"{where}[]", items)


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "number or percentage"
    if field["type"] == "array":
        # Only a list of plain values says of what: a record's fields have rows of their own.
        inner = field["items"]["type"]
        return "list" if inner == "object" else f"list of {inner}s"
    lowest, highest = field.get("minimum", -VALUE_MAX), field.get("maximum", VALUE_MAX)
    if lowest <= -VALUE_MAX and highest >= VALUE_MAX:
        return str(field["type"])
    if highest >= VALUE_MAX:
        return f"{field['type']}, {lowest:g} or more"
    return f"{field['type']}, {lowest:g} to {highest:g}"


def _presets() -> str:
    rows = [
        (
            f"`{name}`",
            f"`{p.counter}`",
            f'`{p.status}=~"{p.failed}"`',
            f"`{p.route}`" * bool(p.route),
            f"`{p.histogram}`, {p.unit}" * bool(p.histogram),
        )
        for name, p in PRESETS.items()
    ]
    refused = "".join(f"\n`{name}` is refused: {reason}.\n" for name, reason in REFUSED.items())
    return _table(("preset", "counter", "failed when", "split by", "slow by"), rows) + refused


def _settings() -> str:
    rows = [
        (
            f"`--{flag(name)}`",
            f"`{variable(name)}`",
            "none" if field.default is None else f"`{json.dumps(field.default)}`",
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
    return _table(("flag", "environment", "default", "meaning"), rows)


def _move_table(words: Mapping[str, str]) -> str:
    _complete(words, [event.value for event in Event], "move")
    rows = [
        (
            ", ".join(_listed(sources)),
            f"`{event.value}`",
            f"`{to.value}`",
            words[event.value],
        )
        for (event, to), sources in _moves().items()
    ]
    return diagram() + "\n" + _table(("from", "move", "to", "when"), rows)


def everything_shown(telemetry: Telemetry) -> None:
    """Let it show all that a replica lets it show."""
    telemetry.show_watches(lambda: {"pods": 0.0}, lambda: {"pods": 0}, lambda: {"pods": 0})
    telemetry.show_standing(lambda: (), SystemClock())
    telemetry.show_replica(lambda: False, lambda: 0, lambda: False)
    telemetry.show_streams(lambda: 0, lambda: 0)
    telemetry.show_recorder(lambda: 0)


def _metrics() -> str:
    registry = CollectorRegistry()
    everything_shown(Telemetry(registry))
    rows = []
    for family in sorted(registry.collect(), key=lambda family: family.name):
        # The text format calls a counter by the name of its sample.
        name = family.name + "_total" * (family.type == "counter")
        rows.append((f"`{name}`", family.type, family.documentation))
    return _table(("metric", "type", "meaning"), rows)


def _scenario_file() -> str:
    words = {"", "required"}
    rows = [
        # What must be given is a word about the field, not a value of it.
        (f"`{field}`", kind, default if default in words else f"`{default}`", meaning)
        for field, kind, default, meaning in scenario_fields()
    ]
    return _table(("field", "type", "default", "meaning"), rows)


def _worded(what: str, words: Mapping[str, str], names: Iterable[str]) -> str:
    names = list(dict.fromkeys(names))
    _complete(words, names, what)
    return _table((what, "meaning"), [(f"`{name}`", words[name]) for name in names])


def _complete(words: Mapping[str, str], names: Iterable[str], what: str) -> None:
    missing, unknown = set(names) - words.keys(), words.keys() - set(names)
    assert not missing, f"docs/words.json does not say what each {what} means: {sorted(missing)}"
    assert not unknown, f"docs/words.json explains what is no {what}: {sorted(unknown)}"


def _event_reasons() -> list[str]:
    """Reasons of Events: those in the source, and the results that end a release from outside."""
    ended = {Result.SUPERSEDED.value, Result.WITHDRAWN.value}
    return sorted({*_reasons("Occurrence"), *ended})


def _reasons(record: str) -> list[str]:
    """Every text given as `reason` to a record of this name, anywhere in the controller."""
    found: set[str] = set()
    for path in sorted((ROOT / "controller").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == record:
                said = next(word.value for word in node.keywords if word.arg == "reason")
                if isinstance(said, ast.Constant):
                    found.add(str(said.value))
                else:
                    known = {"result.value", "problem.reason", "after.phase.value"}
                    assert ast.unparse(said) in known, f"{path}: a reason that cannot be read"
    return sorted(found)


def _alerts() -> str:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rows = [
        (
            f"[{rule['alert']}](runbooks.md#{rule['alert'].lower()})",
            rule["labels"]["severity"],
            rule["annotations"]["description"],
        )
        for group in groups
        for rule in group["rules"]
    ]
    return _table(("alert", "severity", "what it means"), rows)


def _moves() -> dict[tuple[Event, Phase], list[Phase]]:
    """The phases that each move leaves, in the order of the table."""
    moves: dict[tuple[Event, Phase], list[Phase]] = {}
    for (phase, event), to in TRANSITIONS.items():
        moves.setdefault((event, to), []).append(phase)
    return moves


def _grouped(phases: Iterable[Phase]) -> list[str]:
    """The names of the groups that are in there whole, then the phases that are in none of them."""
    rest = set(phases)
    names = [name for name, (members, _) in GROUPS.items() if members <= rest]
    for name in names:
        rest -= GROUPS[name][0]
    return names + [phase.value for phase in Phase if phase in rest]


def _listed(phases: Iterable[Phase]) -> list[str]:
    return [f"`{phase.value}`" for phase in Phase if phase in set(phases)]


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare."""
    check = arguments == ["--check"]
    old = 0
    for path, text in documents().items():
        known = path.read_text(encoding="utf-8") if path.exists() else ""
        if known == text:
            continue
        old += 1
        if check:
            name = str(path.relative_to(ROOT))
            lines = difflib.unified_diff(
                known.splitlines(), text.splitlines(), name, name, lineterm=""
            )
            sys.stdout.writelines(f"{line}\n" for line in lines)
        else:
            path.write_text(text, encoding="utf-8")
    if check and old:
        sys.stderr.write("the docs are old: make fix\n")
    return 1 if check and old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
