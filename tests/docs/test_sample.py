"""What docs/quickstart.md applies is whole: the sample renders, is valid, and its bug is one."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.docs.pages import ROOT

SAMPLE: Final = ROOT / "deploy" / "sample"
QUICKSTART: Final = ROOT / "docs" / "quickstart.md"
SHOWN: Final = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    """What `kubectl apply --kustomize deploy/sample` sends."""
    rendered = subprocess.run(
        [Path(sys.executable).with_name("kubectl"), "kustomize", SAMPLE],
        capture_output=True,
        text=True,
        check=True,
    )
    return [found for found in yaml.safe_load_all(rendered.stdout) if found]


def one(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return found


def test_the_canary_names_the_deployment_that_is_there(objects: list[dict[str, Any]]) -> None:
    canary = one(objects, "Canary", "exam")
    deployment = one(objects, "Deployment", canary["spec"]["targetRef"]["name"])
    assert canary["metadata"]["namespace"] == deployment["metadata"]["namespace"] == "exams"
    assert deployment["spec"]["replicas"] == 10


def test_everything_but_the_namespace_is_in_it(objects: list[dict[str, Any]]) -> None:
    inside = [o["metadata"].get("namespace") for o in objects if o["kind"] != "Namespace"]
    assert set(inside) == {"exams"}


def test_the_programs_that_run_are_those_of_this_folder(objects: list[dict[str, Any]]) -> None:
    programs = one(objects, "ConfigMap", "programs")["data"]
    for name in ("exam", "users"):
        pod = one(objects, "Deployment", name)["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        (program,) = [Path(word).name for word in container["command"] if word.endswith(".py")]
        assert programs[program] == (SAMPLE / program).read_text(encoding="utf-8")
        assert pod["volumes"] == [{"name": "programs", "configMap": {"name": "programs"}}]


def test_prometheus_scrapes_with_the_labels_that_are_looked_for(
    objects: list[dict[str, Any]],
) -> None:
    text = one(objects, "ConfigMap", "prometheus")["data"]["prometheus.yml"]
    (job,) = yaml.safe_load(text)["scrape_configs"]
    rules = job["relabel_configs"]
    written = {rule["target_label"] for rule in rules if "target_label" in rule}
    assert {"namespace", "pod"} <= written
    annotations = one(objects, "Deployment", "exam")["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"prometheus.io/scrape": "true"}


def test_the_bug_of_the_quick_start_is_one_of_the_servers() -> None:
    (patch,) = re.findall(r"--type=json --patch='(\[.*\])'", QUICKSTART.read_text(encoding="utf-8"))
    (change,) = json.loads(patch)
    assert change["path"] == "/spec/template/spec/containers/0/args"
    server = ast.parse((SAMPLE / "exam_server.py").read_text(encoding="utf-8"))
    bugs = next(
        ast.literal_eval(node.value)
        for node in server.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "BUGS"
    )
    version, bug = change["value"]
    assert version == "--version=v2"
    assert bug.removeprefix("--bug=") in bugs


def test_the_canary_on_the_page_is_the_one_that_is_applied() -> None:
    (shown,) = re.findall(
        r"^```yaml\n(.*?)^```$", QUICKSTART.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    applied = yaml.safe_load((SAMPLE / "canary.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load(shown) == applied
