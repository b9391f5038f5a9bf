"""The outbox is bounded: what says least gives way first."""

from controller.domain.case import with_notice
from controller.domain.status import OUTBOX_MAX, Notice, NoticeKind
from tests.domain.tabletop import START


def notice(key: str, kind: NoticeKind = NoticeKind.HOLDING) -> Notice:
    return Notice(key=key, kind=kind, at=START, headline=key)


def test_a_notice_that_waits_already_is_not_added_again() -> None:
    outbox = with_notice((), notice("1"))
    assert with_notice(outbox, notice("1")) == outbox


def test_where_there_is_no_room_a_step_that_passed_gives_way_before_the_oldest() -> None:
    outbox: tuple[Notice, ...] = ()
    for number in range(OUTBOX_MAX):
        kind = NoticeKind.STEP_PASSED if number in {3, 5} else NoticeKind.ROLLED_BACK
        outbox = with_notice(outbox, notice(f"{number}", kind))
    for number in range(3):
        outbox = with_notice(outbox, notice(f"more-{number}"))
    keys = [one.key for one in outbox]
    assert len(keys) == OUTBOX_MAX
    assert "3" not in keys
    assert "5" not in keys
    assert "0" not in keys, "then the oldest"
    assert keys[0] == "1"
    assert keys[-1] == "more-2"
