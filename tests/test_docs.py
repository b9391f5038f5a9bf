"""The docs say what is there: examples parse, what is named exists, generated parts are fresh."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
import yaml

from controller.adapters.kube.intents import read_intent
from controller.adapters.kube.model import parse_policy
from controller.adapters.kube.names import GROUP, INTENT_ANNOTATION, KIND, VERSION
from controller.adapters.prometheus.problems import problem_of
from controller.domain.lifecycle import TRANSITIONS, Phase
from controller.domain.policy import Policy
from controller.domain.records import Intent, IntentAction
from controller.settings import Settings, flag, variable

ROOT: Final = Path(__file__).resolve().parent.parent
README: Final = ROOT / "README.md"
REFERENCE: Final = ROOT / "docs" / "reference.md"
DECISIONS: Final = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES: Final = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
CODE: Final = re.compile(r"`([^`\n]+)`")
FOLDERS: Final = ("controller", "deploy", "docs", "tests")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(text(page)) if language in languages]


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", text(page))


def code(page: Path) -> list[str]:
    """What stands in the type of a machine: spans, and the lines of shell blocks."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return CODE.findall(prose(page)) + lines


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made by those who show Markdown."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


def examples() -> Iterator[Any]:
    """Every object in a YAML block of any page."""
    for page in PAGES:
        for number, block in enumerate(blocks(page, "yaml", "yml")):
            for found in yaml.safe_load_all(block):
                yield pytest.param(found, id=f"{name(page)}-{number}-{found['kind']}")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_parts_are_fresh(generator: ModuleType) -> None:
    for page, wanted in generator.documents().items():
        assert text(page) == wanted, f"{name(page)} is old: make fix"


def test_checking_writes_nothing_and_is_content() -> None:
    before = {page: page.stat().st_mtime_ns for page in PAGES}
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {page: page.stat().st_mtime_ns for page in PAGES} == before


def test_every_move_is_in_the_diagram(generator: ModuleType) -> None:
    """Read the arrows back, groups unfolded: they are the table, no more and no less."""
    arrow = re.compile(r"^ +(\w+) --> (\w+): (.+)$", re.MULTILINE)
    names = {phase.value: {phase} for phase in Phase}
    names |= {group: members for group, (members, _) in generator.GROUPS.items()}
    drawn = {
        (phase.value, label.replace(" ", ""), to)
        for source, to, labels in arrow.findall(generator.diagram())
        for label in labels.split(", ")
        for phase in names[source]
    }
    table = {
        (phase.value, event.value.lower(), to.value) for (phase, event), to in TRANSITIONS.items()
    }
    assert drawn == table


@pytest.mark.parametrize("example", list(examples()))
def test_an_example_is_a_whole_object(example: Any) -> None:
    assert {"apiVersion", "kind", "metadata"} <= example.keys()
    assert example["metadata"]["name"]
    if example["kind"] == KIND:
        assert example["apiVersion"] == f"{GROUP}/{VERSION}"
        assert isinstance(parse_policy(example["spec"], problem_of), Policy)


def test_the_smallest_canary_is_six_lines() -> None:
    (smallest,) = blocks(README, "yaml")
    assert len(smallest.splitlines()) == 6


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = {found for span in code(page) for found in re.findall(r"^make ([a-z]+)", span)}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    for span in code(page):
        for path in re.findall(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./-]*", span):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    sources = "\n".join(text(path) for path in (ROOT / "tests").rglob("test_*.py"))
    for span in code(page):
        if re.fullmatch(r"test_\w+", span):
            assert f"def {span}(" in sources, span


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_metric_of_ours_that_is_named_exists(page: Path) -> None:
    metrics = set(re.findall(r"`(canary_controller_\w+)`", text(REFERENCE)))
    named = {found for span in code(page) for found in re.findall(r"canary_controller_\w+", span)}
    assert metrics
    assert named <= metrics


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_flag_of_the_controller_that_is_shown_exists(page: Path) -> None:
    flags = {f"--{flag(setting)}" for setting in Settings.model_fields}
    for block in blocks(page, "sh"):
        for command in re.findall(r"canaryctl run((?:[^\n]*\\\n)*[^\n]*)", block):
            assert set(re.findall(r"--[\w-]+", command)) <= flags


def test_the_reference_names_every_setting() -> None:
    for setting in Settings.model_fields:
        assert f"| `--{flag(setting)}` | `{variable(setting)}` |" in text(REFERENCE)


def test_the_reference_names_every_phase() -> None:
    for phase in Phase:
        assert f"| `{phase.value}` | " in text(REFERENCE)


def test_the_reference_names_every_reason_of_an_event() -> None:
    """Found by another road than the generator's: as text."""
    reasons = {
        reason
        for path in (ROOT / "controller").rglob("*.py")
        # There they are the kubelet's words.
        if "simulation" not in path.parts and path.name != "examples.py"
        for reason in re.findall(r'\breason="([A-Z][A-Za-z]+)"', text(path))
    }
    assert len(reasons) > 20
    assert {reason for reason in reasons if f"| `{reason}` | " not in text(REFERENCE)} == set()


def test_the_readme_shows_every_command_as_it_is_read() -> None:
    shown = re.findall(rf'{re.escape(INTENT_ANNOTATION)}=("[^"]+"|\S+)', text(README))
    intents = [read_intent({INTENT_ANNOTATION: value.strip('"')}) for value in shown]
    assert {i.action for i in intents if isinstance(i, Intent)} == set(IntentAction)
    assert all(isinstance(intent, Intent) for intent in intents)


def test_the_tree_in_the_readme_is_there() -> None:
    tree = re.search(r"^## The tree\n\n```text\n(.*?)^```", text(README), re.DOTALL | re.MULTILINE)
    assert tree is not None
    listed = [line.split()[0] for line in tree[1].splitlines()]
    assert {path.split("/")[0] for path in listed} == set(FOLDERS)
    for path in listed:
        assert (ROOT / path).is_dir(), path
    packages = {name(path.parent) + "/" for path in ROOT.glob("controller/*/__init__.py")}
    assert packages <= set(listed)


@pytest.mark.parametrize("page", DECISIONS, ids=name)
def test_a_decision_says_how_we_would_notice_that_it_was_wrong(page: Path) -> None:
    heads = re.findall(r"^## (.+)$", text(page), re.MULTILINE)
    assert heads == [
        "Context",
        "Decision",
        "What it costs",
        "How we would notice it was wrong",
    ]
    assert len(text(page).splitlines()) <= 60


def test_decisions_are_numbered_and_listed() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    listed = text(ROOT / "docs" / "architecture.md")
    for page, number in zip(DECISIONS, numbers, strict=True):
        assert text(page).startswith(f"# {number}. ")
        assert f"(decisions/{page.name})" in listed


def test_the_change_log_begins_with_what_is_not_released() -> None:
    heads = re.findall(r"^## (.+)$", text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert heads[0] == "Unreleased"
