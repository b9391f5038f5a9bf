"""`canaryctl logs`: the last words of the dead, and the last lines of those who live."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.adapters.kube.fingerprint import fingerprint
from controller.adapters.kube.status_codec import dump_status
from controller.cli import main
from controller.domain.lifecycle import Phase
from controller.domain.status import Crash, Release, Revision, Status
from tests.adapters.kube.apiserver import Object
from tests.adapters.kube.examples import canary, pod, replica_set, template
from tests.adapters.kube.world import STABLE, held
from tests.cli.standing import standing

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LOGS = "/api/v1/namespaces/exams/pods/{}/log?previous={}"


def crash(pod: str, log: str, deaths: int = 1) -> Crash:
    return Crash(
        pod=pod,
        container="server",
        at=NOON,
        exit_code=1,
        reason="Error",
        deaths=deaths,
        log=log,
    )


def labelled(name: str, of: str) -> Object:
    """As a Deployment's pods are, or nobody finds them."""
    found = pod(name, of=of)
    found["metadata"]["labels"] = {"app": "exam"}
    return found


def releasing(*crashes: Crash, phase: Phase = Phase.ANALYSING) -> tuple[Object, ...]:
    revisions = [
        Revision(fingerprint=fingerprint(template(image)), number=number, images=(image,))
        for number, image in enumerate(("exam:v1", "exam:v2"), start=1)
    ]
    release = Release(canary=revisions[1], started_at=NOON, step_since=NOON, crashes=crashes)
    found = canary()
    found["status"] = dump_status(Status(phase=phase, stable=revisions[0], release=release))
    return (
        found,
        held(),
        replica_set(STABLE, replicas=9),
        replica_set("exam-bbbb", "exam:v2", replicas=1, revision=2),
        labelled("exam-aaaa-1", STABLE),
        labelled("exam-bbbb-1", "exam-bbbb"),
    )


DEAD = releasing(crash("exam-bbbb-1", "one\ntwo\nthree"), crash("exam-bbbb-2", "four", 2))


def run(folder: Path, found: tuple[Object, ...], *flags: str) -> int:
    with standing(folder, *found) as (server, kubeconfig):
        server.logs[LOGS.format("exam-bbbb-1", "false")] = b"GET / 200\nGET /\x1b[31mlti 500\n"
        return main(["logs", "exam", "--kubeconfig", kubeconfig, *flags])


def test_each_death_is_told_with_its_last_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, DEAD) == 0
    said = capsys.readouterr().out
    assert "Container server of pod exam-bbbb-1 ended with exit code 1 (Error), death 1, at" in said
    assert "  one\n  two\n  three\n\nContainer server of pod exam-bbbb-2" in said


def test_a_pod_and_a_number_of_lines_can_be_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, DEAD, "--pod", "pod/exam-bbbb-1", "--tail", "1") == 0
    said = capsys.readouterr().out
    assert said.endswith("UTC\n  three\n")


def test_a_pod_that_has_not_died_names_those_that_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, DEAD, "--pod", "exam-cccc-1") == 4
    assert "exam-bbbb-1 (server), exam-bbbb-2 (server)" in capsys.readouterr().err


def test_where_nobody_died_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, releasing()) == 0
    assert "no container of the canary has died" in capsys.readouterr().err


def test_words_that_could_not_be_had_are_not_taken_for_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, releasing(crash("exam-bbbb-1", ""))) == 1
    assert "could not be had" in capsys.readouterr().out


def test_live_shows_what_the_canary_pods_say_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, DEAD, "--live") == 0
    said = capsys.readouterr().out
    assert said == (
        "Container server of pod exam-bbbb-1, now\n"
        "  GET / 200\n"
        "  GET /\N{REPLACEMENT CHARACTER}[31mlti 500\n"
    )


def test_live_without_a_canary_says_which_phase_it_is_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, releasing(phase=Phase.ROLLED_BACK), "--live") == 0
    assert "no canary pods now: it is RolledBack" in capsys.readouterr().err


def test_a_container_that_has_not_started_yet_is_said_to_have_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = (*releasing()[:-1], labelled("exam-bbbb-9", "exam-bbbb"))
    assert run(tmp_path, found, "--live") == 1
    assert "BadRequest" in capsys.readouterr().out


def test_who_may_not_read_logs_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with standing(tmp_path, *DEAD) as (server, kubeconfig):
        server.forbidden = frozenset({"/api/v1/namespaces/exams/pods/exam-bbbb-1/log"})
        assert main(["logs", "exam", "--live", "--kubeconfig", kubeconfig]) == 5
    assert "does not let you" in capsys.readouterr().err


def test_a_program_gets_the_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, DEAD, "-o", "json") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["lines"] == ["one", "two", "three"]
    assert second["pod"] == "exam-bbbb-2"


@pytest.mark.parametrize("lines", ["0", "1001", "many", "-1"])
def test_a_number_of_lines_that_makes_no_sense_is_refused(
    lines: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs", "exam", f"--tail={lines}"]) == 2
    assert "not a number from 1 to 1000" in capsys.readouterr().err
