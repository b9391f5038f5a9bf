"""Who may do what by REST, with tokens of real accounts."""

import json

import httpx

from tests.e2e.house import COMMAND_SECONDS_MAX, REVOKED_SECONDS_MAX, House


def test_a_viewer_reads_and_may_not_promote(house: House) -> None:
    held = house.hold()
    token = house.token("viewer")
    everything = house.get("/api/v1/canaries", token).json()
    assert [item["name"] for item in everything["items"]] == ["exam"]
    one = house.get(house.path, token).json()
    assert one["phase"] == "Holding"
    assert one["possible"] == []
    refused = house.post("promote", token)
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert "the verb promote on canaries" in refused.json()["detail"]
    assert house.stage.status["release"]["step"] == held["release"]["step"]


def test_nobody_gets_in_without_a_token_for_this_service(house: House) -> None:
    wrong = {
        "no token": None,
        "no JWT": "rubbish",
        "for the API server": house.token("operator", ""),
        "for somebody else": house.token("operator", "another-service"),
    }
    for why, token in wrong.items():
        for path in ("/api/v1/canaries", house.path, "/api/v1/stream"):
            answer = house.get(path, token)
            assert answer.status_code == 401, (why, path)
            assert answer.headers["www-authenticate"].startswith("Bearer"), (why, path)
            assert "exam" not in answer.json()["detail"], (why, path)
    assert house.get("/healthz", None).status_code == 200


def test_a_stranger_sees_neither_list_nor_canary(house: House) -> None:
    token = house.token("stranger")
    assert house.get("/api/v1/canaries", token).json()["items"] == []
    assert house.get(house.path, token).status_code == 404
    house.hold()
    assert house.post("promote", token).status_code == 404


def test_an_operator_promotes_once_however_often_it_is_said(house: House) -> None:
    house.hold()
    token = house.token("operator")
    said = {"step": 1, "reason": "looked at it", "revision": house.revision()}
    first = house.post("promote", token, key="once", **said)
    assert first.status_code == 202, first.text
    house.wait_step(2)
    again = house.post("promote", token, key="once", **said)
    assert again.status_code == 202, again.text
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["state"] == "taken"
    command = house.wait_command(first.json()["id"])
    assert command["by"] == house.user("operator")
    assert command["via"].startswith("REST API from 127.")
    assert command["reason"] == "looked at it"
    status = house.stage.status
    assert status["release"]["step"] + 1 == 2
    assert [c["id"] for c in status["commands"]].count(first.json()["id"]) == 1
    read = house.get(first.headers["location"], token).json()
    assert (read["state"], read["id"]) == ("taken", first.json()["id"])
    audit = [line for line in house.stage.controller.log().splitlines() if "once" not in line]
    assert any("looked at it" in line and house.user("operator") in line for line in audit)
    assert token not in house.stage.controller.log()


def test_a_promotion_for_what_is_gone_is_refused_with_what_is_there(house: House) -> None:
    house.hold()
    gone = house.revision()
    house.hold()
    token = house.token("operator")
    moved = house.post("promote", token, key="late", revision=gone)
    assert moved.status_code == 409
    assert house.revision() in moved.json()["detail"]
    step = house.post("promote", token, key="late-step", step=2)
    assert step.status_code == 409
    retry = house.post("retry", token, key="retry")
    assert retry.status_code == 409
    assert "not possible while" in retry.json()["detail"]


def test_a_rollback_by_a_person_is_done_and_told(house: House) -> None:
    house.hold()
    answer = house.post("rollback", house.token("operator"), key="back", reason="slow shop")
    assert answer.status_code == 202, answer.text
    status = house.stage.wait_phase("RolledBack", seconds=60)
    assert "slow shop" in status["history"][-1]["reason"]
    told = house.message("slow shop")
    assert "Promote" not in json.dumps([b for b in told["blocks"] if b["type"] == "actions"])


def test_a_command_survives_the_death_of_the_controller(house: House) -> None:
    house.hold()
    answer = house.post("promote", house.token("operator"), key="die", step=1)
    house.stage.controller.kill()
    assert answer.status_code == 202
    house.stage.controller.start()
    house.wait_step(2)
    command = house.wait_command(answer.json()["id"])
    assert command["taken"]
    assert house.stage.status["release"]["step"] + 1 == 2


def test_a_stream_shows_a_release_live_and_ends_with_its_token(house: House) -> None:
    house.account("leaver", "canary-viewer")
    token = house.token("leaver")
    name = f"/api/v1/stream?namespace={house.namespace}&name=exam"
    url = house.stage.controller.url + name
    headers = {"Authorization": f"Bearer {token}"}
    seen: list[str] = []
    with httpx.stream("GET", url, headers=headers, timeout=REVOKED_SECONDS_MAX + 30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        for line in lines:
            if line.startswith("event: "):
                seen.append(line)
                break
        house.hold()
        for line in lines:
            if line.startswith("data: ") and '"Holding"' in line:
                break
        house.world.api.delete("ServiceAccount", "leaver", house.namespace)
        for _ in lines:
            pass  # Until the server ends it; the limit is the read's.
    assert seen
    house.world.wait_until(
        lambda: house.get("/api/v1/canaries", token).status_code == 401,
        REVOKED_SECONDS_MAX,
        "the revoked token to be refused",
    )


def test_reasons_of_events_tell_the_story_and_repeats_are_counted(house: House) -> None:
    house.hold()
    token = house.token("operator")
    house.post("promote", token, key="a", step=1)
    house.wait_step(2)
    house.post("rollback", token, key="b")
    house.stage.wait_phase("RolledBack", seconds=60)
    wanted = {"CanaryHeld", "CanaryStarted", "Holding", "StepPassed", "CommandTaken"}
    wanted |= {"RollingBack", "RolledBack"}

    def told() -> bool:
        events = house.world.api.list("Event", house.namespace)
        return all(
            wanted <= {e["reason"] for e in events if e["involvedObject"]["kind"] == kind}
            for kind in ("Canary", "Deployment")
        )

    house.world.wait_until(told, COMMAND_SECONDS_MAX, f"Events with {wanted}")
    again = [e for e in house.world.api.list("Event", house.namespace) if e["reason"] == "Holding"]
    names = [(e["involvedObject"]["kind"], e["message"]) for e in again]
    assert len(names) == len(set(names)), "the same thing is one Event that is counted"
