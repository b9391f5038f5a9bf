"""What the local Slack holds: channels, messages, what it was asked, and what it will feel like."""

import asyncio
import fnmatch
from dataclasses import dataclass, field
from typing import Any

from controller.adapters.clock import SystemClock
from tests.adapters.slack.moods import Mood

TOKEN = "xoxb-slackd"
SCOPES = frozenset({"chat:write", "channels:history", "channels:read"})
HOOK = "/services/T000/B000/verysecret"

Message = dict[str, Any]


class Error(Exception):
    """An answer with ok=false."""


@dataclass(slots=True)
class Channel:
    """A channel and what was said in it, the oldest first; `messages` are the API's own dicts."""

    id: str
    name: str
    member: bool = True
    archived: bool = False
    messages: list[Message] = field(default_factory=list)

    def roots(self) -> list[Message]:
        """What is no reply: what a person sees in the channel, but for broadcasts."""
        return [m for m in self.messages if m.get("thread_ts", m["ts"]) == m["ts"]]

    def replies(self, root: Message | str) -> list[Message]:
        ts = root if isinstance(root, str) else root["ts"]
        return [m for m in self.messages if m.get("thread_ts") == ts and m["ts"] != ts]

    def shown(self) -> list[Message]:
        """What the channel itself shows: roots and broadcast replies."""
        return [m for m in self.messages if m in self.roots() or m.get("subtype")]


@dataclass(slots=True)
class Slackd:
    """The state, to be looked at and changed from tests. `moods` are used up in order."""

    url: str = ""
    token: str = TOKEN
    scopes: frozenset[str] = SCOPES
    spacing_seconds: float = 0
    channels: dict[str, Channel] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    moods: list[tuple[str, Mood]] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    """What came to response addresses: {"id", "body"}."""
    hooked: list[dict[str, Any]] = field(default_factory=list)
    """What came to the incoming webhook."""
    _clock: int = 0
    _posted_at: dict[str, float] = field(default_factory=dict)

    @property
    def api_url(self) -> str:
        """What the setting slack_api_url has to be."""
        return f"{self.url}/api"

    @property
    def webhook_url(self) -> str:
        """The incoming webhook."""
        return f"{self.url}{HOOK}"

    def response_url(self, name: str) -> str:
        """An address to answer a click at."""
        return f"{self.url}/actions/T000/{name}"

    def channel(self, name: str) -> Channel:
        """By name or id; made when it is not there."""
        name = name.removeprefix("#")
        for known in self.channels.values():
            if name in {known.id, known.name}:
                return known
        made = Channel(id=f"C0CHANNEL{len(self.channels):02d}", name=name)
        self.channels[made.id] = made
        return made

    def feels(self, mood: Mood, method: str = "*", times: int = 1) -> None:
        """The next calls of a method (a pattern such as chat.*) are answered like this."""
        self.moods.extend([(method, mood)] * times)

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    def mood_of(self, method: str) -> Mood | None:
        for index, (pattern, mood) in enumerate(self.moods):
            if fnmatch.fnmatchcase(method, pattern):
                del self.moods[index]
                return mood
        return None

    def tick(self) -> str:
        """A timestamp: unique, growing, and of the wall's time."""
        self._clock = max(self._clock + 1, int(SystemClock().now().timestamp() * 1_000_000))
        return f"{self._clock // 1_000_000}.{self._clock % 1_000_000:06d}"

    def needs(self, scope: str) -> None:
        if scope not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise Error("missing_scope", {"needed": scope, "provided": provided})

    def found(self, name: str, *, by_id: bool = False) -> Channel:
        for channel in self.channels.values():
            if name == channel.id or (not by_id and name.removeprefix("#") == channel.name):
                return channel
        raise Error("channel_not_found")

    def is_too_soon(self, channel: Channel) -> bool:
        now = asyncio.get_running_loop().time()
        last = self._posted_at.get(channel.id)
        if last is not None and now - last < self.spacing_seconds:
            return True
        self._posted_at[channel.id] = now
        return False
