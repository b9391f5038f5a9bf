"""`canaryctl uninstall-check`: what would be left, and what finishes it."""

import copy
from pathlib import Path

import pytest
import yaml

from controller.cli.exits import EXIT_LEFT, EXIT_OK
from controller.domain.lifecycle import Phase
from controller.domain.status import Status
from tests.adapters.kube.examples import deployment, replica_set
from tests.cli.clusters import STABLE, Cluster, clustered, on_trial, shop
from tests.cli.leftovers import (
    GATE,
    IN_EXAMS,
    LABEL,
    Type,
    commands,
    items,
    marked,
)
from tests.cli.typing_in import typed


def test_a_release_on_trial_would_be_left_paused(ask: Type, trial: Cluster) -> None:
    said = ask()
    assert said.code == EXIT_LEFT
    line = said.out.splitlines()[1]
    assert line.split()[:6] == ["exams", "exam", "Held", "yes", "exam", "Holding"]
    assert "stays paused, with exam:v2 on 3 of 12 pods and exam:v1 before it" in line
    flags = f"-n exams --kubeconfig {trial.kubeconfig}"
    assert f"canaryctl rollback exam {flags}\n" in said.out
    assert f"canaryctl promote exam {flags} --full\n" in said.out
    assert f"kubectl delete canaries.canary-controller.io exam {flags}\n" in said.out
    assert f"kubectl rollout resume deployment/exam {flags}\n" in said.out


def test_it_only_reads(ask: Type, trial: Cluster) -> None:
    assert ask("-A").code == EXIT_LEFT
    assert {one.method for one in trial.server.asked} == {"GET"}


def test_a_script_reads_the_same(ask: Type) -> None:
    (item,) = items(ask("-o", "json"))
    assert (item["left"], item["paused"], item["phase"]) == ("Held", True, "Holding")
    assert (item["label"], item["mark"]) == ("exam", "2")
    assert yaml.safe_load(ask("-o", "yaml").out)["items"] == [item]


def test_going_back_is_one_write_that_starts_no_canary_pod(ask: Type) -> None:
    _, back = commands(items(ask("-o", "json"))[0], "whenTheControllerIsGone")
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
    trial: Cluster, ask: Type
) -> None:
    trial.status(on_trial(Phase.QUARANTINED))
    (item,) = items(ask("-o", "json"))
    assert "was rejected" in item["means"]
    back, again = commands(item, "whileTheControllerRuns")
    assert back[0].startswith("kubectl patch deployment exam")
    assert again[0].startswith("canaryctl retry exam")


def test_what_git_looks_after_is_reverted_in_git(trial: Cluster, ask: Type) -> None:
    found = copy.deepcopy(trial.server.objects[f"{IN_EXAMS}/deployments/exam"])
    found["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "shop:apps/Deployment"
    trial.put(found)
    (item,) = items(ask("-o", "json"))
    _, back = commands(item, "whileTheControllerRuns")
    assert back[0] == "# revert it in Git, so that argo-cd applies exam:v1 again"
    _, back = commands(item, "whenTheControllerIsGone")
    assert back[0].startswith("# revert it in Git first")


def test_a_pause_of_somebody_else_is_theirs(trial: Cluster, ask: Type) -> None:
    found = copy.deepcopy(trial.server.objects[f"{IN_EXAMS}/deployments/exam"])
    del found["metadata"]["annotations"][GATE]
    trial.put(found)
    trial.status(on_trial(Phase.PAUSED_BY_USER))
    (item,) = items(ask("-o", "json"))
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


def test_what_a_canary_remembers_of_a_release_that_was_finished_by_hand_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    canary, _, *others = shop(on_trial(Phase.ANALYSING))
    with clustered(tmp_path, canary, deployment(replicas=12), *others) as cluster:
        assert typed(cluster, capsys, "uninstall-check").code == EXIT_OK
