"""A release as its notices tell it, and the bot that says them to a local Slack."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from controller.adapters.clock import SystemClock
from controller.adapters.slack.bot import Line, SlackBot, connect
from controller.adapters.slack.channels import Channels
from controller.adapters.slack.web import Pace
from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind
from tests.adapters.slack.workspace import TOKEN, Slackd

REF = Ref("exams", "exam-api")
START = SystemClock().now().replace(microsecond=0)
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
FAST = Pace(spacing=0, patience=0.5, settling=0.3)
# A hanging Slack is given up after so long where a test needs it to be.
HASTY_SECONDS = 0.15


def notice(
    kind: NoticeKind, minutes: float = 0, *, release: str = "one", **changes: object
) -> Notice:
    """One of a release's; those of the same kind, release and minute are the same."""
    at = START + timedelta(minutes=minutes)
    asks = kind in {NoticeKind.HOLDING, NoticeKind.QUARANTINED}
    facts = (
        ("Workload", "exams/exam-api"),
        ("Canary", "revision 42 (registry.example/exam-api:v42)"),
        ("Stable", "revision 41 (registry.example/exam-api:v41)"),
    )
    told = Notice(
        key=f"{REF}:{release}:{minutes:g}:{kind.value}",
        kind=kind,
        at=at,
        headline=f"exam-api: revision 42, {kind.value}",
        facts=facts,
        findings=("errors: canary 5.1% of 412, stable 0.2% of 3,801",) if asks else (),
        release=f"{REF}:{release}",
        revision="0123456789abcdef",
        step=1,
        asks=asks,
    )
    return replace(told, **changes)  # type: ignore[arg-type]


STARTED = notice(NoticeKind.STARTED)
PASSED = notice(NoticeKind.STEP_PASSED, 5, step=2)
HOLDING = notice(NoticeKind.HOLDING, 9, step=2, mentions=("U0ADA", "S0EXAMS", "here"))
ROLLED_BACK = notice(NoticeKind.ROLLED_BACK, 12, log="panic: nil LTI context\nexit 2")
PROMOTED = notice(NoticeKind.PROMOTED, 30)
STORY = (STARTED, PASSED, HOLDING, ROLLED_BACK)


@asynccontextmanager
async def bot(
    slack: Slackd,
    channels: Channels | None = None,
    *,
    pace: Pace = FAST,
    token: str = TOKEN,
    interactive: bool = True,
    answer_seconds: float = 5,
) -> AsyncIterator[SlackBot]:
    """A process of ours, as far as Slack sees it."""
    line = Line(api_url=slack.api_url, pace=pace, timeout_seconds=answer_seconds)
    known = channels or Channels("#exams")
    async with connect(
        token,
        known,
        dashboard_url="https://canary.example",
        line=line,
        interactive=interactive,
    ) as connected:
        yield connected
