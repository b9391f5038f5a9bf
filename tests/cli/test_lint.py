"""`canaryctl lint`: Canary files checked as the controller reads them, without a cluster."""

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from controller.adapters.kube.model import parse_policy
from controller.adapters.prometheus.problems import problem_of
from controller.cli import main
from controller.cli.linted import check, targets_in

GOOD = """\
apiVersion: canary-controller.io/v1alpha1
kind: Canary
metadata:
  name: exam-api
  namespace: exams
spec:
  targetRef:
    name: exam-api
"""


def linted(text: str, folder: Path, *flags: str) -> int:
    path = folder / "c.yaml"
    path.write_text(text)
    return main(["lint", str(path), *flags])


def spec(*lines: str) -> str:
    return GOOD + "".join(f"  {line}\n" for line in lines)


def test_a_short_canary_is_fine_and_its_defaults_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert linted(GOOD, tmp_path) == 0
    said = capsys.readouterr().out
    assert "c.yaml:1: exams/exam-api is fine" in said
    assert "step 1             1 pod, at least 1 min, at most 30 min   (default)" in said
    assert "bake               10 min of watching after the last step   (default)" in said


def test_what_the_file_says_is_no_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert linted(spec("bake: 10m", "analysis: {history: 12h}"), tmp_path) == 0
    said = capsys.readouterr().out
    assert "10 min of watching after the last step\n" in said
    assert "12 h of it\n" in said
    assert "by route   (default)" in said


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        (["bakee: 10m"], 9, "spec.bakee is not a known field. Did you mean bake?"),
        (["steps:", "  - canary: 1", "    minDuration: 5m", "    maxDuration: 60s"], 12, "shorter"),
        (["steps:", "  - canary: 50%", "  - canary: 25%"], 11, "is less than the 50%"),
        (["mode: on"], 9, "spec.mode true is not known. Write 'Enforce' or 'Observe'"),
        (["analysis:", "  requests: {preset: istio2}"], 10, "'istio2' is not known. Use one of"),
        (["analysis:", "  guards:", "    - {name: g, query: 'a +', max: 1}"], 10, "query"),
        (["bake: 1m", "bake: 2m"], 10, "spec.bake is there twice, first on line 9"),
        (["\tbake: 1m"], 9, "Indent with spaces"),
    ],
)
def test_a_problem_names_file_line_field_and_remedy(
    lines: list[str], line: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert linted(spec(*lines), tmp_path) == 1
    told = capsys.readouterr().out
    assert f"c.yaml:{line}: error: " in told
    assert said in told


def test_every_problem_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = spec("bakee: 1m", "mode: Maybe").replace("v1alpha1", "v1").replace("api\n", "API\n", 1)
    assert linted(text + "stat: 1\n", tmp_path) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[1] for line in told] == ["1", "4", "9", "10", "11"]


def test_lines_are_counted_through_all_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"# a file\n---\n{GOOD}---\n# nothing here\n---\n{spec('bakee: 1m')}"
    assert linted(text, tmp_path) == 1
    told = capsys.readouterr().out
    assert "c.yaml:3: exams/exam-api is fine" in told
    assert "c.yaml:22: error: spec.bakee" in told


def test_other_objects_are_passed_over_whatever_is_in_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = """\
kind: ConfigMap
data: &a {x: !!binary "no base64"}
again: *a
---
apiVersion: flagger.app/v1beta1
kind: Canary
spec: {anything: goes}
---
"""
    assert linted(others + GOOD, tmp_path) == 0
    assert "c.yaml:9: exams/exam-api is fine" in capsys.readouterr().out


