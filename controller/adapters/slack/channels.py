"""Which channel a notice goes to: the Canary's own, its namespace's, or the default."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controller.adapters.slack.tables import Table, Wrong
from controller.domain.records import Ref
from controller.domain.status import Notice
from controller.engine.ports import Refused, Unavailable

# A name as Slack allows it, which may be of any script, or an id.
_CHANNEL: Final = re.compile(r"#?[^\s#@,:;!?'\"()\[\]{}<>*&|\\/A-Z]{1,80}|[CGD][A-Z0-9]{6,20}")
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_EXAMPLE: Final = 'exams: "#exam-deploys"'

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Channels:
    """`default` is for what nothing else is said about."""

    default: str
    table: Table[str] | None = None

    @classmethod
    def load(cls, default: str, path: Path | None) -> "Channels":
        """Raises Refused when the default or the file cannot be used."""
        if not is_channel(default):
            raise Refused(
                f"slack_channel = {default!r}: is no channel; write its name or id, such as "
                "#deploys or C0123456789"
            )
        if path is None:
            return cls(default)
        channels = cls(default, Table(path, "slack_channels_file", _EXAMPLE, _channel))
        channels.check()
        return channels

    @classmethod
    def opened(cls, default: str, path: Path | None) -> "Channels":
        """As `load`, but a broken file is told in the log: notices wait until it is mended.

        A slip in a table is no reason for a controller not to start. Raises Refused for a default
        that is no channel.
        """
        channels = cls.load(default, None)
        if path is not None:
            channels = cls(default, Table(path, "slack_channels_file", _EXAMPLE, _channel))
            try:
                channels.check()
            except Refused as broken:
                log.error("Slack: %s", broken)  # noqa: TRY400 - no bug
        return channels

    def check(self) -> None:
        """Raises Refused with all that is wrong with the file."""
        if self.table is not None:
            self.table.rows()

    def of(self, ref: Ref, notice: Notice) -> str:
        """Raises Unavailable while the table cannot be read: nothing goes to a wrong channel."""
        if notice.channel:
            return notice.channel
        if self.table is None:
            return self.default
        try:
            return self.table.rows().get(ref.namespace, self.default)
        except Refused as broken:
            raise Unavailable(str(broken)) from None


def is_channel(text: str) -> bool:
    """Whether it can be a channel's name, with or without #, or id."""
    return _CHANNEL.fullmatch(text) is not None


def _channel(namespace: str, channel: Any) -> str:
    if not _NAMESPACE.fullmatch(namespace):
        raise Wrong("is no namespace")
    if not isinstance(channel, str) or not is_channel(channel):
        shown = repr(channel)[:80]
        raise Wrong(f"{shown} is no channel: write its name in quotes or its id")
    return channel
