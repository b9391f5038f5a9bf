"""How a notice looks in Slack, checked against the limits that Slack itself checks."""

import json
import random
import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import ContextBlock, HeaderBlock, SectionBlock

from controller.adapters.slack.blocks import (
    BLOCKS_MAX,
    Block,
    calling,
    clip,
    code,
    message,
    reply,
)
from controller.adapters.slack.board import Board, metadata, release_message
from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind
from tests.adapters.slack.methods import check_content

REF = Ref("exams", "exam-api")
NOW = datetime(2026, 11, 22, 10, 15, 30, tzinfo=UTC)


def notice(**changes: object) -> Notice:
    fields: dict[str, object] = {
        "key": "exam-api-7-RolledBack",
        "kind": NoticeKind.ROLLED_BACK,
        "at": NOW,
        "headline": "exam-api rolled back to revision 6",
        "facts": (("Stable", "revision 6"), ("Canary", "revision 7")),
        "findings": ("restarts: 3 crashes in 12 pod-seconds, stable 0 in 60",),
        "log": "panic: nil LTI context\nexit 2",
    }
    return Notice(**{**fields, **changes})  # type: ignore[arg-type]


def validate(blocks: list[Block]) -> None:
    """What Slack checks before it takes a message; slack_sdk's models know the limits."""
    assert 1 <= len(blocks) <= BLOCKS_MAX
    for block in blocks:
        match block["type"]:
            case "header":
                HeaderBlock(text=block["text"]).validate_json()
                assert 1 <= len(block["text"]["text"]) <= 150
            case "section":
                SectionBlock(text=block.get("text"), fields=block.get("fields")).validate_json()
                assert len(block.get("fields", [])) <= 10
                assert all(1 <= len(field["text"]) <= 2000 for field in block.get("fields", []))
                assert 1 <= len(block.get("text", {"text": "-"})["text"]) <= 3000
            case "context":
                ContextBlock(elements=block["elements"]).validate_json()
            case other:
                raise AssertionError(other)


def texts(blocks: list[Block]) -> str:
    return "\n".join(
        part["text"]
        for block in blocks
        for part in [
            *([block["text"]] if "text" in block else []),
            *block.get("fields", []),
            *block.get("elements", []),
        ]
    )


def test_the_message_says_what_happened_why_and_in_the_processs_own_words() -> None:
    text, blocks = message(REF, notice())
    validate(blocks)
    assert [block["type"] for block in blocks] == [
        "header",
        "section",
        "section",
        "section",
        "context",
    ]
    assert "⏪ exam-api rolled back to revision 6" in blocks[0]["text"]["text"]
    assert blocks[1]["fields"][0]["text"] == "*Stable*\nrevision 6"
    assert blocks[2]["text"]["text"].startswith("• restarts: 3 crashes")
    assert blocks[3]["text"]["text"] == "```\npanic: nil LTI context\nexit 2\n```"
    assert "exams/exam-api · 2026-11-22 10:15:30 UTC · key exam-api-7-RolledBack" in texts(blocks)
    assert text.splitlines()[0] == "⏪ exam-api rolled back to revision 6"
    assert "Canary: revision 7" in text
    assert "panic" not in text


def test_every_kind_of_notice_has_its_own_emoji() -> None:
    firsts = {message(REF, notice(kind=kind))[0].split()[0] for kind in NoticeKind}
    assert len(firsts) == len(NoticeKind)


def test_what_is_not_there_makes_no_empty_block() -> None:
    text, blocks = message(REF, notice(headline="", facts=(), findings=(), log=" \n"))
    validate(blocks)
    assert [block["type"] for block in blocks] == ["header", "context"]
    assert text == "⏪ RolledBack"


def test_an_empty_fact_is_said_to_be_empty() -> None:
    _, blocks = message(REF, notice(facts=(("", ""),)))
    validate(blocks)
    assert blocks[1]["fields"][0]["text"] == "*-*\n-"


def test_nobody_is_mentioned_or_linked_by_what_a_process_writes() -> None:
    bad = "<!channel> <https://evil.example|click> R&D"
    _, blocks = message(REF, notice(headline=bad, facts=((bad, bad),), findings=(bad,), log=bad))
    validate(blocks)
    assert "<" not in texts(blocks)
    assert "R&amp;D" in texts(blocks)
    assert all(f["verbatim"] for b in blocks for f in b.get("fields", []))


