"""Slack's Web API, as far as it is used here, with the limits that its documentation names."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.adapters.slack.workspace import Error, Message, Slackd


def serve(slack: Slackd, method: str, given: dict[str, Any]) -> web.Response:
    """Do it, and answer as Slack does."""
    if method not in METHODS:
        return web.json_response({"ok": False, "error": "unknown_method"})
    try:
        said = METHODS[method](slack, given)
    except Error as error:
        said = {"ok": False, "error": error.args[0], **(error.args[1:] or ({},))[0]}
    if said.get("error") == "ratelimited":
        return web.json_response(said, status=429, headers={"Retry-After": "1"})
    return web.json_response(said)


def _post(slack: Slackd, given: dict[str, Any]) -> dict[str, Any]:
    slack.needs("chat:write")
    channel = slack.found(given["channel"])
    if not channel.member:
        raise Error("not_in_channel")
    if channel.archived:
        raise Error("is_archived")
    check_content(given)
    if slack.is_too_soon(channel):
        raise Error("ratelimited")
    thread = given.get("thread_ts")
    message: Message = {
        "type": "message",
        "user": "U0BOT",
        "bot_id": "B0BOT",
        "app_id": "A0APP",
        "text": given.get("text", ""),
        "blocks": given.get("blocks", []),
        "ts": slack.tick(),
    }
    if "metadata" in given:
        message["metadata"] = given["metadata"]
    if thread is not None:
        if all(root["ts"] != thread for root in channel.roots()):
            raise Error("thread_not_found")
        message["thread_ts"] = thread
        if given.get("reply_broadcast"):
            message["subtype"] = "thread_broadcast"
    channel.messages.append(message)
    return {"ok": True, "channel": channel.id, "ts": message["ts"], "message": message}


def _update(slack: Slackd, given: dict[str, Any]) -> dict[str, Any]:
    slack.needs("chat:write")
    channel = slack.found(given["channel"], by_id=True)
    if channel.archived:
        raise Error("is_archived")
    check_content(given)
    for message in channel.messages:
        if message["ts"] == given["ts"]:
            message |= {k: given[k] for k in ("text", "blocks", "metadata") if k in given}
            message["edited"] = {"user": "U0BOT", "ts": slack.tick()}
            return {"ok": True, "channel": channel.id, "ts": message["ts"], "text": given["text"]}
    raise Error("message_not_found")


def check_content(given: dict[str, Any]) -> None:
    """The limits that the documentation names."""
    text, blocks = given.get("text", ""), given.get("blocks", [])
    if not text and not blocks:
        raise Error("no_text")
    if len(text) > 40_000:
        raise Error("msg_too_long")
    if len(blocks) > 50 or not all(_is_block(block) for block in blocks):
        raise Error("invalid_blocks")
    metadata = given.get("metadata")
    if metadata is not None and set(metadata) != {"event_type", "event_payload"}:
        raise Error("invalid_metadata_format")


def _is_block(block: dict[str, Any]) -> bool:
    match block["type"]:
        case "header":
            return 1 <= len(block["text"]["text"]) <= 150
        case "section":
            texts = [*block.get("fields", []), *([block["text"]] if "text" in block else [])]
            return 1 <= len(texts) <= 10 and all(1 <= len(t["text"]) <= 3000 for t in texts)
        case "context":
            return 1 <= len(block["elements"]) <= 10
        case "actions":
            elements = block["elements"]
            ids = [e.get("action_id") for e in elements]
            fit = all(_is_button(e) for e in elements)
            return 1 <= len(elements) <= 25 and len(set(ids)) == len(ids) and fit
        case _:
            return False


def _is_button(element: dict[str, Any]) -> bool:
    confirm = element.get("confirm", {})
    return (
        element["type"] == "button"
        and element["text"]["type"] == "plain_text"
        and 1 <= len(element["text"]["text"]) <= 75
        and len(element.get("value", "")) <= 2000
        and len(element.get("url", "")) <= 3000
        and len(element["action_id"]) <= 255
        and len(confirm.get("title", {}).get("text", "")) <= 100
        and len(confirm.get("text", {}).get("text", "")) <= 300
        and len(confirm.get("confirm", {}).get("text", "")) <= 30
        and len(confirm.get("deny", {}).get("text", "")) <= 30
    )


def _history(slack: Slackd, given: dict[str, Any]) -> dict[str, Any]:
    slack.needs("channels:history")
    channel = slack.found(given["channel"], by_id=True)
    if not channel.member:
        raise Error("not_in_channel")
    oldest = float(given.get("oldest") or 0)
    newest_first = [m for m in reversed(channel.shown()) if float(m["ts"]) > oldest]
    return _page(newest_first, given, 100)


def _replies(slack: Slackd, given: dict[str, Any]) -> dict[str, Any]:
    slack.needs("channels:history")
    channel = slack.found(given["channel"], by_id=True)
    roots = [m for m in channel.roots() if m["ts"] == given["ts"]]
    if not roots:
        raise Error("thread_not_found")
    return _page([*roots, *channel.replies(given["ts"])], given, 1000)


def _page(messages: list[Message], given: dict[str, Any], standard: int) -> dict[str, Any]:
    limit = int(given.get("limit") or standard)
    start = int(given.get("cursor") or 0)
    shown = messages[start : start + limit]
    if given.get("include_all_metadata") not in {"1", "true", True}:
        shown = [{k: v for k, v in m.items() if k != "metadata"} for m in shown]
    more = start + limit < len(messages)
    cursor = {"next_cursor": str(start + limit)} if more else {}
    return {"ok": True, "messages": shown, "has_more": more, "response_metadata": cursor}


def _list(slack: Slackd, given: dict[str, Any]) -> dict[str, Any]:
    slack.needs("channels:read")
    if "private_channel" in given.get("types", ""):
        slack.needs("groups:read")
    channels = [{"id": c.id, "name": c.name} for c in slack.channels.values() if not c.archived]
    limit, start = int(given.get("limit") or 100), int(given.get("cursor") or 0)
    more = start + limit < len(channels)
    cursor = str(start + limit) if more else ""
    shown = channels[start : start + limit]
    return {"ok": True, "channels": shown, "response_metadata": {"next_cursor": cursor}}


def _auth(slack: Slackd, given: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "team": "Team", "user": "canary", "user_id": "U0BOT", "bot_id": "B0BOT"}


METHODS: dict[str, Callable[[Slackd, dict[str, Any]], dict[str, Any]]] = {
    "chat.postMessage": _post,
    "chat.update": _update,
    "conversations.history": _history,
    "conversations.replies": _replies,
    "conversations.list": _list,
    "auth.test": _auth,
}
