"""`canaryctl uninstall-check`: what cannot be seen is not taken for nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from controller.cli.exits import EXIT_FORBIDDEN, EXIT_LEFT, EXIT_UNSEEN
from tests.adapters.kube.examples import deployment
from tests.cli.clusters import STABLE, Cluster, clustered, on_trial
from tests.cli.leftovers import (
    CANARIES,
    DEPLOYMENTS,
    IN_EXAMS,
    Type,
    items,
    marked,
)
from tests.cli.typing_in import typed


def test_canaries_that_are_gone_do_not_hide_what_is_on_deployments(
    trial: Cluster, ask: Type
) -> None:
    trial.server.missing = True
    said = ask("-o", "json")
    assert said.code == EXIT_LEFT
    assert json.loads(said.out)["canaries"] == "Absent"
    (item,) = items(said)
    assert (item["left"], item["phase"]) == ("Held", None)
    assert "no Canary is there any more" in item["means"]
    assert "Canaries are not installed any more" in ask().err


def test_what_may_not_be_seen_is_not_nothing(trial: Cluster, ask: Type) -> None:
    trial.server.forbidden = frozenset({f"{IN_EXAMS}/deployments"})
    said = ask("-o", "json")
    assert said.code == EXIT_UNSEEN
    assert json.loads(said.out)["complete"] is False
    assert "of the Canary exams/exam, whose phase is Holding" in said.err


def test_without_canaries_and_deployments_it_is_forbidden(trial: Cluster, ask: Type) -> None:
    paths = {f"{IN_EXAMS}/deployments", f"{CANARIES}/namespaces/exams/canaries"}
    trial.server.forbidden = frozenset(paths)
    assert ask().code == EXIT_FORBIDDEN


def test_pods_that_may_not_be_seen_are_not_counted(trial: Cluster, ask: Type) -> None:
    trial.server.forbidden = frozenset({f"{IN_EXAMS}/replicasets"})
    said = ask("-o", "json")
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
    trial: Cluster, ask: Type
) -> None:
    for name in ("exams", "shop"):
        meta = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1"}
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
        trial.do(lambda n=name, s=space: trial.server.put(f"/api/v1/namespaces/{n}", s))
    denied = {DEPLOYMENTS, f"{CANARIES}/canaries", "/apis/apps/v1/namespaces/shop/deployments"}
    trial.server.forbidden = frozenset(denied)
    said = ask("-A", "-o", "json")
    assert (said.code, [one["namespace"] for one in items(said)]) == (EXIT_LEFT, ["exams"])
    assert json.loads(said.out)["namespaces"] == ["exams"]
    assert "not seen: the namespace shop: 403" in said.err
    trial.server.forbidden |= {"/api/v1/namespaces"}
    said = ask("-A")
    assert "every namespace but exams" in said.err
    assert "looked in exams only" in said.err


def test_the_gate_is_named_because_it_goes_on_holding(trial: Cluster, ask: Type) -> None:
    said = ask("-o", "json")
    assert json.loads(said.out)["gate"] == "Absent"
    root = "/apis/admissionregistration.k8s.io/v1"
    name = "gate.canary-controller.io"
    for plural in ("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"):
        meta = {"name": name, "uid": f"uid-{plural}", "resourceVersion": "1"}
        trial.do(lambda p=plural, m=meta: trial.server.put(f"{root}/{p}/{name}", {"metadata": m}))
    said = ask()
    assert "paused at its next change" in said.err
    trial.server.forbidden = frozenset({f"{root}/mutatingadmissionpolicies/{name}"})
    document = json.loads(ask("-o", "json").out)
    assert (document["gate"], document["complete"]) == ("Unknown", True)
    assert "whether the gate is installed is nothing that you may see" in ask().err


def test_what_others_wrote_commands_neither_the_terminal_nor_the_shell(
    trial: Cluster, ask: Type
) -> None:
    status = on_trial()
    forged = replace(STABLE, replica_set="x; echo gone", images=("\x1b[2Jexam\nkubectl",))
    trial.status(replace(status, stable=forged))
    trial.server.forbidden = frozenset({f"{IN_EXAMS}/replicasets"})
    said = ask()
    assert "\x1b" not in said.out
    assert "echo gone" not in said.out
    assert "kubectl patch" not in said.out


def test_an_object_that_cannot_be_read_costs_no_other(trial: Cluster, ask: Type) -> None:
    odd = deployment("odd")
    odd["spec"]["replicas"] = "many"
    trial.put(odd)
    said = ask("-o", "json")
    assert [item["deployment"] for item in items(said)] == ["exam"]
    assert "not seen: one of the deployments, which cannot be read" in said.err


def test_an_expired_token_is_not_taken_for_missing_rights(trial: Cluster, ask: Type) -> None:
    trial.configure(token="expired")
    for words in ((), ("-A",)):
        said = ask(*words)
        assert said.code == EXIT_FORBIDDEN
        assert "does not know you" in said.err


def test_a_long_list_is_read_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = [marked(deployment(f"shop-{i:04}"), mark=False) for i in range(501)]
    with clustered(tmp_path, *many) as cluster:
        said = typed(cluster, capsys, "uninstall-check", "-o", "json")
        assert len(items(said)) == 501
        lists = [one for one in cluster.server.asked if one.path == f"{IN_EXAMS}/deployments"]
        assert len(lists) == 2
