"""What the deployment controller makes of a Deployment, as a table and as properties."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.cluster.rollout import (
    Created,
    Facts,
    Scaled,
    SetFacts,
    fenceposts,
    next_step,
)

PASSES_MAX = 200


def facts(n: int, sizes: dict[str, str], **others: object) -> Facts:
    """`sizes` are "replicas/available" by name, oldest first; v2 is current; surge 3, missing 2."""
    surge, unavailable = fenceposts("25%", "25%", 10, "RollingUpdate")
    sets = []
    for age, (name, text) in enumerate(sizes.items()):
        replicas, available = map(int, text.split("/"))
        sets.append(
            SetFacts(
                name=name,
                created_at=age,
                replicas=replicas,
                available=available,
                desired=10,
                most=13,
                current=name == "v2",
            )
        )
    base = Facts(replicas=n, surge=surge, unavailable=unavailable, sets=tuple(sets), total=n)
    return replace(base, **others)  # type: ignore[arg-type]


TABLE = [
    # Paused: held.
    ("a held template has no pods", facts(10, {"v1": "10/10"}, paused=True), {}),
    ("a step stays put", facts(10, {"v1": "10/10", "v2": "3/3"}, paused=True), {}),
    ("top-up", facts(10, {"v1": "10/10", "v2": "1/0"}, paused=True), {"v1": 12}),
    (
        "no surge: stable gives way",
        facts(
            10,
            {"v1": "10/10", "v2": "1/0"},
            paused=True,
            surge=0,
            sets=(
                SetFacts(name="v1", created_at=0, replicas=10, available=10, desired=10, most=10),
                SetFacts(name="v2", created_at=1, replicas=1, desired=10, most=10, current=True),
            ),
        ),
        {"v1": 9},
    ),
    (
        "an autoscaler doubles",
        facts(20, {"v1": "10/10", "v2": "3/3"}, paused=True, surge=5),
        {"v1": 19, "v2": 6},
    ),
    ("k = N is saturated", facts(10, {"v1": "3/3", "v2": "10/10"}, paused=True), {"v1": 0}),
    ("only when all are Ready", facts(10, {"v1": "3/3", "v2": "10/9"}, paused=True), {}),
    ("nothing left: the latest comes back", facts(2, {"v1": "0/0", "v2": "0/0"}), {"v2": 2}),
    ("frozen: stable is scaled", facts(4, {"v1": "10/9", "v2": "0/0"}, paused=True), {"v1": 4}),
    (
        "to none",
        facts(0, {"v1": "10/10", "v2": "3/3"}, paused=True, surge=0, unavailable=0),
        {"v1": 0, "v2": 0},
    ),
    # Rolling.
    ("the first pass goes up", facts(10, {"v1": "10/10", "v2": "0/0"}), {"v2": 3}),
    ("the next goes down", facts(10, {"v1": "10/10", "v2": "3/0"}), {"v1": 8}),
    ("and up again", facts(10, {"v1": "8/8", "v2": "3/0"}), {"v2": 5}),
    ("until pods are Ready", facts(10, {"v1": "8/8", "v2": "5/0"}), {}),
    ("then down", facts(10, {"v1": "8/8", "v2": "5/2"}), {"v1": 6}),
    ("the last ones", facts(10, {"v1": "1/1", "v2": "10/9"}), {"v1": 0}),
    (
        "what is unhealthy goes first",
        facts(10, {"v0": "3/0", "v1": "8/8", "v2": "2/2"}),
        {"v0": 0, "v1": 6},
    ),
    ("done", facts(10, {"v1": "0/0", "v2": "10/10"}), {}),
    ("too many current pods", facts(10, {"v1": "0/0", "v2": "12/12"}), {"v2": 10}),
    ("a status that is too old", facts(10, {"v1": "5/8", "v2": "8/8"}), {}),
    # Scaled in the middle of a rollout.
    (
        "in proportion first",
        facts(20, {"v1": "8/8", "v2": "5/0"}, surge=5),
        {"v1": 15, "v2": 10},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("case", "given_facts", "wanted"), TABLE, ids=[row[0] for row in TABLE])
def test_a_pass(case: str, given_facts: Facts, wanted: dict[str, int]) -> None:
    step = next_step(given_facts)
    assert isinstance(step, tuple), "nothing is to be created here"
    known = {one.name: one.replicas for one in given_facts.sets}
    assert {s.name: s.replicas for s in step if known[s.name] != s.replicas} == wanted


def test_a_new_template_gets_what_the_surge_allows() -> None:
    assert next_step(facts(10, {"v1": "10/10"})) == Created(3)
    assert next_step(facts(10, {"v0": "4/4", "v1": "9/9"})) == Created(0)
    assert next_step(facts(10, {})) == Created(10)


def test_recreate_ends_the_old_pods_first() -> None:
    bounds = {"strategy": "Recreate", "surge": 0, "unavailable": 0}
    assert next_step(facts(10, {"v1": "10/10"}, **bounds)) == (Scaled("v1", 0),)
    assert next_step(facts(10, {"v1": "0/0"}, **bounds)) == ()
    assert next_step(facts(10, {"v1": "0/0"}, **{**bounds, "total": 0})) == Created(10)


def test_percentages_round_in_the_users_favour() -> None:
    assert fenceposts("25%", "25%", 10, "RollingUpdate") == (3, 2)
    assert fenceposts("25%", "25%", 1, "RollingUpdate") == (1, 0)
    assert fenceposts(0, "25%", 3, "RollingUpdate") == (0, 1)
    assert fenceposts(1, 5, 3, "RollingUpdate") == (1, 3)
    assert fenceposts("25%", "25%", 10, "Recreate") == (0, 0)


sizes = st.integers(min_value=0, max_value=30)


@st.composite
def settled(draw: st.DrawFn) -> Facts:
    """Any Deployment whose pods are all Ready, within its surge."""
    replicas = draw(st.integers(min_value=1, max_value=30))
    surge, unavailable = fenceposts(
        draw(st.integers(0, 10)), draw(st.integers(0, 10)), replicas, "RollingUpdate"
    )
    room = replicas + surge
    sets = []
    for age in range(draw(st.integers(1, 4))):
        pods = draw(st.integers(0, room))
        room -= pods
        sets.append(
            SetFacts(
                name=f"v{age}",
                created_at=age,
                replicas=pods,
                available=pods,
                desired=replicas,
                most=replicas + surge,
            )
        )
    chosen = draw(st.integers(0, len(sets)))
    sets = [replace(one, current=age == chosen) for age, one in enumerate(sets)]
    return Facts(
        replicas=replicas, surge=surge, unavailable=unavailable, total=replicas, sets=tuple(sets)
    )


def carried_out(facts: Facts) -> Facts:
    """One pass, and the pods that went; those that came are not Ready yet."""
    step = next_step(facts)
    marks = {"desired": facts.replicas, "most": facts.room}
    if isinstance(step, Created):
        new = SetFacts(name="new", created_at=99, replicas=step.replicas, current=True, **marks)
        return replace(facts, sets=(*facts.sets, new))
    wanted = {one.name: one.replicas for one in step}
    sets = [
        replace(
            one, replicas=wanted[one.name], available=min(one.available, wanted[one.name]), **marks
        )
        if one.name in wanted
        else one
        for one in facts.sets
    ]
    return replace(facts, sets=tuple(sets))


def pods(facts: Facts) -> int:
    return sum(one.replicas for one in facts.sets)


def available(facts: Facts) -> int:
    return sum(one.available for one in facts.sets)


@given(settled(), st.randoms(use_true_random=False))
def test_a_rollout_breaks_no_bound_and_ends(facts: Facts, chance: object) -> None:
    least = min(available(facts), facts.replicas - facts.unavailable)
    for _ in range(PASSES_MAX):
        after = carried_out(facts)
        assert pods(after) <= max(facts.room, pods(facts))
        assert available(after) >= least
        if after == facts:
            late = [one for one in facts.sets if one.available < one.replicas]
            if not late:
                break
            one = chance.choice(late)  # type: ignore[attr-defined]
            sets = [replace(s, available=s.available + (s is one)) for s in facts.sets]
            after = replace(facts, sets=tuple(sets))
        least = min(max(least, available(after)), facts.replicas - facts.unavailable)
        facts = after
    assert {one.replicas for one in facts.sets if not one.current} <= {0}
    assert facts.current is not None
    assert facts.current.replicas == facts.replicas


@given(settled(), sizes)
def test_a_held_deployment_comes_to_rest_within_its_room(facts: Facts, replicas: int) -> None:
    facts = replace(facts, paused=True, replicas=replicas)
    for _ in range(PASSES_MAX):
        after = carried_out(facts)
        if after == facts:
            break
        facts = after
    assert carried_out(facts) == facts
    assert pods(facts) in {replicas, facts.room, 0}


@st.composite
def anything(draw: st.DrawFn) -> Facts:
    """Any state that people, autoscalers and we could have left behind."""
    number = st.integers(0, 20)
    replicas = draw(number)
    surge, unavailable = fenceposts(
        draw(st.integers(0, 8)), draw(st.integers(0, 8)), replicas, "RollingUpdate"
    )
    sets = []
    for age in range(draw(st.integers(1, 4))):
        pods = draw(number)
        scaled_at = draw(st.one_of(st.none(), number))
        sets.append(
            SetFacts(
                name=f"v{age}",
                created_at=age,
                replicas=pods,
                available=draw(st.integers(0, pods)),
                desired=scaled_at,
                most=None if scaled_at is None else scaled_at + surge,
            )
        )
    chosen = draw(st.integers(0, len(sets)))
    sets = [replace(one, current=age == chosen) for age, one in enumerate(sets)]
    return Facts(
        replicas=replicas,
        surge=surge,
        unavailable=unavailable,
        paused=draw(st.booleans()),
        total=sum(one.replicas for one in sets),
        sets=tuple(sets),
    )


@given(anything(), st.randoms(use_true_random=False))
def test_left_alone_it_always_comes_to_rest(facts: Facts, chance: object) -> None:
    for _ in range(PASSES_MAX):
        after = carried_out(facts)
        if after == facts:
            late = [one for one in facts.sets if one.available < one.replicas]
            if not late:
                return
            one = chance.choice(late)  # type: ignore[attr-defined]
            sets = [replace(s, available=s.available + (s is one)) for s in facts.sets]
            after = replace(facts, sets=tuple(sets))
        facts = after
    raise AssertionError(f"it never comes to rest: {facts}")
