"""The examples in deploy/: each is a Canary that can be acted on, and each preset has one."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

from controller.adapters.prometheus.presets import PRESETS

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = sorted((ROOT / "deploy" / "examples").glob("*.yaml"))
# What these are for is what lint warns of.
WARNED: Final = frozenset({"crashes-only", "observe"})
KUBECTL: Final = Path(sys.executable).with_name("kubectl")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_can_be_acted_on(path: Path) -> None:
    strict = [] if path.stem in WARNED else ["--strict"]
    done = subprocess.run(
        [sys.executable, "-m", "controller", "lint", *strict, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_preset_has_an_example() -> None:
    found = {}
    for path in EXAMPLES:
        requests = yaml.safe_load(path.read_text())["spec"].get("analysis", {}).get("requests", {})
        found[path.stem] = requests.get("preset")
    assert {name for name, preset in found.items() if name == preset} == set(PRESETS)


@pytest.mark.parametrize("folder", ["deploy", "deploy/monitoring", "deploy/sample"])
def test_a_folder_of_manifests_is_a_kustomization(folder: str) -> None:
    done = subprocess.run(
        [KUBECTL, "kustomize", folder],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert [one for one in yaml.safe_load_all(done.stdout) if one]
