"""A person at the demo: commands reach the world in its thread, and the demo goes on."""

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from controller.cli import main
from controller.domain.lifecycle import Phase
from controller.domain.status import Result
from tests.demo.stage import Stage, playing

CANARY = "/api/v1/canaries/exams/exam-api"


def post(
    stage: Stage,
    action: str,
    *,
    headers: Mapping[str, str] | None = None,
    **body: object,
) -> httpx.Response:
    status = stage.status
    assert status.release is not None
    asked = {"revision": status.release.canary.fingerprint, **body}
    return httpx.post(
        f"{stage.address}{CANARY}/{action}",
        json=asked,
        headers={
            "Idempotency-Key": "k",
            "Origin": stage.address,
            "Sec-Fetch-Site": "same-origin",
            **(headers or {}),
        },
    )


def test_a_release_that_waits_for_a_person_is_promoted_by_one() -> None:
    with playing(speed=60.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        answer = post(stage, "promote", reason="looks good")
        assert answer.status_code == 202, answer.text
        status = stage.wait_for(Phase.PROMOTED, release="v43")
        assert status.history[-1].result is Result.PROMOTED
        (command,) = status.commands
        assert (command.by, command.reason, command.taken) == ("demo", "looks good", True)


def test_a_release_that_waits_is_rolled_back_by_a_person() -> None:
    with playing(speed=60.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        assert post(stage, "rollback").status_code == 202
        status = stage.wait_for(Phase.ROLLED_BACK)
        assert status.rejected[-1].fingerprint == "v43"


def test_the_world_goes_on_while_its_server_is_away() -> None:
    with playing(speed=60.0) as stage:
        stage.push("v43")
        before = stage.address
        stage.stop_server()
        stage.wait_for(Phase.HOLDING, release="v43")
        stage.start_server()
        assert stage.address == before
        assert httpx.get(f"{before}{CANARY}").json()["phase"] == Phase.HOLDING


def test_a_decision_is_fetched_and_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with playing(speed=60.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.HOLDING, release="v43")
        journal = httpx.get(f"{stage.address}{CANARY}/journal").json()
        number = max(entry["number"] for entry in journal["items"])
        file = tmp_path / "entry"
        file.write_bytes(httpx.get(f"{stage.address}{CANARY}/journal/{number}").content)
    assert main(["explain", str(file)]) == 0
    said = capsys.readouterr().out
    assert "Analysing -> Holding" in said
    assert "To go on, a person would have to approve this step (promote)" in said


def test_what_moved_on_is_not_acted_on() -> None:
    with playing(speed=60.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.ANALYSING, release="v43")
        assert post(stage, "promote", revision="v42").status_code == 409
        assert post(stage, "resume").status_code == 409


def test_a_world_that_has_ended_takes_no_commands() -> None:
    with playing(speed=60.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.ANALYSING, release="v43")
        stage.stop_world()
        answer = post(stage, "hold")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_a_page_of_another_site_can_neither_see_nor_command() -> None:
    with playing(speed=60.0) as stage:
        stage.push("v43")
        stage.wait_for(Phase.ANALYSING, release="v43")
        elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert post(stage, "rollback", headers=elsewhere).status_code == 403
        renamed = httpx.get(f"{stage.address}{CANARY}", headers={"Host": "evil.example"})
        assert renamed.status_code == 403
        assert stage.status.commands == ()
