"""What Slack posts when somebody presses a button: whether it is Slack, and what it says."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from controller.adapters.slack.blocks import BLOCKS_MAX, one_line
from controller.adapters.slack.board import Shown
from controller.adapters.slack.buttons import PREFIX, Order, read_order

AGE_SECONDS_MAX: Final = 300
NAME_CHARACTERS_MAX: Final = 80
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_USER: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
_CHANNEL: Final = re.compile(r"[CGD][A-Z0-9]{2,20}")
_TS: Final = re.compile(r"[0-9]{1,12}\.[0-9]{1,8}")


class Forged(Exception):
    """Not from Slack, or not from just now. Nothing of it was looked at."""


class Unreadable(Exception):
    """From Slack, but not what our buttons say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Somebody pressed a button. `name` is what they call themselves: shown, never trusted."""

    user: str
    name: str
    channel: str
    order: Order
    shown: Shown
    response_url: str


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Raises Forged unless Slack signed exactly this, at most five minutes ago.

    Names of headers are lower case.
    """
    timestamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    if not _TIMESTAMP.fullmatch(timestamp) or not signature:
        raise Forged("Slack's signature is missing: is this request from Slack?")
    if abs(now.timestamp() - int(timestamp)) > AGE_SECONDS_MAX:
        raise Forged(
            f"the request is of more than {AGE_SECONDS_MAX // 60} minutes ago or from now: click "
            "again; if that does not help, set the clock of the controller's node"
        )
    base = b"v0:" + timestamp.encode() + b":" + body
    wanted = "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    # As bytes: texts that are not ASCII cannot be compared in constant time.
    if not hmac.compare_digest(wanted.encode(), signature.encode(errors="replace")):
        raise Forged(
            "the signature is wrong: slack_signing_secret has to be the Signing Secret of the "
            "Slack app (Basic Information > App Credentials)"
        )
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Forged("the body is not UTF-8, as Slack's is") from None


def read(body: bytes) -> Click | None:
    """What a verified body says; None: nothing to do, as when a link was opened.

    Raises Unreadable.
    """
    payload = _payload(body)
    if payload.get("type") != "block_actions":
        return None
    actions = payload.get("actions")
    first = actions[0] if isinstance(actions, list) and actions else None
    if not isinstance(first, dict) or not str(first.get("action_id", "")).startswith(PREFIX):
        return None
    if "value" not in first:
        return None
    try:
        order = read_order(str(first["value"]))
    except ValueError as error:
        raise Unreadable(str(error)) from None
    return _click(payload, order)


def _payload(body: bytes) -> dict[str, Any]:
    try:
        fields = dict(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=10))
        payload = json.loads(fields["payload"])
    except (ValueError, KeyError, RecursionError):
        raise Unreadable("the body is no form with a payload in JSON") from None
    if not isinstance(payload, dict):
        raise Unreadable("the payload is no object")
    return payload


def _click(payload: Mapping[str, Any], order: Order) -> Click:
    user, channel = _part(payload, "user"), _part(payload, "channel")
    message = _part(payload, "message")
    user_id = str(user.get("id", ""))
    if not _USER.fullmatch(user_id):
        raise Unreadable("the payload names no user")
    channel_id, ts = str(channel.get("id", "")), str(message.get("ts", ""))
    if not _CHANNEL.fullmatch(channel_id) or not _TS.fullmatch(ts):
        raise Unreadable("the payload names no message")
    blocks = message.get("blocks")
    known = blocks[:BLOCKS_MAX] if isinstance(blocks, list) else []
    return Click(
        user=user_id,
        name=_name(user.get("username") or user.get("name")) or user_id,
        channel=_name(channel.get("name")) or channel_id,
        order=order,
        shown=Shown(
            channel=channel_id,
            ts=ts,
            text=str(message.get("text", "")) or "canary-controller",
            blocks=tuple(block for block in known if isinstance(block, dict)),
        ),
        response_url=str(payload.get("response_url", "")),
    )


def _part(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = payload.get(name)
    return part if isinstance(part, dict) else {}


def _name(said: object) -> str:
    return one_line(str(said or ""))[:NAME_CHARACTERS_MAX]
