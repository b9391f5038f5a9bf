"""A command is read as it was meant, or its writer is told why not."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.kube.intents import read_intent, write_intent
from controller.adapters.kube.names import INTENT_ANNOTATION
from controller.domain.records import Intent, IntentAction, Problem

ALLOWED: Final = "promote, promote-full, rollback, hold, resume, retry"


def read(value: str) -> Intent | Problem | None:
    return read_intent({"other": "promote", INTENT_ANNOTATION: value})


def understood(value: str) -> Intent:
    intent = read(value)
    assert isinstance(intent, Intent), intent
    return intent


def refused(value: str) -> Problem:
    problem = read(value)
    assert isinstance(problem, Problem), problem
    return problem


@pytest.mark.parametrize("action", list(IntentAction))
def test_a_bare_word_is_a_command(action: IntentAction) -> None:
    intent = understood(action.value)
    assert intent.action is action
    assert intent.reason == ""
    assert intent.by == "unknown"


@pytest.mark.parametrize(
    "value",
    [
        "rollback because the shop is slow",
        "rollback the shop is slow",
        "rollback: the shop is slow",
        " Rollback - the shop is slow\n",
    ],
)
def test_a_reason_may_follow(value: str) -> None:
    intent = understood(value)
    assert intent.action is IntentAction.ROLLBACK
    assert intent.reason == "the shop is slow"


def test_the_same_text_is_the_same_command() -> None:
    assert understood("hold").id == understood("hold").id
    assert understood("hold").id != understood("hold please").id


@pytest.mark.parametrize("annotations", [{}, {INTENT_ANNOTATION: ""}, {INTENT_ANNOTATION: "  "}])
def test_nothing_asked_is_nothing(annotations: dict[str, str]) -> None:
    assert read_intent(annotations) is None


def test_json_says_everything() -> None:
    value = (
        '{"action":"promote","id":"7","revision":"f2","step":"2","by":"ada","via":"Slack",'
        '"reason":"looked at it"}'
    )
    assert understood(value) == Intent(
        action=IntentAction.PROMOTE,
        id="7",
        revision="f2",
        step=2,
        by="ada",
        via="Slack",
        reason="looked at it",
        keyed=True,
    )


def test_an_id_that_was_given_makes_a_command_that_is_never_carried_out_twice() -> None:
    assert understood('{"action":"promote","id":"7"}').keyed
    assert not understood('{"action":"promote"}').keyed
    assert not understood("promote").keyed


@pytest.mark.parametrize("step", ["two", "-1", "1.5", "²"])
def test_a_step_has_to_be_a_number(step: str) -> None:
    assert "step" in refused(f'{{"action":"promote","step":"{step}"}}').message


def test_a_key_may_be_there_once_only() -> None:
    """An admission policy reads the first, a JSON parser the last: nobody may profit from that."""
    assert "JSON" in refused('{"action":"hold","action":"rollback"}').message


def test_json_without_an_id_gets_one_from_its_text() -> None:
    assert len(understood('{"action":"promote"}').id) == 16


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("promot", '"promot" does not begin with a command'),
        ("please roll back", '"please roll back" does not begin with a command'),
        ('{"action":"promote"', "begins like JSON and is not"),
        ("{" * 1500, "begins like JSON and is not"),
        ('{"action":"explode"}', "has no action that is known"),
        ('{"action":["promote"]}', "has a action that is not a text"),
        ("{}", "has no action that is known"),
        ('{"action":"rollback","revison":"f2"}', 'has the unknown key "revison"'),
        ('{"action":"rollback","revision":2}', "has a revision that is not a text"),
        ("promote " + "x" * 2_000, "is longer than 2000 characters"),
    ],
)
def test_a_command_that_cannot_be_read_is_a_problem_with_its_value(value: str, said: str) -> None:
    problem = refused(value)
    assert problem.field == f"metadata.annotations[{INTENT_ANNOTATION}]"
    assert said in problem.message
    assert len(problem.message) < 300


@pytest.mark.parametrize("value", ["promot", "{", '{"action":"explode"}'])
def test_the_allowed_words_are_named(value: str) -> None:
    assert ALLOWED in refused(value).remedy


words = st.text(max_size=20)


@settings(deadline=None)
@given(
    st.builds(
        Intent,
        action=st.sampled_from(IntentAction),
        id=st.text(min_size=1, max_size=20),
        revision=words,
        step=st.none() | st.integers(min_value=0, max_value=99),
        via=words,
        keyed=st.just(value=True),
        by=st.text(min_size=1, max_size=20),
        reason=words,
    )
)
def test_what_is_written_is_read(intent: Intent) -> None:
    assert read(write_intent(intent)) == intent


@settings(deadline=None)
@given(st.text() | st.text().map(lambda text: "{" + text))
def test_no_value_makes_the_reader_raise(value: str) -> None:
    assert isinstance(read(value), Intent | Problem | None)