def test_a_list_as_kubectl_writes_it_is_checked_item_by_item(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [yaml.safe_load(GOOD), yaml.safe_load(spec("bakee: 1m"))]
    items[0]["status"] = {"phase": "Promoted"}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=1)
    assert linted(text, tmp_path) == 1
    told = capsys.readouterr().out
    assert "exams/exam-api is fine" in told
    assert "spec.bakee" in told


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        (["mode: Observe"], "spec.mode"),
        (["steps:", "  - canary: 60%"], "spec.steps[0].canary"),
        (["steps:", "  - {canary: 1, minDuration: 5s}"], "spec.steps[0].minDuration"),
        (["steps:", "  - {canary: 1, maxDuration: 60s}"], "spec.steps[0].maxDuration"),
        (["steps:", "  - {canary: 1, minDuration: 24h, maxDuration: 48h}"] * 1, ""),
        (["analysis: {requests: {disabled: true}}"], "spec.analysis.requests.disabled"),
        (["analysis: {falseRollbackMax: 0.2}"], "spec.analysis.falseRollbackMax"),
        (["analysis: {history: 0s}"], "spec.analysis.history"),
        (["analysis: {coverage: {ignorableShare: 0.5}}"], "spec.analysis.coverage.ignorableShare"),
        (["analysis: {coverage: {ignorableShare: 0}}"], "spec.analysis.coverage.ignorableShare"),
        (["analysis: {coverage: {minRequests: 1000}}"], "spec.analysis.coverage"),
        (["onInconclusive: Continue"], "spec.onInconclusive"),
        (["rollback: {strategy: Undo}"], "spec.rollback.strategy"),
        (["bake: 0s"], "spec.bake"),
    ],
)
def test_what_is_allowed_and_hardly_meant_is_a_warning(
    lines: list[str], field: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert linted(spec(*lines), tmp_path) == 0
    told = capsys.readouterr().out
    assert (f": warning: {field} " in told) is bool(field)
    assert linted(spec(*lines), tmp_path, "--strict") == (1 if field else 0)


@pytest.mark.parametrize(
    ("deployment", "said"),
    [
        ("replicas: 1", "spec.targetRef.name the Deployment exam-api has 1 replica"),
        ("replicas: 3", "spec.steps[1] of 3 replicas it is no more than the step before has"),
        ("strategy: {type: Recreate}", "strategy Recreate, which stops all pods"),
        ("replicas: 12", ""),
        ("replicas: ten", ""),
    ],
)
def test_what_the_deployment_beside_it_makes_of_it_is_a_warning(
    deployment: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "deployment.yaml"
    other.write_text(
        "kind: Deployment\nmetadata: {name: exam-api, namespace: exams}\n"
        f"spec: {{{deployment}}}\n"
    )
    assert linted(GOOD, tmp_path, str(other)) == 0
    told = capsys.readouterr().out
    assert ("warning" in told) is bool(said)
    assert said in told


def test_the_objects_with_their_defaults_can_be_applied_and_mean_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = spec("steps:", "  - canary: 30%", "analysis: {slowRequests: {threshold: 500ms}}")
    assert linted(text, tmp_path, "-o", "yaml") == 0
    whole = yaml.safe_load(capsys.readouterr().out)
    assert whole["spec"]["analysis"]["requests"]["preset"] == "opentelemetry"
    assert whole["metadata"] == {"name": "exam-api", "namespace": "exams"}
    given: Any = yaml.safe_load(text)
    assert parse_policy(whole["spec"], problem_of) == parse_policy(given["spec"], problem_of)
    again = tmp_path / "again"
    again.mkdir()
    assert linted(yaml.safe_dump(whole), again) == 0


def test_a_program_reads_what_was_found_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert linted(f"{spec('bake: 0s')}---\n{spec('bakee: 1m')}", tmp_path, "-o", "json") == 1
    (file,) = json.loads(capsys.readouterr().out)
    good, bad = file["canaries"]
    assert good["effective"]["bake"] == "0s"
    assert [one["field"] for one in good["warnings"]] == ["spec.bake"]
    assert bad["effective"] is None
    assert bad["problems"][0]["line"] == 19


def test_quiet_says_only_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert linted(GOOD, tmp_path, "-q") == 0
    assert capsys.readouterr().out == ""


def test_a_template_is_told_how_to_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert linted(spec("bake: {{ .Values.bake }}: x"), tmp_path) == 1
    assert "helm template . | canaryctl lint -" in capsys.readouterr().out


def test_a_file_without_a_canary_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert linted("kind: Deployment\n", tmp_path) == 1
    assert "no object of kind Canary" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"\xff\xfe\x00", "not text in UTF-8")]
)
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_bytes(content)
    assert main(["lint", str(path)]) == 2
    told = capsys.readouterr().err
    assert str(path) in told
    assert said in told


WORDS = st.sampled_from(["spec", "steps", "canary", "metadata", "name", "items", "kind", "Canary"])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=5))
TREES = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), below, max_size=4),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["spec", "metadata", "apiVersion", "x"]), TREES))
def test_whatever_is_written_in_a_canary_has_an_answer(tree: dict[str, Any]) -> None:
    for text in (
        json.dumps({**tree, "kind": "Canary"}),
        yaml.safe_dump({**tree, "kind": "Canary"}),
    ):
        for one in check(text, targets_in(text)):
            assert one.problems or one.spec
            assert all(1 <= remark.line <= len(text.splitlines()) for remark in one.problems)


@given(st.text(alphabet="kind: Canary\n---{}[]&*!%@`'\"#\t|>-"))
def test_whatever_is_no_yaml_is_said_to_be_none(noise: str) -> None:
    for one in check(f"kind: Canary\n{noise}", {}):
        assert one.problems
