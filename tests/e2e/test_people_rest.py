"""Who may do what by REST, with tokens of real accounts."""

import json
import time

import httpx

from tests.e2e.house import AUDIENCE, REVOKED_SECONDS_MAX, House


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


def test_who_has_no_right_here_sees_neither_list_nor_canary(house: House) -> None:
    house.hold()
    elsewhere = house.world.namespace()
    house.account("neighbour", "canary-operator", elsewhere)
    strangers = {
        "without any right": house.token("stranger"),
        "operator of another namespace": house.token("neighbour", namespace=elsewhere),
    }
    for who, token in strangers.items():
        assert house.get("/api/v1/canaries", token).json()["items"] == [], who
        assert house.get(house.path, token).status_code == 404, who
        assert house.post("promote", token).status_code == 404, who
    assert house.stage.status["release"]["step"] == 0
    house.world.api.delete("Namespace", elsewhere)


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
    written = house.stage.controller.log().splitlines()
    (audit,) = [line for line in written if first.json()["id"] in line and "accepted" in line]
    for words in (house.user("operator"), "REST API from 127.", "looked at it"):
        assert words in audit


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
    token, bound = house.token("leaver"), bound_token(house, "viewer", "badge")
    url = f"{house.stage.controller.url}/api/v1/stream?namespace={house.namespace}&name=exam"
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.stream("GET", url, headers=headers, timeout=REVOKED_SECONDS_MAX) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert any(line.startswith("event: ") for line in lines)
        house.hold()
        assert any(line.startswith("data: ") and '"Holding"' in line for line in lines)
        assert house.get(house.path, bound).status_code == 200
        house.world.api.delete("ServiceAccount", "leaver", house.namespace)
        house.world.api.delete("Secret", "badge", house.namespace)
        latest = time.monotonic() + REVOKED_SECONDS_MAX
        for line in lines:
            # A comment comes all the while: that the stream ends is seen by this limit alone.
            assert time.monotonic() < latest, f"still open, and says {line}"
    for revoked in (token, bound):
        house.world.wait_until(
            lambda revoked=revoked: house.get(house.path, revoked).status_code == 401,
            REVOKED_SECONDS_MAX,
            "the revoked token to be refused",
        )


def bound_token(house: House, account: str, secret: str) -> str:
    """A token that lives as long as a Secret does."""
    metadata = {"name": secret}
    kept = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    uid = house.world.api.apply(kept, house.namespace)["metadata"]["uid"]
    bound = {"kind": "Secret", "apiVersion": "v1", "name": secret, "uid": uid}
    issued = house.world.api.request(
        "POST",
        f"/api/v1/namespaces/{house.namespace}/serviceaccounts/{account}/token",
        body={
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [AUDIENCE], "boundObjectRef": bound},
        },
    )
    token: str = issued.json()["status"]["token"]
    house.tokens.add(token)
    return token
