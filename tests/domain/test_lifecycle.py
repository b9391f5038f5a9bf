"""The table of legal moves: what it allows, what it never allows, and that it has no dead end."""

from itertools import product

import pytest

from controller.domain.lifecycle import (
    AT_REST,
    JUDGED,
    TRANSITIONS,
    UNDER_ANALYSIS,
    Event,
    Phase,
    advance,
)


def reachable(start: Phase) -> set[Phase]:
    found = {start}
    while True:
        more = {to for (phase, _), to in TRANSITIONS.items() if phase in found} - found
        if not more:
            return found
        found |= more


def story(*events: Event) -> Phase:
    phase = Phase.IDLE
    for event in events:
        phase = advance(phase, event)
    return phase


BEGUN = (Event.STABLE_FOUND, Event.TEMPLATE_CHANGED, Event.CANARY_READY)


def test_every_phase_is_reached_from_idle() -> None:
    assert reachable(Phase.IDLE) == set(Phase)


def test_every_event_moves_something() -> None:
    assert {event for _, event in TRANSITIONS} == set(Event)


@pytest.mark.parametrize("phase", Phase)
def test_no_phase_is_a_dead_end(phase: Phase) -> None:
    assert Phase.IDLE in reachable(phase) or AT_REST & (reachable(phase) - {phase})
    assert AT_REST & reachable(phase)


def test_a_move_that_is_not_in_the_table_is_a_bug() -> None:
    for phase, event in set(product(Phase, Event)) - TRANSITIONS.keys():
        with pytest.raises(AssertionError, match=f"{event.value}.* cannot happen while"):
            advance(phase, event)


def test_a_good_canary_is_promoted() -> None:
    passed = (*BEGUN, Event.STEP_PASSED, Event.STEP_PASSED, Event.LAST_STEP_PASSED)
    assert story(*passed, Event.ROLLED_OUT, Event.BAKED) is Phase.PROMOTED


def test_a_bad_canary_is_rolled_back_and_its_return_is_quarantined() -> None:
    undone = (*BEGUN, Event.CANARY_WORSE, Event.UNDONE)
    assert story(*undone) is Phase.ROLLED_BACK
    assert story(*undone, Event.REJECTED_AGAIN) is Phase.QUARANTINED
    assert story(*undone, Event.REJECTED_AGAIN, Event.RETRIED) is Phase.IDLE


def test_a_canary_that_turns_bad_while_it_bakes_is_rolled_back() -> None:
    baking = (*BEGUN, Event.LAST_STEP_PASSED, Event.ROLLED_OUT)
    assert story(*baking, Event.CANARY_WORSE) is Phase.ROLLING_BACK


@pytest.mark.parametrize("phase", sorted(JUDGED))
def test_whatever_runs_a_canary_can_be_rolled_back_by_evidence_or_by_a_person(phase: Phase) -> None:
    assert advance(phase, Event.CANARY_WORSE) is Phase.ROLLING_BACK
    assert advance(phase, Event.ROLLED_BACK_BY_PERSON) is Phase.ROLLING_BACK


@pytest.mark.parametrize("phase", sorted(JUDGED))
def test_a_third_template_or_stables_own_ends_the_release(phase: Phase) -> None:
    assert advance(phase, Event.SUPERSEDED) is Phase.SUPERSEDED
    assert advance(phase, Event.WITHDRAWN) is Phase.WITHDRAWN


@pytest.mark.parametrize("phase", sorted(UNDER_ANALYSIS))
def test_a_person_can_promote_whatever_is_under_analysis(phase: Phase) -> None:
    assert advance(phase, Event.PROMOTED_BY_PERSON) is Phase.PROMOTING


def test_a_rollback_under_way_is_never_promoted() -> None:
    after = {to for (phase, _), to in TRANSITIONS.items() if phase is Phase.ROLLING_BACK}
    assert after <= {Phase.ROLLED_BACK, Phase.SUPERSEDED}


def test_nothing_is_promoted_for_lack_of_evidence() -> None:
    causes = {event for (_, event), to in TRANSITIONS.items() if to is Phase.PROMOTING}
    assert not causes & {Event.INCONCLUSIVE, Event.APPROVAL_NEEDED, Event.CANARY_READY}


def test_only_what_was_rolled_out_bakes_and_only_what_baked_is_promoted() -> None:
    def ways(to: Phase) -> set[tuple[Phase, Event]]:
        return {move for move, end in TRANSITIONS.items() if end is to}

    assert ways(Phase.BAKING) == {(Phase.PROMOTING, Event.ROLLED_OUT)}
    assert ways(Phase.PROMOTED) == {(Phase.BAKING, Event.BAKED)}


def test_a_pause_by_a_person_is_ended_by_a_person() -> None:
    events = {event for phase, event in TRANSITIONS if phase is Phase.PAUSED_BY_USER}
    assert events <= {Event.PAUSE_LIFTED, Event.PROMOTION_RESUMED}


def test_phases_are_at_rest_judged_or_on_their_way() -> None:
    between = set(Phase) - AT_REST - JUDGED
    assert AT_REST.isdisjoint(JUDGED)
    assert between == {Phase.ROLLING_BACK, Phase.PAUSED_BY_USER}