def test_a_log_cannot_break_out_of_its_code_block() -> None:
    for ticks in range(1, 12):
        block = code("before\n" + "`" * ticks + " *bold*\n" + "`" * ticks)
        inside = block.removeprefix("```\n").removesuffix("\n```")
        assert "```" not in inside
        assert inside.replace("\u200b", "") == f"before\n{'`' * ticks} *bold*\n{'`' * ticks}"


def test_a_long_logs_last_lines_win() -> None:
    lines = [f"line {number} <&>" for number in range(5000)]
    block = code("\n".join(lines))
    assert len(block) <= 3000
    assert block.endswith("line 4999 &lt;&amp;&gt;\n```")
    assert block.startswith("```\n…")
    assert "line 10 " not in block


def test_the_end_of_one_endless_line_is_kept() -> None:
    block = code("x" * 50_000 + "the end")
    assert len(block) <= 3000
    assert len(block) > 2900
    assert block.endswith("the end\n```")


def test_terminal_colours_and_control_characters_are_taken_out() -> None:
    block = code("\x1b[31mfatal\x1b[0m: \x00out\r\nof\rmemory\tnow\x07\n\n")
    assert block == "```\nfatal: out\nof\nmemory\tnow\n```"


def test_a_text_is_never_cut_inside_an_entity() -> None:
    for characters_max in range(2, 40):
        cut = clip("&" * 20, characters_max)
        assert len(cut) <= characters_max
        assert re.fullmatch(r"(&amp;)*…?", cut)


def test_too_many_findings_are_counted() -> None:
    _, blocks = message(REF, notice(findings=tuple(f"{n}: " + "é" * 400 for n in range(50))))
    validate(blocks)
    shown = blocks[2]["text"]["text"].splitlines()
    assert shown[-1] == f"… and {50 - len(shown) + 1} more"


def test_any_text_whatsoever_stays_within_what_slack_takes() -> None:
    dice = random.Random(7)
    alphabet = "ab `<>&*_~\n\t\r\x1b\x00é漢😀\u2028\ud800"

    def anything(characters_max: int) -> str:
        return "".join(dice.choices(alphabet, k=dice.randint(0, characters_max)))

    for _ in range(60):
        _, blocks = message(
            REF,
            notice(
                key=anything(3000),
                headline=anything(400),
                facts=tuple((anything(300), anything(4000)) for _ in range(dice.randint(0, 40))),
                findings=tuple(anything(2000) for _ in range(dice.randint(0, 60))),
                log=anything(9000),
            ),
        )
        validate(blocks)


def test_the_dashboard_is_linked_when_there_is_one() -> None:
    _, blocks = message(REF, notice(), "https://canary.example/a&b")
    assert "<https://canary.example/a&amp;b/canaries/exams/exam-api|dashboard>" in texts(
        blocks[-1:]
    )


TEXTS = st.text(max_size=400) | st.sampled_from(
    ["<!channel> & co", "`" * 90, "é" * 4000, "\x1b[31m"]
)
NOTICES = st.builds(
    Notice,
    key=st.text(min_size=1, max_size=120),
    kind=st.sampled_from(NoticeKind),
    at=st.just(NOW),
    headline=TEXTS,
    facts=st.lists(st.tuples(TEXTS, TEXTS), max_size=25).map(tuple),
    findings=st.lists(TEXTS, max_size=12).map(tuple),
    log=TEXTS,
    release=st.text(max_size=120),
    revision=st.text(max_size=64),
    step=st.none() | st.integers(1, 20),
    asks=st.booleans(),
    mentions=st.lists(TEXTS | st.just("U0ADA"), max_size=12).map(tuple),
)


@given(NOTICES, st.lists(TEXTS, max_size=8), st.booleans())
def test_whatever_a_notice_holds_slack_takes_the_releases_message(
    told: Notice, notes: list[str], interactive: bool
) -> None:
    board = Board(ref=REF, notice=told, first=told.key, notes=tuple(clip(n, 500) for n in notes))
    text, blocks = release_message(board, "https://canary.example", interactive=interactive)
    check_content({"text": text, "blocks": blocks, "metadata": metadata(board)})
    said = json.dumps([b for b in blocks if b["type"] != "actions"])
    assert not re.search(r"<(?!@U0ADA>)[@!]", said)


@given(NOTICES)
def test_whatever_a_notice_holds_slack_takes_its_reply(told: Notice) -> None:
    text, blocks = reply(REF, told, "https://canary.example", calling(told))
    check_content({"text": text, "blocks": blocks})
