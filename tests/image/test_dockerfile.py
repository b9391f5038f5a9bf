"""What the Dockerfile says, before anything is made of it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from controller.cli import COMMANDS
from tests.image.context import ROOT, context, lets_in
from tests.image.dockerfile import Stage, stages_of

TEXT: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES: Final = stages_of(TEXT)
LAST: Final = STAGES[-1]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PINNED: Final = re.compile(r"python:(?P<version>\d+\.\d+\.\d+)-[a-z-]+@sha256:[0-9a-f]{64}")
_LOCKED: Final = re.compile(r"^([\w.-]+)==([^ \\]+)", re.MULTILINE)


def locked(name: str) -> set[tuple[str, str]]:
    return set(_LOCKED.findall((ROOT / ".ci" / name).read_text(encoding="utf-8")))


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    asked = subprocess.run(
        [str(hadolint), "--failure-threshold", "style", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (asked.returncode, asked.stdout) == (0, "")


def test_every_stage_has_the_same_base_pinned_by_tag_and_digest() -> None:
    assert len({stage.base for stage in STAGES}) == 1
    assert PINNED.fullmatch(LAST.base), f"{LAST.base}: write python:X.Y.Z-slim-NAME@sha256:..."


def test_the_python_of_the_base_is_one_that_the_project_supports() -> None:
    found = PINNED.fullmatch(LAST.base)
    assert found is not None
    assert found["version"] in SpecifierSet(PROJECT["project"]["requires-python"])
    # Of the same minor version are the bytecode, the wheels and the tests.
    assert found["version"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")


def test_the_user_is_a_number_that_is_not_root_and_the_chart_says_the_same() -> None:
    user, group = LAST.last("USER").value.split(":")
    pod = chart_pod()
    assert int(user) >= 10_000
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["securityContext"]["runAsGroup"] == int(group)


def test_it_starts_our_program_by_itself_without_a_shell() -> None:
    entry, command = LAST.last("ENTRYPOINT").words, LAST.last("CMD").words
    assert entry == ["canaryctl"]
    assert entry[0] in PROJECT["project"]["scripts"]
    assert command[0] in {one.name for one in COMMANDS}
    (container,) = chart_pod()["containers"]
    assert "command" not in container
    assert container.get("args", command) == command


def test_the_port_is_the_one_that_the_chart_opens() -> None:
    (container,) = chart_pod()["containers"]
    ports = [str(port["containerPort"]) for port in container["ports"]]
    assert [one.value for one in LAST.all("EXPOSE")] == ports


def test_it_is_stopped_by_the_signal_that_the_controller_awaits() -> None:
    assert LAST.last("STOPSIGNAL").value == "SIGTERM"


def test_the_probes_of_kubernetes_are_the_only_ones() -> None:
    assert not [one for stage in STAGES for one in stage.all("HEALTHCHECK")]


def test_the_last_stage_runs_nothing_and_takes_its_files_from_the_first() -> None:
    assert LAST.all("RUN") == []
    assert all(copy.value.startswith("--from=") for copy in LAST.all("COPY"))


def test_the_labels_are_those_of_the_open_container_initiative() -> None:
    labels = {key: value for one in LAST.all("LABEL") for key, value in one.pairs.items()}
    wanted = {"title", "description", "version", "revision", "created", "source"}
    assert {key.removeprefix("org.opencontainers.image.") for key in labels} == wanted
    assert all(labels.values())


def test_the_version_is_the_projects_unless_the_build_says_another() -> None:
    defaults = dict(one.value.partition("=")[::2] for one in LAST.all("ARG"))
    assert defaults["VERSION"] == PROJECT["project"]["version"]


def test_what_is_installed_is_locked_by_hash_and_names_no_host() -> None:
    for name in ("runtime.lock", "build.lock"):
        text = (ROOT / ".ci" / name).read_text(encoding="utf-8")
        assert "://" not in text
        for requirement in re.split(r"\n(?=\S)", text.strip()):
            assert "--hash=sha256:" in requirement, requirement


def test_the_image_gets_the_very_versions_that_the_tests_ran_with() -> None:
    assert locked("runtime.lock") <= locked("requirements.lock"), "make lock"
    assert locked("build.lock") <= locked("requirements.lock"), "make lock"


def test_the_locks_have_all_that_the_project_and_its_build_ask_for() -> None:
    for name, wanted in (
        ("runtime.lock", PROJECT["project"]["dependencies"]),
        ("build.lock", PROJECT["build-system"]["requires"]),
    ):
        have = {canonicalize_name(package): version for package, version in locked(name)}
        for requirement in map(Requirement, wanted):
            version = have.get(canonicalize_name(requirement.name), "")
            assert version, f"{name} lacks {requirement}: make lock"
            assert version in requirement.specifier, f"{name}: make lock"


def test_pip_is_given_nothing_but_locked_or_local_files() -> None:
    for stage in STAGES:
        for run in stage.all("RUN"):
            for install in re.findall(r"pip (?:--python \S+ )?install ([^&]+)", run.value):
                by_hash = "--require-hashes" in install and "--only-binary :all:" in install
                assert by_hash or ("--no-index" in install and "--no-deps" in install)


def test_only_what_a_copy_takes_is_sent_to_the_engine() -> None:
    taken = [Path(source) for stage in STAGES for source in sources(stage)]
    for path in context():
        assert any(path == one or one in path.parents for one in taken), f"{path} is not used"


def test_nothing_of_a_machine_or_a_person_is_sent_to_the_engine() -> None:
    for path in (
        *(".git/config", ".venv/bin/python", ".env", "controller.kubeconfig", "slack-webhook"),
        *("tests/conftest.py", "docs/people.md", ".ci/requirements.lock", "uv.lock", "dist/a.whl"),
        *("controller/__pycache__/a.pyc", "controller/cli/__pycache__/b.cpython-311.pyc"),
    ):
        assert not lets_in(path), path
    for path in ("controller/adapters/http/pages/page.css", "pyproject.toml", ".ci/runtime.lock"):
        assert lets_in(path), path


def sources(stage: Stage) -> list[str]:
    return [
        source
        for copy in stage.all("COPY")
        if not copy.value.startswith("--from=")
        for source in copy.value.split()[:-1]
    ]


def chart_pod() -> dict[str, Any]:
    text = (ROOT / "deploy" / "controller.yaml").read_text(encoding="utf-8")
    (deployment,) = [one for one in yaml.safe_load_all(text) if one["kind"] == "Deployment"]
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod
