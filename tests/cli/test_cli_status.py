"""`canaryctl status`: a Canary in full, followed, and as an exit code."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from controller.domain.lifecycle import Phase
from controller.domain.mounts import Drift, MountKind, Turn
from controller.domain.records import IntentAction
from controller.domain.status import Command, Past, Rejected, Result, Status
from tests.cli.clusters import (
    CANARIES,
    CANARY,
    STABLE,
    TRIED,
    V2,
    Cluster,
    now,
    on_trial,
    shop,
)
from tests.cli.terminals import in_pipe
from tests.cli.typing_in import Said, typed

Type = Callable[..., Said]


@pytest.fixture
def say(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Type:
    return lambda *words: typed(cluster, capsys, *words)


def at_rest(phase: Phase) -> Status:
    """The release under test ended so."""
    rejected = (Rejected(fingerprint=V2, at=now(), reason="worse"),)
    promoted = phase is Phase.PROMOTED
    return Status(
        phase=phase,
        since=now(),
        stable=TRIED if promoted else STABLE,
        message=f"it is {phase.value}",
        rejected=() if promoted else rejected,
    )


def test_the_whole_picture_reads_from_top_to_bottom(say: Type) -> None:
    said = say("status", "exam")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("exams/exam  Holding for 5m1")
    assert lines[1:8] == [
        "Step 2 waits for a person: the evidence has not decided in 30 min",
        "Canary   revision 2 (registry.example/exam:v2), pushed 40m ago",
        "Stable   revision 1 (registry.example/exam:v1)",
        "Verdict  Undecided",
        "",
        "Steps    ✔ 1   ▶ 25%   ○ 50%   ○ all",
        "         step 2 of 3 for 36m, its pods ready for 35m",
    ]
    assert lines[9:15] == [
        "PODS                READY   RESTARTS   STATE",
        "canary  exam-bbbb   2/3     4",
        "  exam-bbbb-2       no      4          CrashLoopBackOff",
        "  exam-bbbb-0       yes     0          ready",
        "  exam-bbbb-1       yes     0          ready",
        "stable  exam-aaaa   9/9     0",
    ]
    assert "  … undecided  Errors in all: canary 4 of 1,200 requests failed" in said.out
    # What a program said last is no markup of ours.
    assert "  │ panic: [/red]no such table: answers" in lines
    assert "  canaryctl rollback exam -n exams         go back to stable" in lines


def test_wide_shows_the_pods_of_stable(say: Type) -> None:
    assert "exam-aaaa-7" not in say("status", "exam").out
    assert "exam-aaaa-7" in say("status", "exam", "-o", "wide").out


def test_the_only_canary_need_not_be_named(cluster: Cluster, say: Type) -> None:
    assert say("status").out.startswith("exams/exam  Holding")
    canary = shop()[0]
    cluster.put({**canary, "metadata": canary["metadata"] | {"name": "shop", "uid": "other"}})
    said = say("status")
    assert said.code == 4
    assert said.err == (
        "canaryctl: there are 2 Canaries in the namespace exams: say which (exam, shop)\n"
    )


def test_what_people_asked_for_is_shown(cluster: Cluster, say: Type) -> None:
    record = Command(
        id="x",
        action=IntentAction.HOLD,
        at=now() - timedelta(minutes=3),
        by="ada",
        taken=True,
        answer="ada asked for hold by REST API (wait for the load test)",
    )
    cluster.status(on_trial(commands=(record,)))
    said = say("status", "exam").out
    assert "  ✔ ada asked for hold by REST API (wait for the load test)  3m ago" in said


def test_at_rest_the_releases_before_are_shown(cluster: Cluster, say: Type) -> None:
    past = Past(
        canary=TRIED,
        started_at=now() - timedelta(hours=1),
        ended_at=now() - timedelta(minutes=20),
        result=Result.ROLLED_BACK,
        reason="it crashed",
    )
    cluster.status(replace(at_rest(Phase.ROLLED_BACK), history=(past,)))
    said = say("status", "exam").out
    assert "revision 2 (registry.example/exam:v2)  rolled back 20m ago: it crashed" in said


@pytest.mark.parametrize(
    ("path", "unseen"),
    [
        ("/apis/apps/v1/namespaces/exams/deployments/exam", "the Deployment exam and its pods"),
        ("/api/v1/namespaces/exams/pods", "pods"),
    ],
)
def test_what_may_not_be_seen_is_said_and_the_rest_is_shown(
    cluster: Cluster, say: Type, path: str, unseen: str
) -> None:
    cluster.server.forbidden = frozenset({path})
    said = say("status", "exam")
    assert said.code == 0
    assert f"Not shown: {unseen}: 403" in said.out
    assert "does not exist" not in said.out
    assert "Compared" in said.out


def test_a_deployment_that_is_gone_is_said(cluster: Cluster, say: Type) -> None:
    cluster.do(lambda: cluster.server.remove("/apis/apps/v1/namespaces/exams/deployments/exam"))
    assert "The Deployment exam does not exist" in say("status", "exam").out


def test_json_has_the_canary_and_what_belongs_to_it(say: Type) -> None:
    said = json.loads(say("status", "exam", "-o", "json").out)
    assert said["canary"]["status"]["phase"] == "Holding"
    assert [len(one["pods"]) for one in said["replicaSets"]] == [9, 3]
    assert "rollback" in said["possible"]
    assert said == yaml.safe_load(say("status", "exam", "-o", "yaml").out)


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        (Phase.ANALYSING, 10),
        (Phase.HOLDING, 11),
        (Phase.ROLLING_BACK, 12),
        (Phase.QUARANTINED, 12),
    ],
)
def test_the_exit_code_says_how_things_are(
    cluster: Cluster, say: Type, phase: Phase, code: int
) -> None:
    cluster.status(on_trial(phase))
    assert say("status", "exam", "--exit-code").code == code


def test_the_exit_code_of_what_is_promoted_is_0(cluster: Cluster, say: Type) -> None:
    cluster.status(at_rest(Phase.PROMOTED))
    assert say("status", "exam", "--exit-code").code == 0


def test_to_wait_ends_when_it_is_promoted(cluster: Cluster) -> None:
    with in_pipe(cluster, "status", "exam", "--wait-for", "promoted") as process:
        assert process.stdout is not None
        assert "Holding  step 2/3 (25%)  canary 2/3  stable 9/9" in process.stdout.readline()
        cluster.status(at_rest(Phase.PROMOTED))
        assert "it is Promoted" in process.stdout.readline()
        assert process.wait(30) == 0


def test_to_wait_for_a_promotion_ends_when_it_is_rolled_back(cluster: Cluster) -> None:
    with in_pipe(cluster, "status", "exam", "--wait-for", "promoted") as process:
        assert process.stdout is not None
        process.stdout.readline()
        cluster.status(at_rest(Phase.ROLLED_BACK))
        assert process.wait(30) == 12


def test_what_was_promoted_before_is_not_what_was_applied_just_now(
    cluster: Cluster, say: Type
) -> None:
    cluster.put(*shop(at_rest(Phase.PROMOTED), gone_on=True))
    words = ("status", "exam", "--wait-for", "promoted", "--timeout", "1")
    said = say(*words)
    assert said.code == 8
    assert said.err == "canaryctl: exams/exam was not seen Promoted within 1 s\n"
    assert say("status", "exam", "--exit-code").code == 10


def test_a_watch_into_a_pipe_is_one_line_for_each_change(cluster: Cluster) -> None:
    with in_pipe(cluster, "status", "exam", "--watch") as process:
        assert process.stdout is not None
        assert "Holding" in process.stdout.readline()
        cluster.status(on_trial(Phase.ANALYSING))
        assert "Analysing" in process.stdout.readline()
        cluster.shut()
        assert "the API server does not answer, trying again: " in process.stdout.readline()
        cluster.open()
        cluster.status(on_trial(Phase.HOLDING))
        assert "the API server is heard again" in process.stdout.readline()
        assert "Holding" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_canary_that_is_deleted_ends_the_watch(cluster: Cluster) -> None:
    with in_pipe(cluster, "status", "exam", "--watch") as process:
        assert process.stdout is not None
        process.stdout.readline()
        cluster.do(lambda: cluster.server.remove(CANARY))
        assert process.stdout.readline() == "the Canary was deleted\n"
        assert process.wait(30) == 4


def test_who_may_not_list_canaries_follows_by_looking_again(cluster: Cluster) -> None:
    cluster.server.forbidden = frozenset({CANARIES})
    with in_pipe(cluster, "status", "exam", "--watch") as process:
        assert process.stdout is not None
        process.stdout.readline()
        cluster.status(on_trial(Phase.ANALYSING))
        assert "Analysing" in process.stdout.readline()
        cluster.do(lambda: cluster.server.remove(CANARY))
        assert process.stdout.readline() == "the Canary was deleted\n"


def test_a_watch_of_what_is_not_there_says_so(say: Type) -> None:
    said = say("status", "exma", "--watch")
    assert said.code == 4
    assert "did you mean 'exam'?" in said.err


def test_json_is_for_one_look(say: Type) -> None:
    said = say("status", "exam", "--watch", "-o", "json")
    assert said.code == 2
    assert "-o json is for one look" in said.err


def test_a_reader_that_goes_away_ends_it_without_a_word(cluster: Cluster) -> None:
    with in_pipe(cluster, "status", "exam", "--watch") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        cluster.status(on_trial(Phase.ANALYSING))
        assert process.wait(30) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.stdout = None


def test_what_a_rollback_leaves_as_it_is_stands_in_the_head(cluster: Cluster, say: Type) -> None:
    held = on_trial(Phase.HOLDING)
    assert held.release is not None
    drift = Drift(kind=MountKind.CONFIG_MAP, name="exam-config", turn=Turn.DELETED)
    cluster.status(replace(held, release=replace(held.release, drift=(drift,))))
    (said,) = (one for one in say("status", "exam").out.splitlines() if "Not undone" in one)
    assert "ConfigMap exam-config (deleted since stable was promoted)" in said
