"""`canaryctl history`: releases and commands, as the Canary remembers them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.kube.intents import write_intent
from controller.adapters.kube.names import INTENT_ANNOTATION
from controller.adapters.kube.status_codec import dump_status
from controller.cli import main
from controller.domain.lifecycle import Phase
from controller.domain.records import Intent, IntentAction
from controller.domain.status import Command, Past, Release, Result, Revision, Status
from tests.adapters.kube.examples import canary
from tests.cli.standing import standing

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
V1 = Revision(fingerprint="f1", number=1, images=("exam:v1",))
V2 = Revision(fingerprint="f2", number=2, images=("exam:v2",))
V3 = Revision(fingerprint="f3", number=3, images=("exam:v3",))


def past(canary: Revision, result: Result, reason: str = "") -> Past:
    return Past(
        canary=canary,
        started_at=NOON - timedelta(hours=1),
        ended_at=NOON - timedelta(minutes=45),
        result=result,
        reason=reason,
    )


def command(action: IntentAction, *, taken: bool, reason: str = "", answer: str = "") -> Command:
    return Command(
        id=f"id-{action.value}",
        action=action,
        at=NOON,
        by="ada",
        via="REST API from 10.0.0.3",
        reason=reason,
        canary=str(V3),
        taken=taken,
        answer=answer,
    )


STATUS = Status(
    phase=Phase.HOLDING,
    stable=V1,
    message="Holding: step 1 waits for approval",
    release=Release(canary=V3, started_at=NOON, step_since=NOON),
    history=(past(V1, Result.PROMOTED), past(V2, Result.ROLLED_BACK, "Crashes: canary 2")),
    commands=(
        command(IntentAction.HOLD, taken=True, reason="lunch", answer="ada asked for hold"),
        command(IntentAction.RETRY, taken=False, reason="why not", answer="not while Holding"),
    ),
)


def one(status: Status, **annotations: str) -> Any:
    found = canary(annotations=annotations)
    found["status"] = dump_status(status)
    return found


def told(folder: Path, capsys: pytest.CaptureFixture[str], found: Any, *flags: str) -> str:
    with standing(folder, found) as (_, kubeconfig):
        assert main(["history", "exam", "--kubeconfig", kubeconfig, *flags]) == 0
    return capsys.readouterr().out


def test_releases_say_how_they_ended_and_why_and_which_one_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = told(tmp_path, capsys, one(STATUS)).splitlines()
    assert lines[0] == "Releases"
    assert lines[1].split() == ["STARTED", "AGE", "TOOK", "RELEASE", "RESULT", "REASON"]
    assert lines[2].startswith("2026-11-22 11:00:00Z")
    assert "15m    revision 1 (exam:v1)   Promoted     -" in lines[2]
    assert lines[3].endswith("RolledBack   Crashes: canary 2")
    assert lines[4].endswith("Holding      Holding: step 1 waits for approval")


def test_commands_say_who_when_and_why_and_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(tmp_path, capsys, one(STATUS))
    assert "ada   hold      revision 3 (exam:v3)   taken     lunch" in said
    assert "ada   retry     revision 3 (exam:v3)   refused   not while Holding" in said


def test_wide_has_the_way_and_the_answer_of_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(tmp_path, capsys, one(STATUS), "-o", "wide", "--no-headers")
    assert "REST API from 10.0.0.3   id-hold    lunch     ada asked for hold" in said
    assert "WHO" not in said


def test_a_command_that_nobody_has_acted_on_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    intent = Intent(action=IntentAction.PROMOTE, id="k", by="bob", revision="f3", keyed=True)
    found = one(STATUS, **{INTENT_ANNOTATION: write_intent(intent)})
    lines = told(tmp_path, capsys, found).splitlines()
    assert lines[-1].split() == ["-", "-", "bob", "promote", "f3", "waits", "-"]


def test_a_program_gets_it_in_the_words_of_the_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(told(tmp_path, capsys, one(STATUS), "-o", "json"))
    assert [past["result"] for past in document["history"]] == ["Promoted", "RolledBack"]
    assert document["commands"][1]["answer"] == "not while Holding"
    assert document["rejected"] == []


def test_a_canary_without_a_past_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with standing(tmp_path, one(Status())) as (_, kubeconfig):
        assert main(["history", "canary/exam", "--kubeconfig", kubeconfig]) == 0
    assert "has had no release yet" in capsys.readouterr().err


def test_what_people_wrote_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nasty = command(IntentAction.HOLD, taken=True, reason="\x1b[2Jgone")
    said = told(tmp_path, capsys, one(Status(commands=(nasty,))))
    assert "gone" in said
    assert "\x1b" not in said


def test_a_canary_that_is_not_there_has_an_exit_code_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with standing(tmp_path, one(STATUS)) as (_, kubeconfig):
        assert main(["history", "exma", "--kubeconfig", kubeconfig]) == 4
    assert "did you mean 'exam'" in capsys.readouterr().err
