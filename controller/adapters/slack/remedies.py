"""What Slack's words for a refusal mean, and what a person can do about each."""

from collections.abc import Mapping
from typing import Final

_TOKEN: Final = (
    "install the app again (Slack app > OAuth & Permissions) and put its bot token, which begins "
    "with xoxb-, into slack_bot_token"
)
_BUG: Final = "this is a bug of canary-controller: please report it with this line"
_ASK: Final = "ask an administrator of the workspace to allow this app to post there"

REMEDIES: Final[Mapping[str, str]] = {
    "invalid_auth": f"the bot token is not valid: {_TOKEN}",
    "not_authed": f"no bot token arrived: {_TOKEN}",
    "token_revoked": f"the bot token was revoked: {_TOKEN}",
    "token_expired": f"the bot token has expired: {_TOKEN}",
    "account_inactive": f"the app was removed from the workspace: {_TOKEN}",
    "not_allowed_token_type": f"the token is no bot token: {_TOKEN}",
    "no_permission": f"the token may not do this: {_TOKEN}",
    "org_login_required": "the workspace moves to an organisation: try again when that is done",
    "ekm_access_denied": "the workspace's administrators suspended access: ask them",
    "team_access_not_granted": "the app is not installed in this workspace: install it there",
    "channel_not_found": "there is no such channel, or the bot may not see it: correct the name "
    "(spec.notifications.slack.channel, slack_channels_file or slack_channel); a private channel "
    "needs the bot invited: /invite @canary-controller",
    "not_in_channel": "the bot is not in this channel: write /invite @canary-controller there, or "
    "grant chat:write.public for public ones",
    "is_archived": "the channel is archived: unarchive it, or name another one",
    "is_inactive": "the channel is frozen: name another one",
    "restricted_action": f"posting there is restricted: {_ASK}, or name another channel",
    "restricted_action_read_only_channel": f"the channel is read-only: {_ASK}",
    "restricted_action_thread_only_channel": f"the channel takes only threads: {_ASK}",
    "restricted_action_non_threadable_channel": f"the channel takes no threads: {_ASK}",
    "restricted_action_thread_locked": f"the thread is locked: {_ASK}",
    "msg_too_long": _BUG,
    "msg_blocks_too_long": _BUG,
    "no_text": _BUG,
    "invalid_blocks": _BUG,
    "invalid_blocks_format": _BUG,
    "invalid_arguments": _BUG,
    "invalid_metadata_format": _BUG,
    "invalid_metadata_schema": _BUG,
    "metadata_too_large": _BUG,
    "metadata_must_be_sent_from_app": f"the token is not an app's: {_TOKEN}",
    "message_not_found": "the message was deleted",
    "cant_update_message": "the message is not ours to change",
    "edit_window_closed": "the workspace allows no change of older messages: ask an administrator "
    "to let messages be edited at any time",
}
_UNKNOWN: Final = "see https://docs.slack.dev for this word, and check the app and the channel"


def remedy(code: str, needed: str = "") -> str:
    """What to do about Slack's word; `needed` is the scope that it misses."""
    if code == "missing_scope":
        scope = needed or "chat:write"
        return (
            f"the app has not got the scope {scope}: add it (Slack app > OAuth & Permissions > Bot "
            "Token Scopes) and install the app again"
        )
    return REMEDIES.get(code, _UNKNOWN)
