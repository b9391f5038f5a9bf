"""Canaries in a text: where each one is, what is wrong with it, what hardly can be meant."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from controller.adapters.kube.model import CanarySpec, spec_problems
from controller.adapters.kube.names import GROUP, KIND, VERSION
from controller.adapters.prometheus.problems import problem_of
from controller.cli.unwise import Doubt, Target, warnings_of
from controller.domain.records import Problem
from controller.simulation.scenarios.marked_yaml import Marked, Path, Unreadable, read_yaml

API_VERSION: Final = f"{GROUP}/{VERSION}"
NAME_CHARACTERS_MAX: Final = 63
FIELDS: Final = ("apiVersion", "kind", "metadata", "spec", "status")
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# A line that begins so ends a document, wherever it stands: YAML allows it nothing else.
_BOUNDARY: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_CANARY: Final = re.compile(r"""kind["']?\s*:\s*["']?Canary\b""")
_DEPLOYMENT: Final = re.compile(r"""kind["']?\s*:\s*["']?Deployment\b""")
_TEMPLATED: Final = re.compile(r"\{\{.*?\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something about one place of a file. `field` empty: about the whole document."""

    line: int
    field: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field + ' ' if self.field else ''}{self.message}. {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One Canary of a file. `spec` has every default in it; None where something is wrong."""

    line: int
    namespace: str = ""
    name: str = ""
    problems: tuple[Remark, ...] = ()
    warnings: tuple[Remark, ...] = ()
    spec: CanarySpec | None = None

    @property
    def title(self) -> str:
        name = self.name or "(no name)"
        return f"{self.namespace}/{name}" if self.namespace else name


def targets_in(text: str) -> Mapping[tuple[str, str], Target]:
    """The Deployments in a text, by namespace and name, as far as they can be read."""
    found = {}
    for _, document in _documents(text):
        if not _DEPLOYMENT.search(document):
            continue
        # What is wrong with a Deployment is not ours to tell.
        with contextlib.suppress(Unreadable):
            for marked in read_yaml(document):
                for _, one in _objects(marked):
                    if one.get("kind") == "Deployment":
                        found[_named(one)] = Target.of(one)
    return found


def check(text: str, targets: Mapping[tuple[str, str], Target]) -> Iterator[Checked]:
    """Every Canary in a text. Other objects are passed over; `targets` are those that are known."""
    for first, document in _documents(text):
        if not _CANARY.search(document):
            continue
        try:
            found = read_yaml(document)
        except Unreadable as error:
            yield _unreadable(error, document, first)
            continue
        for marked in found:
            for root, one in _objects(marked):
                if _is_ours(one):
                    yield _Checker(marked, root, first).check(one, targets)


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """Each document, with the number of lines before it."""
    starts = [0, *(match.end() for match in _BOUNDARY.finditer(text))]
    ends = [*(match.start() for match in _BOUNDARY.finditer(text)), len(text)]
    for start, end in zip(starts, ends, strict=True):
        yield text.count("\n", 0, start), text[start:end]


def _unreadable(error: Unreadable, document: str, before: int) -> Checked:
    remedy = error.remedy
    if _TEMPLATED.search(document):
        remedy = (
            "This looks like a template: check what it makes, helm template . | canaryctl lint -"
        )
    remark = Remark(
        line=before + error.line, field=_spelled(error.path), message=error.message, remedy=remedy
    )
    return Checked(line=before + error.line, problems=(remark,))


def _objects(marked: Marked) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The document itself, or the items of a list of objects, as kubectl writes them."""
    value = marked.value
    if not isinstance(value, dict):
        return
    items = value.get("items")
    if not (str(value.get("kind", "")).endswith("List") and isinstance(items, list)):
        yield (), value
        return
    for number, item in enumerate(items):
        if isinstance(item, dict):
            yield ("items", number), item


def _named(one: dict[str, Any]) -> tuple[str, str]:
    """Namespace and name; empty where it has none."""
    metadata = one.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _is_ours(value: dict[str, Any]) -> bool:
    """A Canary, and not one of another tool."""
    group, _, version = str(value.get("apiVersion", "")).rpartition("/")
    return value.get("kind") == KIND and (group == GROUP or not version or not group)


class _Checker:
    """Looks at one object of a document that begins after `before` lines."""

    def __init__(self, marked: Marked, root: Path, before: int) -> None:
        self._marked = marked
        self._root = root
        self._before = before

    def check(self, canary: dict[str, Any], targets: Mapping[tuple[str, str], Target]) -> Checked:
        metadata = canary.get("metadata")
        named: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
        problems = [*self._frame(canary, named), *self._spec(canary.get("spec"))]
        spec = None if problems else CanarySpec.model_validate(canary["spec"])
        if spec is not None:
            unasked = problem_of(spec.policy())
            problems += [self._remark(unasked)] if unasked is not None else []
        namespace, name = _named(canary)
        warnings: tuple[Doubt, ...] = ()
        if spec is not None and not problems:
            policy = spec.policy()
            warnings = warnings_of(policy, targets.get((namespace, policy.target)))
        return Checked(
            line=self._line(()),
            namespace=namespace,
            name=name,
            problems=tuple(sorted(problems, key=lambda remark: remark.line)),
            warnings=tuple(self._remark(one) for one in warnings),
            spec=None if problems else spec,
        )

    def _frame(self, canary: dict[str, Any], metadata: dict[str, Any]) -> Iterator[Remark]:
        """What is around the spec."""
        if canary.get("apiVersion") != API_VERSION:
            said = canary.get("apiVersion")
            message = "is missing" if said is None else f"{said!r} is not known"
            yield self._at(("apiVersion",), message, f"Write {API_VERSION}")
        for field in canary:
            if field not in FIELDS:
                known = ", ".join(FIELDS[:4])
                yield self._at((field,), "is not a known field", f"Known here: {known}")
        name: object = metadata.get("name")
        if name is None and "generateName" not in metadata:
            yield self._at(("metadata", "name"), "is missing", "Give the Canary a name")
        elif name is not None and not _is_name(name):
            remedy = (
                f"Use at most {NAME_CHARACTERS_MAX} small letters, digits and dashes: it is the "
                "value of a label on the Deployment"
            )
            yield self._at(("metadata", "name"), f"{name!r} is not a valid name", remedy)

    def _spec(self, spec: object) -> Iterator[Remark]:
        yield from map(self._remark, spec_problems(spec))

    def _remark(self, problem: Problem | Doubt) -> Remark:
        return self._at(_path(problem.field), problem.message, problem.remedy)

    def _at(self, path: Path, message: str, remedy: str) -> Remark:
        return Remark(line=self._line(path), field=_spelled(path), message=message, remedy=remedy)

    def _line(self, path: Path) -> int:
        return self._before + self._marked.line((*self._root, *path))


def _is_name(name: object) -> bool:
    return (
        isinstance(name, str) and len(name) <= NAME_CHARACTERS_MAX and bool(_NAME.fullmatch(name))
    )


def _path(field: str) -> Path:
    """`spec.steps[1].canary` as a path."""
    parts = field.replace("[", ".[").split(".")
    return tuple(int(p[1:-1]) if re.fullmatch(r"\[\d+\]", p) else p for p in parts if p)


def _spelled(path: Path) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")
