"""What Slack posts: signature, age, and what a click says. What is not Slack's is not looked at."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.slack.board import Board, release_message
from controller.adapters.slack.buttons import read_order
from controller.adapters.slack.interactions import Click, Forged, Unreadable, read, verify
from controller.domain.records import IntentAction, Ref
from tests.adapters.slack.clicks import click, headers, signed
from tests.adapters.slack.story import HOLDING, REF, SECRET

NOW = datetime(2026, 11, 22, 10, 15, 30, tzinfo=UTC)
AT = NOW.timestamp()


def shown() -> dict[str, Any]:
    text, blocks = release_message(Board(ref=REF, notice=HOLDING, first=HOLDING.key), "https://c.e")
    return {"type": "message", "ts": "1795391535.313000", "text": text, "blocks": blocks}


def lowered(given: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in given.items()}


def check(given: dict[str, str], body: bytes, secret: str = SECRET) -> None:
    verify(secret, lowered(given), body, NOW)


def clicked(label: str = "Promote", **changes: Any) -> Click:
    _, body = signed(SECRET, click(shown(), label, **changes), at=AT)
    found = read(body)
    assert found is not None
    return found


def test_what_slack_signed_just_now_is_taken() -> None:
    check(*signed(SECRET, click(shown(), "Promote"), at=AT))


def test_slacks_own_example_is_verified() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    given = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    verify(SECRET, given, body, datetime.fromtimestamp(1531420618, UTC) + timedelta(minutes=4))


@pytest.mark.parametrize("minutes", [-6, 6, -600, 600])
def test_old_and_future_requests_are_forged(minutes: float) -> None:
    with pytest.raises(Forged, match="5 minutes"):
        check(*signed(SECRET, click(shown(), "Promote"), at=AT + minutes * 60))


@pytest.mark.parametrize(
    "timestamp", ["", "soon", "-1", "1e9", "nan", "١٢٣", "9" * 13, " 1", "1\n", "1.5", "0x10"]
)
def test_a_timestamp_that_is_no_number_is_forged(timestamp: str) -> None:
    _, body = signed(SECRET, click(shown(), "Promote"), at=AT)
    with pytest.raises(Forged):
        check(headers(SECRET, body, timestamp), body)


@pytest.mark.parametrize("signature", ["", "v0=", "v1=00", "v0=" + "0" * 64, "ä", "\udcff"])
def test_a_wrong_signature_is_forged(signature: str) -> None:
    given, body = signed(SECRET, click(shown(), "Promote"), at=AT)
    with pytest.raises(Forged):
        check({**given, "X-Slack-Signature": signature}, body)


def test_a_signature_with_another_secret_is_forged_and_says_where_the_right_one_is() -> None:
    with pytest.raises(Forged, match="Signing Secret"):
        check(*signed("another", click(shown(), "Promote"), at=AT))


def test_a_body_that_was_changed_is_forged() -> None:
    given, body = signed(SECRET, click(shown(), "Promote"), at=AT)
    with pytest.raises(Forged):
        check(given, body + b"&x=y")


def test_a_body_that_is_not_utf_8_is_forged() -> None:
    body = b"payload=\xff\xfe"
    with pytest.raises(Forged, match="UTF-8"):
        check(headers(SECRET, body, str(int(AT))), body)


def test_missing_headers_are_forged() -> None:
    _, body = signed(SECRET, click(shown(), "Promote"), at=AT)
    with pytest.raises(Forged, match="missing"):
        check({}, body)


@given(
    st.dictionaries(
        st.sampled_from(["x-slack-request-timestamp", "x-slack-signature"]), st.text(max_size=80)
    ),
    st.binary(max_size=200),
)
def test_no_bytes_get_in_without_the_secret(given: dict[str, str], body: bytes) -> None:
    with pytest.raises(Forged):
        verify(SECRET, given, body, NOW)


def test_a_click_says_who_asks_for_what_of_which_revision_and_step() -> None:
    found = clicked("Promote", user="U0GRACE")
    assert found.user == "U0GRACE"
    assert found.order.canary() == Ref("exams", "exam-api")
    assert found.order.action is IntentAction.PROMOTE
    assert (found.order.revision, found.order.step) == (HOLDING.revision, 2)


def test_two_clicks_on_one_button_are_one_command_and_two_buttons_are_two() -> None:
    first, second, other = (clicked(w).order.key for w in ("Promote", "Promote", "Roll back"))
    assert first == second != other
    assert len(first) <= 128
    assert first.isascii()


def test_to_open_the_release_is_no_command() -> None:
    _, body = signed(SECRET, click(shown(), "Open the release"), at=AT)
    assert read(body) is None


def test_what_is_no_button_is_no_command() -> None:
    for payload in ({"type": "view_submission"}, {"type": "block_actions", "actions": []}):
        _, body = signed(SECRET, payload, at=AT)
        assert read(body) is None


@pytest.mark.parametrize(
    "body", [b"", b"payload", b"payload=%7B", b"payload=[]", b"other=1", b"payload=" + b"[" * 9999]
)
def test_a_body_that_is_no_payload_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "{}",
        "[]",
        "null",
        json.dumps({"ref": "exams", "action": "promote", "revision": "1", "key": "k"}),
        json.dumps({"ref": "a/b/c", "action": "promote", "revision": "1", "key": "k"}),
        json.dumps({"ref": "a/b", "action": "destroy", "revision": "1", "key": "k"}),
        json.dumps({"ref": "a/b", "action": "hold", "revision": 1, "key": "k", "step": "two"}),
    ],
)
def test_a_button_that_we_did_not_write_is_unreadable(value: str) -> None:
    with pytest.raises(ValueError, match=r"button|ref"):
        read_order(value)
    payload = click(shown(), "Promote")
    payload["actions"][0]["value"] = value
    _, body = signed(SECRET, payload, at=AT)
    with pytest.raises(Unreadable):
        read(body)


def test_a_payload_without_user_or_message_is_unreadable() -> None:
    for part in ("user", "channel", "message"):
        payload = click(shown(), "Promote")
        payload[part] = {"id": "<script>", "ts": "now"}
        _, body = signed(SECRET, payload, at=AT)
        with pytest.raises(Unreadable):
            read(body)


def test_a_name_is_one_line_of_bounded_length() -> None:
    payload = click(shown(), "Promote")
    payload["user"]["username"] = "ada\n2026 INFO all is well\x1b[31m" + "x" * 999
    _, body = signed(SECRET, payload, at=AT)
    found = read(body)
    assert found is not None
    assert found.name.startswith("ada 2026 INFO all is well")
    assert len(found.name) <= 80
