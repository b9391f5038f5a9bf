"""`canaryctl uninstall-check`: what would be left, what finishes it, and what cannot be seen."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from controller.cli.exits import EXIT_FORBIDDEN, EXIT_LEFT, EXIT_OK, EXIT_UNSEEN
from controller.domain.lifecycle import Phase
from controller.domain.status import Status
from tests.adapters.kube.apiserver import Object
from tests.adapters.kube.examples import deployment, replica_set
from tests.cli.clusters import STABLE, Cluster, clustered, on_trial, shop
from tests.cli.typing_in import Said, typed

Type = Callable[..., Said]
LABEL, GATE = "canary-controller.io/canary", "canary-controller.io/gate"
DEPLOYMENTS = "/apis/apps/v1/deployments"
IN_EXAMS = "/apis/apps/v1/namespaces/exams"
CANARIES = "/apis/canary-controller.io/v1alpha1"


def marked(found: Object, *, label: bool = True, mark: bool = True) -> Object:
    """A Deployment as the gate and the controller leave it."""
    meta = found["metadata"]
    if label:
        meta.setdefault("labels", {})[LABEL] = "exam"
    if mark:
        meta.setdefault("annotations", {})[GATE] = "2"
    return found


def held(status: Status | None = None) -> tuple[Object, ...]:
    """A release that waits for a verdict, on three of twelve pods."""
    canary, workload, *others = shop(status)
    return (canary, marked(workload), *others)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path, *held()) as running:
        yield running


@pytest.fixture
def say(trial: Cluster, capsys: pytest.CaptureFixture[str]) -> Type:
    return lambda *words: typed(trial, capsys, "uninstall-check", *words)


def items(said: Said) -> list[Object]:
    found: list[Object] = json.loads(said.out)["items"]
    return found


def commands(item: Object, when: str) -> list[list[str]]:
    return [way["commands"] for way in item["finish"][when]]


def test_a_release_on_trial_would_be_left_paused(say: Type, trial: Cluster) -> None:
    said = say()
    assert said.code == EXIT_LEFT
    line = said.out.splitlines()[1]
    assert line.split()[:6] == ["exams", "exam", "Held", "yes", "exam", "Holding"]
    assert "stays paused, with exam:v2 on 3 of 12 pods and exam:v1 before it" in line
    flags = f"-n exams --kubeconfig {trial.kubeconfig}"
    assert f"canaryctl rollback exam {flags}\n" in said.out
    assert f"canaryctl promote exam {flags} --full\n" in said.out
    assert f"kubectl delete canaries.canary-controller.io exam {flags}\n" in said.out
    assert f"kubectl rollout resume deployment/exam {flags}\n" in said.out


def test_it_only_reads(say: Type, trial: Cluster) -> None:
    assert say("-A").code == EXIT_LEFT
    assert {one.method for one in trial.server.asked} == {"GET"}


def test_a_script_reads_the_same(say: Type) -> None:
    (item,) = items(say("-o", "json"))
    assert (item["left"], item["paused"], item["phase"]) == ("Held", True, "Holding")
    assert (item["label"], item["mark"]) == ("exam", "2")
    assert yaml.safe_load(say("-o", "yaml").out)["items"] == [item]


def test_going_back_is_one_write_that_starts_no_canary_pod(say: Type) -> None:
    _, back = commands(items(say("-o", "json"))[0], "whenTheControllerIsGone")
    assert [one.split()[:3] for one in back] == [
        ["kubectl", "label", "deployment"],
        ["kubectl", "annotate", "deployment"],
        ["kubectl", "patch", "deployment"],
    ]
    assert "kubectl get replicaset exam-aaaa -n exams" in back[-1]


def test_nothing_is_left_where_nothing_is_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = deployment("mail", paused=True)
    with clustered(tmp_path, mine, replica_set("mail-aaaa", of="mail")) as cluster:
        said = typed(cluster, capsys, "uninstall-check", "-A")
        assert (said.code, said.out) == (EXIT_OK, "")
        assert "nothing of canary-controller would be left" in said.err


def test_a_label_alone_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canary, _, *others = shop(Status(phase=Phase.PROMOTED, stable=STABLE))
    workload = marked(deployment(replicas=12), mark=False)
    with clustered(tmp_path, canary, workload, *others) as cluster:
        said = typed(cluster, capsys, "uninstall-check", "-o", "json")
        assert said.code == EXIT_LEFT
        (item,) = items(said)
        assert item["left"] == "Marked"
        (off,) = commands(item, "whenTheControllerIsGone")
        assert off[0].startswith("kubectl label deployment exam -n exams")
        assert off[0].endswith(f"{LABEL}-")


def test_a_rejected_template_that_is_held_goes_back_or_is_retried(
    trial: Cluster, say: Type
) -> None:
    trial.status(on_trial(Phase.QUARANTINED))
    (item,) = items(say("-o", "json"))
    assert "was rejected" in item["means"]
    back, again = commands(item, "whileTheControllerRuns")
    assert back[0].startswith("kubectl patch deployment exam")
    assert again[0].startswith("canaryctl retry exam")


def test_what_git_looks_after_is_reverted_in_git(trial: Cluster, say: Type) -> None:
    found = copy.deepcopy(trial.server.objects[f"{IN_EXAMS}/deployments/exam"])
    found["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "shop:apps/Deployment"
    trial.put(found)
    (item,) = items(say("-o", "json"))
    _, back = commands(item, "whileTheControllerRuns")
    assert back[0] == "# revert it in Git, so that argo-cd applies exam:v1 again"
    _, back = commands(item, "whenTheControllerIsGone")
    assert back[0].startswith("# revert it in Git first")


def test_a_pause_of_somebody_else_is_theirs(trial: Cluster, say: Type) -> None:
    found = copy.deepcopy(trial.server.objects[f"{IN_EXAMS}/deployments/exam"])
    del found["metadata"]["annotations"][GATE]
    trial.put(found)
    trial.status(on_trial(Phase.PAUSED_BY_USER))
    (item,) = items(say("-o", "json"))
    assert item["left"] == "PausedByPerson"
    assert (
        commands(item, "whileTheControllerRuns")[0]
        == commands(item, "whileTheControllerRuns")[1][:1]
    )


def test_a_canary_that_was_deleted_leaves_a_pause_that_is_still_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, workload, *others = shop()
    others[1]["metadata"]["annotations"][GATE] = "2"
    with clustered(tmp_path, workload, *others) as cluster:
        said = typed(cluster, capsys, "uninstall-check", "-o", "json")
        (item,) = items(said)
        assert (said.code, item["left"], item["canary"]) == (EXIT_LEFT, "Paused", None)
        assert commands(item, "whileTheControllerRuns") == []
        keep, back = commands(item, "whenTheControllerIsGone")
        assert [one.split()[:3] for one in keep] == [["kubectl", "rollout", "resume"]]
        assert [one.split()[:3] for one in back] == [["kubectl", "patch", "deployment"]]


def test_a_replica_set_that_was_told_another_number_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stuck = replica_set("exam-aaaa")
    stuck["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"] = "0"
    with clustered(tmp_path, marked(deployment(), mark=False), stuck) as cluster:
        (item,) = items(typed(cluster, capsys, "uninstall-check", "-o", "json"))
        assert item["left"] == "Stuck"
        (way,) = commands(item, "whenTheControllerIsGone")
        assert way[0].startswith("kubectl annotate replicaset exam-aaaa -n exams")
        assert way[0].endswith("deployment.kubernetes.io/desired-replicas=10 --overwrite")


def test_canaries_that_are_gone_do_not_hide_what_is_on_deployments(
    trial: Cluster, say: Type
) -> None:
    trial.server.missing = True
    said = say("-o", "json")
    assert said.code == EXIT_LEFT
    assert json.loads(said.out)["canaries"] == "Absent"
    (item,) = items(said)
    assert (item["left"], item["phase"]) == ("Held", None)
    assert "no Canary is there any more" in item["means"]
    assert "Canaries are not installed any more" in say().err


def test_what_may_not_be_seen_is_not_nothing(trial: Cluster, say: Type) -> None:
    trial.server.forbidden = frozenset({f"{IN_EXAMS}/deployments"})
    said = say("-o", "json")
    assert said.code == EXIT_UNSEEN
    assert json.loads(said.out)["complete"] is False
    assert "of the Canary exams/exam, whose phase is Holding" in said.err


def test_without_canaries_and_deployments_it_is_forbidden(trial: Cluster, say: Type) -> None:
    paths = {f"{IN_EXAMS}/deployments", f"{CANARIES}/namespaces/exams/canaries"}
    trial.server.forbidden = frozenset(paths)
    assert say().code == EXIT_FORBIDDEN


def test_pods_that_may_not_be_seen_are_not_counted(trial: Cluster, say: Type) -> None:
    trial.server.forbidden = frozenset({f"{IN_EXAMS}/replicasets"})
    said = say("-o", "json")
    assert "a number of pods that you may not see" in items(said)[0]["means"]
    assert "not seen: the ReplicaSets in exams: 403" in said.err


def test_a_pause_whose_origin_may_not_be_seen_is_doubtful(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with clustered(tmp_path, deployment("mail", paused=True)) as cluster:
        cluster.server.forbidden = frozenset({f"{IN_EXAMS}/replicasets"})
        said = typed(cluster, capsys, "uninstall-check")
        assert (said.code, said.out) == (EXIT_UNSEEN, "")
        assert "not seen: by whom exams/mail was paused" in said.err


def test_all_namespaces_are_tried_one_by_one_where_only_some_may_be_seen(
    trial: Cluster, say: Type
) -> None:
    for name in ("exams", "shop"):
        meta = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1"}
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
        trial.do(lambda n=name, s=space: trial.server.put(f"/api/v1/namespaces/{n}", s))
    denied = {DEPLOYMENTS, f"{CANARIES}/canaries", "/apis/apps/v1/namespaces/shop/deployments"}
    trial.server.forbidden = frozenset(denied)
    said = say("-A", "-o", "json")
    assert (said.code, [one["namespace"] for one in items(said)]) == (EXIT_LEFT, ["exams"])
    assert json.loads(said.out)["namespaces"] == ["exams"]
    assert "not seen: the namespace shop: 403" in said.err
    trial.server.forbidden |= {"/api/v1/namespaces"}
    said = say("-A")
    assert "every namespace but exams" in said.err
    assert "looked in exams only" in said.err


def test_the_gate_is_named_because_it_goes_on_holding(trial: Cluster, say: Type) -> None:
    said = say("-o", "json")
    assert json.loads(said.out)["gate"] == "Absent"
    root = "/apis/admissionregistration.k8s.io/v1"
    name = "gate.canary-controller.io"
    for plural in ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"):
        meta = {"name": name, "uid": f"uid-{plural}", "resourceVersion": "1"}
        trial.do(lambda p=plural, m=meta: trial.server.put(f"{root}/{p}/{name}", {"metadata": m}))
    said = say()
    assert "paused at its next change" in said.err
    trial.server.forbidden = frozenset({f"{root}/mutatingadmissionpolicies/{name}"})
    document = json.loads(say("-o", "json").out)
    assert (document["gate"], document["complete"]) == ("Unknown", True)
    assert "whether the gate is installed is nothing that you may see" in say().err


@pytest.mark.parametrize("phase", [Phase.PROMOTING, Phase.BAKING])
def test_a_rollout_under_way_goes_on_unjudged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], phase: Phase
) -> None:
    canary, _, *others = shop(on_trial(phase))
    workload = marked(deployment(image="exam:v2", replicas=12), mark=False)
    with clustered(tmp_path, canary, workload, *others) as cluster:
        (item,) = items(typed(cluster, capsys, "uninstall-check", "-o", "json"))
        assert (item["left"], item["paused"]) == ("Unjudged", False)
        (wait,) = commands(item, "whileTheControllerRuns")
        assert "--wait-for promoted,rolled-back" in wait[0]
