"""Where people are told of a Canary, as a person writes it."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from controller.adapters.kube.scalars import LIST_TYPE, Written, wrong
from controller.domain.policy import Notifications

MENTIONS_MAX: Final = 10
CHANNEL_CHARACTERS_MAX: Final = 81

# Slack lowers names and takes letters of any script; an id is in capitals.
_CHANNEL: Final = r"^(#?[^\s#@,:;!?'\"()\[\]{}<>*&|\\/A-Z]{1,80}|[CGD][A-Z0-9]{6,20})$"
_CHANNEL_REMEDY: Final = 'Write its name in quotes, such as "#exams", or its id, C0123456789'
_MENTION: Final = r"^([UWS][A-Z0-9]{2,20}|here|channel)$"
_MENTION_REMEDY: Final = (
    'Write the id of a user (U0123ABCD, from "Copy member ID" in the profile), the id of a user '
    "group (S0123ABCD), here or channel"
)


def _checked(pattern: str, what: str, remedy: str) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise wrong(f"is {what}", remedy)
        return value

    return BeforeValidator(check)


def _schema(pattern: str, characters_max: int) -> WithJsonSchema:
    schema: dict[str, Any] = {
        "type": "string",
        "minLength": 1,
        "maxLength": characters_max,
        "pattern": pattern,
    }
    return WithJsonSchema(schema)


Channel = Annotated[
    str,
    _checked(_CHANNEL, "no Slack channel", _CHANNEL_REMEDY),
    _schema(_CHANNEL, CHANNEL_CHARACTERS_MAX),
]
Mention = Annotated[
    str, _checked(_MENTION, "nobody that Slack can call", _MENTION_REMEDY), _schema(_MENTION, 21)
]


class SlackSpec(Written):
    """Where Slack tells of this Canary, and whom it calls."""

    channel: Channel | None = Field(
        None,
        description="Channel of this Canary's messages, by name or id; the bot has to be in it. "
        "Default: the namespace's channel, else the one that the controller is configured with. "
        "Works with a bot token; an incoming webhook has a channel of its own.",
    )
    mentions: list[Mention] = Field(
        default_factory=list,
        max_length=MENTIONS_MAX,
        json_schema_extra={LIST_TYPE: "set"},
        description="Who is called when a person is needed, and only then: ids of users (U...) or "
        "user groups (S...), here, or channel. Default: nobody.",
    )


class NotificationsSpec(Written):
    """Where people are told of this Canary."""

    slack: SlackSpec = Field(
        default_factory=SlackSpec, description="Where Slack tells of it, and whom it calls."
    )

    def notifications(self) -> Notifications:
        return Notifications(
            slack_channel=self.slack.channel or "", mentions=tuple(self.slack.mentions)
        )
