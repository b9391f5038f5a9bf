"""Clicks as Slack sends them: made from a message that it shows, and signed."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from controller.adapters.clock import SystemClock

Message = dict[str, Any]


def buttons(message: Message) -> dict[str, dict[str, Any]]:
    """The buttons that a message shows, by what is written on them."""
    return {
        element["text"]["text"]: element
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    }


def click(
    message: Message,
    label: str,
    *,
    user: str = "U0ADA",
    channel: str = "C0CHANNEL00",
    response_url: str = "",
) -> dict[str, Any]:
    """What Slack posts when a person presses the button that says this."""
    button = buttons(message)[label]
    action = {key: button[key] for key in ("type", "action_id", "text", "value") if key in button}
    return {
        "type": "block_actions",
        "api_app_id": "A0APP",
        "team": {"id": "T000", "domain": "team"},
        "user": {"id": user, "username": "ada", "name": "ada", "team_id": "T000"},
        "container": {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": channel,
            "is_ephemeral": False,
        },
        "channel": {"id": channel, "name": "exams"},
        "message": message,
        "response_url": response_url,
        "trigger_id": "1.2.3",
        "actions": [{**action, "block_id": "b1", "action_ts": "1795391535.313000"}],
    }


def signed(
    secret: str, payload: dict[str, Any], *, at: float | None = None
) -> tuple[dict[str, str], bytes]:
    """Headers and body of the request; `at` in seconds since the epoch, None: now."""
    body = urlencode({"payload": json.dumps(payload)}).encode()
    seconds = int(SystemClock().now().timestamp() if at is None else at)
    return headers(secret, body, str(seconds)), body


def headers(secret: str, body: bytes, timestamp: str) -> dict[str, str]:
    """What Slack signs a body with."""
    base = b"v0:" + timestamp.encode() + b":" + body
    signature = "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature,
    }
