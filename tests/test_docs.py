"""The docs say what is there: what is named exists, generated parts are fresh."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from controller.adapters.kube.intents import read_intent
from controller.adapters.kube.names import INTENT_ANNOTATION
from controller.domain.lifecycle import TRANSITIONS, Phase
from controller.domain.records import Intent, IntentAction
from controller.settings import Settings, flag, variable
from tests.docs.languages import family, metrics
from tests.docs.pages import PAGES, ROOT, blocks_of, name, spans_of, text

README: Final = ROOT / "README.md"
REFERENCE: Final = ROOT / "docs" / "reference.md"
DECISIONS: Final = sorted((ROOT / "docs" / "decisions").glob("*.md"))

FOLDERS: Final = ("controller", "deploy", "docs", "helm", "tests")


def code(page: Path) -> list[str]:
    """What stands in the type of a machine: spans, and the lines of shell blocks."""
    shell = [block.body for block in blocks_of(page) if block.language in {"sh", "bash", "console"}]
    lines = [line for body in shell for line in body.splitlines()]
    return [span for _, span in spans_of(page)] + lines


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


def test_the_smallest_canary_is_six_lines() -> None:
    (smallest,) = [block.body for block in blocks_of(README) if block.language == "yaml"]
    assert len(smallest.splitlines()) == 6


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    for span in code(page):
        for path in re.findall(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./-]*", span):
            # kubectl has a short word for Deployments that is the name of our folder.
            a_deployment = "kubectl" in span and re.fullmatch(r"deploy/[\w-]+", path)
            assert a_deployment or (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    sources = "\n".join(text(path) for path in (ROOT / "tests").rglob("test_*.py"))
    for span in code(page):
        if re.fullmatch(r"test_\w+", span):
            assert f"def {span}(" in sources, span


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_metric_of_ours_that_is_named_exists(page: Path) -> None:
    named = {found for span in code(page) for found in re.findall(r"canary_controller_\w+", span)}
    assert metrics()
    assert {family(metric) for metric in named} <= metrics()


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
