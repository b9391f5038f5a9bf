"""Commands from the command line: what is written, for which release, and what is told of it."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.domain.lifecycle import Phase
from tests.adapters.kube.apiserver import Object
from tests.cli.clusters import CANARY, INTENT, TRIED, USER, V2, Cluster, on_trial
from tests.cli.typing_in import Said, typed

Type = Callable[..., Said]


@pytest.fixture
def say(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Type:
    return lambda *words: typed(cluster, capsys, *words)


def writes(cluster: Cluster) -> int:
    return sum(one.method == "PATCH" for one in cluster.server.asked)


def test_a_promotion_is_written_for_the_release_and_the_step_that_are_there(
    cluster: Cluster, say: Type
) -> None:
    said = say("promote", "exam", "--reason", "looks good")
    assert said.code == 0
    written = cluster.written()
    assert len(written.pop("id")) == 24
    assert written == {
        "action": "promote",
        "revision": V2,
        "step": "2",
        "by": USER,
        "via": "canaryctl",
        "reason": "looks good",
    }
    assert said.out.splitlines() == [
        "promote of exams/exam: taken by the controller (revision 2 (registry.example/exam:v2))",
        "now Analysing, step 2/3 (25%): Step 3 is compared",
    ]


@pytest.mark.parametrize(
    ("words", "action"),
    [(("promote", "--full"), "promote-full"), (("rollback",), "rollback"), (("resume",), "resume")],
)
def test_the_other_commands_are_meant_for_the_release_whatever_its_step(
    cluster: Cluster, say: Type, words: tuple[str, ...], action: str
) -> None:
    said = say(words[0], "exam", *words[1:])
    assert said.code == 0
    written = cluster.written()
    assert (written["action"], written["revision"], "step" in written) == (action, V2, False)


@pytest.mark.parametrize("revision", ["2", TRIED.replica_set, V2])
def test_a_revision_may_be_named_in_three_ways(cluster: Cluster, say: Type, revision: str) -> None:
    assert say("rollback", "exam", "--revision", revision).code == 0
    assert cluster.written()["revision"] == revision


def test_a_command_for_another_release_is_refused_and_not_written(
    cluster: Cluster, say: Type
) -> None:
    for words in (("--revision", "41"), ("--step", "1")):
        said = say("promote", "exam", *words)
        assert said.code == 6
        assert "runs revision 2" in said.err
    assert writes(cluster) == 0


def test_what_is_not_possible_now_says_when_it_is(cluster: Cluster, say: Type) -> None:
    said = say("retry", "exam")
    assert said.code == 6
    assert "retry is not possible while exams/exam is Holding" in said.err
    assert "it is while Quarantined, RolledBack" in said.err


def test_the_same_key_is_the_same_command_and_done_once(cluster: Cluster, say: Type) -> None:
    assert say("rollback", "exam", "--key", "deploy-7").code == 0
    again = say("rollback", "exam", "--key", "deploy-7")
    assert again.code == 0
    assert "asked for before with this key: taken" in again.out
    assert writes(cluster) == 1


def test_a_key_is_not_used_for_two_commands(cluster: Cluster, say: Type) -> None:
    assert say("resume", "exam", "--key", "k").code == 0
    said = say("rollback", "exam", "--key", "k")
    assert said.code == 1
    assert "this key was used for resume before" in said.err


def test_a_canary_that_was_written_to_meanwhile_is_tried_again(cluster: Cluster, say: Type) -> None:
    cluster.server.raced = 3
    assert say("rollback", "exam").code == 0
    assert writes(cluster) == 4


def test_a_release_that_moved_on_meanwhile_is_left_alone(cluster: Cluster, say: Type) -> None:
    def move(found: Object) -> None:
        found["status"]["release"]["step"] = 2

    cluster.server.raced = 1
    cluster.server.on_race = move
    said = say("promote", "exam")
    assert said.code == 6
    assert "at step 3, not revision" in said.err
    assert INTENT not in (cluster.server.objects[CANARY]["metadata"].get("annotations") or {})


def test_where_no_controller_runs_the_command_stays(cluster: Cluster, say: Type) -> None:
    cluster.server.answers = False
    said = say("promote", "exam", "--wait", "0.5")
    assert said.code == 8
    assert "no controller has taken it within 0.5 s" in said.err
    assert "annotate canary exam canary-controller.io/intent-" in said.err
    assert INTENT in cluster.server.objects[CANARY]["metadata"]["annotations"]
    other = say("hold", "exam", "--wait", "0.5")
    assert other.code == 6
    assert f"{USER} asked for promote of exams/exam just before" in other.err


def test_nobody_has_to_wait_for_the_answer(cluster: Cluster, say: Type) -> None:
    cluster.server.answers = False
    said = say("rollback", "exam", "--wait", "0")
    assert said.code == 0
    assert said.out == "rollback of exams/exam is asked for; nobody waits for the answer\n"


def test_what_the_controller_refuses_is_told(cluster: Cluster, say: Type) -> None:
    cluster.server.refuses = True
    said = say("promote", "exam")
    assert said.code == 6
    assert "refused by the controller: not possible while Analysing" in said.err


def test_json_is_for_programs(cluster: Cluster, say: Type) -> None:
    said = json.loads(say("rollback", "exam", "-o", "json", "--key", "k", "--reason", "slow").out)
    assert len(said.pop("id")) == 24
    assert said == {
        "key": "k",
        "namespace": "exams",
        "name": "exam",
        "action": "rollback",
        "revision": V2,
        "step": None,
        "by": USER,
        "via": "canaryctl",
        "reason": "slow",
        "state": "taken",
        "answer": f"{USER} asked for rollback",
    }


def test_who_may_only_see_and_change_canaries_can_command(cluster: Cluster, say: Type) -> None:
    cluster.server.forbidden = frozenset(
        {
            "/apis/apps/v1/namespaces/exams/deployments/exam",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        }
    )
    assert say("rollback", "exam").code == 0
    assert cluster.written()["by"] == "ada"


def test_what_an_admission_policy_says_is_passed_on(cluster: Cluster, say: Type) -> None:
    cluster.server.denied = "ValidatingAdmissionPolicy: ada may not promote"
    said = say("promote", "exam")
    assert said.code == 1
    assert "ada may not promote" in said.err


def test_a_quarantine_is_lifted_by_a_retry(cluster: Cluster, say: Type) -> None:
    cluster.status(replace(on_trial(Phase.QUARANTINED), message="rejected before"))
    assert say("retry", "exam").code == 0
    assert cluster.written()["action"] == "retry"


def test_a_deployment_that_is_gone_cannot_be_commanded(cluster: Cluster, say: Type) -> None:
    cluster.do(lambda: cluster.server.remove("/apis/apps/v1/namespaces/exams/deployments/exam"))
    said = say("rollback", "exam")
    assert said.code == 6
    assert "its Deployment does not exist" in said.err


def test_a_command_of_somebody_else_over_ours_is_told(cluster: Cluster, say: Type) -> None:
    cluster.server.answers = False

    def overwrite(found: Object) -> None:
        found["metadata"]["annotations"] = {INTENT: '{"action":"rollback","id":"x","by":"bob"}'}

    found = copy.deepcopy(cluster.server.objects[CANARY])
    overwrite(found)
    cluster.put(found)
    said = say("promote", "exam", "--wait", "0.5")
    assert said.code == 6
    assert "bob asked for rollback" in said.err


@pytest.mark.parametrize(
    "words",
    [("--step", "0"), ("--wait", "soon"), ("--wait", "-1"), ("--key", "two words"), ("--ful",)],
)
def test_a_bad_flag_is_a_usage_error(say: Type, words: tuple[str, ...]) -> None:
    said = say("promote", "exam", *words)
    assert said.code == 2
    assert said.err
