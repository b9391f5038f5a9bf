"""A person's command is carried out once, on what it was meant for, and put on record."""

from dataclasses import replace

import pytest

from controller.domain.lifecycle import Phase
from controller.domain.records import IntentAction
from controller.domain.status import COMMANDS_MAX, NoticeKind, Release
from tests.domain.tabletop import Table, on_trial

KEY = {"id": "key-1", "keyed": True}


def test_what_a_person_asked_for_is_put_on_record_with_its_answer() -> None:
    table = on_trial()
    table.command(IntentAction.HOLD, by="ada", via="REST API from 10.0.0.3", reason="lunch", **KEY)
    table.look(1)
    (command,) = table.status.commands
    assert (command.id, command.action, command.by) == ("key-1", IntentAction.HOLD, "ada")
    assert (command.via, command.reason, command.at) == (
        "REST API from 10.0.0.3",
        "lunch",
        table.now,
    )
    assert command.taken
    assert command.canary == str(_release(table).canary)
    assert command.answer == "ada asked for hold by REST API from 10.0.0.3 (lunch)"


def test_a_command_with_a_key_is_carried_out_once_however_often_it_is_written() -> None:
    table = on_trial()
    table.command(IntentAction.PROMOTE, **KEY)
    table.looks(3)
    assert _release(table).step == 1
    table.command(IntentAction.PROMOTE, **KEY)
    table.looks(3)
    assert _release(table).step == 1
    assert len(table.status.commands) == 1
    assert table.intent is None, "it is taken off the Canary all the same"


def test_the_same_words_may_be_said_again() -> None:
    table = on_trial()
    for _ in range(2):
        table.command(IntentAction.HOLD, id="words")
        table.looks(3)
        assert table.status.phase is Phase.HOLDING
        table.command(IntentAction.RESUME, id="other words")
        table.looks(3)
        assert table.status.phase is Phase.ANALYSING
    assert [command.taken for command in table.status.commands] == [True] * 4


def test_a_promotion_of_a_step_that_is_over_promotes_no_other() -> None:
    table = on_trial()
    table.command(IntentAction.PROMOTE, step=1, **KEY)
    table.looks(3)
    assert _release(table).step == 1
    table.command(IntentAction.PROMOTE, step=1, id="key-2", keyed=True)
    table.looks(3)
    assert _release(table).step == 1
    last = table.status.commands[-1]
    assert not last.taken
    assert "at step 1" in last.answer
    assert "runs at step 2: nothing was done" in last.answer


@pytest.mark.parametrize("revision", ["C", "99", "rs-C"])
def test_a_command_for_another_revision_does_nothing(revision: str) -> None:
    table = on_trial()
    table.command(IntentAction.ROLLBACK, revision=revision, **KEY)
    table.looks(3)
    assert table.status.phase is Phase.ANALYSING
    assert not table.status.commands[-1].taken


def test_the_record_of_commands_is_bounded() -> None:
    table = on_trial()
    for number in range(COMMANDS_MAX + 5):
        table.command(IntentAction.RETRY, id=f"key-{number}", keyed=True)
        table.looks(2)
    assert len(table.status.commands) == COMMANDS_MAX
    assert table.status.commands[-1].id == f"key-{COMMANDS_MAX + 4}"


def test_commands_are_remembered_beyond_their_release() -> None:
    table = on_trial()
    table.command(IntentAction.ROLLBACK, **KEY)
    table.looks(6)
    assert table.status.phase is Phase.ROLLED_BACK
    assert [command.id for command in table.status.commands] == ["key-1"]


def test_after_a_rollback_a_person_lets_the_template_come_again() -> None:
    table = on_trial()
    table.command(IntentAction.ROLLBACK)
    table.looks(6)
    assert (table.status.phase, table.template) == (Phase.ROLLED_BACK, "A")
    table.command(IntentAction.RETRY, revision="B", **KEY)
    table.looks(3)
    assert table.status.phase is Phase.IDLE
    assert table.status.rejected == ()
    assert table.status.commands[-1].taken
    assert table.status.message == (
        "The quarantine was lifted by ada: applied again, the template is tried"
    )
    table.apply_template("B")
    table.looks(5)
    assert table.status.phase is Phase.ANALYSING


def test_the_notices_of_a_release_belong_together_and_say_what_a_command_is_meant_for() -> None:
    table = on_trial()
    table.command(IntentAction.PROMOTE, **KEY)
    table.looks(2)
    table.command(IntentAction.HOLD, id="key-2", keyed=True)
    table.looks(2)
    notices = table.status.outbox
    kinds = [notice.kind for notice in notices]
    assert kinds == [NoticeKind.STARTED, NoticeKind.STEP_PASSED, NoticeKind.HOLDING]
    assert len({notice.release for notice in notices}) == 1
    assert {notice.revision for notice in notices} == {"B"}
    assert [notice.step for notice in notices] == [1, 2, 2]
    assert [notice.asks for notice in notices] == [False, False, True]


def test_a_canary_may_wish_for_a_channel_and_for_people() -> None:
    table = on_trial()
    wished = replace(table.policy.notifications, slack_channel="#exams", mentions=("here",))
    table.policy = replace(table.policy, notifications=wished)
    table.command(IntentAction.HOLD, **KEY)
    table.looks(2)
    assert table.status.outbox[-1].channel == "#exams"
    assert table.status.outbox[-1].mentions == ("here",)


def _release(table: Table) -> Release:
    assert table.status.release is not None
    return table.status.release


def test_a_release_that_a_person_promoted_says_so_and_not_that_all_was_compared() -> None:
    table = on_trial()
    table.command(IntentAction.PROMOTE_FULL, **KEY)
    table.looks(2)
    assert "as ada asked for" in table.plans[-2].status.message
    table.finish_rollout()
    table.looks(200)
    assert table.status.phase is Phase.PROMOTED
    assert table.status.history[-1].reason == "ada asked for it; it was not worse on the way"


def test_what_came_first_is_no_success_of_a_command() -> None:
    table = on_trial()
    table.deaths["B-0"] = 3
    table.command(IntentAction.PROMOTE, **KEY)
    table.look()
    assert table.status.phase is Phase.ROLLING_BACK
    (command,) = table.status.commands
    assert not command.taken
    assert "something else came first" in command.answer


def test_a_retry_lets_in_the_template_that_it_names_and_no_other() -> None:
    table = on_trial()
    for version in ("B", "C"):
        if version == "C":
            table.apply_template("C")
            table.looks(5)
        table.command(IntentAction.ROLLBACK)
        table.looks(8)
    assert [r.fingerprint for r in table.status.rejected] == ["B", "C"]
    table.apply_template("B")
    table.command(IntentAction.RETRY, revision="C", **KEY)
    table.looks(4)
    assert table.status.phase is Phase.QUARANTINED
    assert [r.fingerprint for r in table.status.rejected] == ["B", "C"]
    assert not table.status.commands[-1].taken
