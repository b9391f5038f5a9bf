"""A scenario file is read as it is meant, or refused with line, field and remedy."""

from datetime import timedelta

import pytest

from controller.simulation.scenario import (
    Away,
    DieAtStart,
    DieLater,
    Drain,
    Ending,
    Errors,
    Flap,
    GuardValues,
    Kill,
    Noise,
    Outage,
    Part,
    Scale,
    Scenario,
    Slow,
    Surge,
)
from controller.simulation.scenarios.files import read_canary, read_scenario
from controller.simulation.scenarios.flaws import ScenarioInvalid
from controller.simulation.scenarios.marked_yaml import CHARACTERS_MAX
from controller.simulation.scenarios.schema import fields
from tests.simulation.scenarios.policies import policy_of

SMALLEST = "title: A release\nexpect: Promoted\n"

EVERYTHING = """\
title: Everything at once
story: |
  Two lines
  of it.
expect: RolledBack
peopleAfter: 1h30m
limit: 2h
shop: {replicas: 4, maxSurge: 1, maxUnavailable: 0, start: 12.5s, podsAge: 0s}
traffic:
  requestsPerSecond: 1e2
  routes:
    /: {share: 0.75}
    /lti: {share: 0.25, errorRate: 0.01, latency: 0.2s}
  dailySwing: 0.5
  dispersion: 2
  burstsPerHour: 4
  burstErrors: 10
  podsDifferBy: 0.2
scraping: {interval: 15s, jitter: 1s, gapProbability: 0.01, restartsLag: 45s}
stable:
  - dieLater: {after: 3h, spread: 0.5}
canary:
  - kill: {route: /lti, probability: 0.5, begin: 90s}
  - errors: {rate: 0.01}
  - slow: {share: 0.1, by: 40s, route: /}
  - dieAtStart: {}
  - dieLater: {after: 10m, outOfMemory: true}
  - flap: {ready: 1m, unready: 10s}
disturbances:
  - outage: {rate: 0.3, at: 2m, for: 5m, route: /lti}
  - noise: {podsShare: 0.2, rate: 0.1, at: 0s, for: 1m}
  - surge: {factor: 3, at: 1m, for: 1m}
  - away: {part: Prometheus, at: 1m, for: 30s}
  - scale: {replicas: 8, at: 1m}
  - drain: {at: 1m, for: 5m}
guards:
  heap: {stable: 0.4, canary: -0.7, at: 2m}
policy:
  bake: 20m
  analysis:
    guards: [{name: heap, query: 'heap{pod=~"{{canaryPods}}"}', min: 0}]
"""


def read(text: str) -> Scenario:
    return read_scenario(text, "folder/mine.yaml", policy_of)


def refusal(text: str) -> str:
    with pytest.raises(ScenarioInvalid) as refused:
        read(text)
    return str(refused.value)


def test_the_smallest_file_has_a_title_and_an_ending() -> None:
    scenario = read(SMALLEST)
    assert (scenario.name, scenario.title, scenario.expect) == (
        "mine",
        "A release",
        Ending.PROMOTED,
    )


def test_what_is_left_out_has_the_default_of_the_record() -> None:
    scenario = read(SMALLEST)
    policy = policy_of({})
    assert not hasattr(policy, "remedy")
    assert scenario == Scenario(
        name="mine",
        title="A release",
        story="",
        expect=Ending.PROMOTED,
        policy=policy,  # type: ignore[arg-type]
    )


def test_every_field_arrives() -> None:
    scenario = read(EVERYTHING)
    assert scenario.story == "Two lines\nof it."
    assert (scenario.people_seconds, scenario.limit_seconds) == (5400.0, 7200.0)
    assert (scenario.shop.replicas, scenario.shop.surge, scenario.shop.unavailable) == (4, 1, 0)
    assert (scenario.shop.start_seconds, scenario.shop.pods_age_seconds) == (12.5, 0.0)
    assert scenario.traffic.requests_per_second == 100.0
    assert scenario.traffic.routes["/lti"].error_rate == 0.01
    assert scenario.traffic.routes["/lti"].latency_seconds == 0.2
    assert scenario.traffic.dispersion == 2.0
    assert scenario.scraping.interval_seconds == 15.0
    assert scenario.stable_defects == (DieLater(after_seconds=10800.0, spread=0.5),)
    assert scenario.canary_defects == (
        Kill(route="/lti", probability=0.5, begin_seconds=90.0),
        Errors(rate=0.01),
        Slow(share=0.1, seconds=40.0, route="/"),
        DieAtStart(),
        DieLater(after_seconds=600.0, out_of_memory=True),
        Flap(ready_seconds=60.0, unready_seconds=10.0),
    )
    assert scenario.disturbances == (
        Outage(rate=0.3, at=120.0, seconds=300.0, route="/lti"),
        Noise(pods_share=0.2, rate=0.1, at=0.0, seconds=60.0),
        Surge(factor=3.0, at=60.0, seconds=60.0),
        Away(part=Part.PROMETHEUS, at=60.0, seconds=30.0),
        Scale(replicas=8, at=60.0),
        Drain(at=60.0, seconds=300.0),
    )
    assert scenario.guards == {"heap": GuardValues(stable=0.4, canary=-0.7, at=120.0)}
    assert scenario.policy.bake == timedelta(minutes=20)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("trafic: {}", "3: trafic is not a known field. Did you mean traffic?"),
        ("colour: red", "3: colour is not a known field. Known here: title,"),
        ("title: Again", "3: title is there twice, first on line 1. Leave one of them out"),
        ("shop:\n  replicas: ten", '4: shop.replicas "ten": it should be a valid integer'),
        ("shop:\n  replicas: true", "4: shop.replicas true: it should be a valid integer"),
        ("shop: 10", "3: shop 10 is not a record. Write its fields below it"),
        ("canary: {}", "3: canary {} is not a list. Begin each item with a dash"),
        (
            "guards:\n  heap: {stable: 1, canary: 2}",
            "4: guards.heap is not a guard of the policy. Write it in policy.analysis.guards",
        ),
        ("canary:\n- {}", "4: canary[0] names nothing. Write one of kill, errors, slow,"),
        ("canary:\n- kil: {}", "4: canary[0].kil is not a known field. Did you mean kill?"),
        ("canary:\n- kill: {}", "4: canary[0].kill.route is missing. Add it: The route"),
        (
            "canary:\n- kill: {route: /lti}",
            "4: canary[0].kill.route /lti is not in traffic.routes. Known there: /",
        ),
        (
            "canary:\n- dieAtStart: {}\n  flap: {ready: 1m, unready: 1m}",
            "4: canary[0] names dieAtStart and flap at once. Begin a new item",
        ),
        (
            "traffic:\n  routes:\n    /: {share: 0.5}\n    /b: {share: 0.4}",
            "4: traffic.routes have shares that make 0.9 together, and not 1. Let the shares",
        ),
        ("traffic:\n  routes: {}", "4: traffic.routes is empty. Leave it out for the default"),
        ("limit: -3m", '3: limit "-3m" is negative. Write a time after the push'),
        ("limit: 90", "3: limit 90 is not a length of time. Write hours, minutes and seconds"),
        ("limit: soon", '3: limit "soon" is not a length of time'),
        ("limit: 0s", '3: limit "0s" is no time at all. Write more than 0s'),
        ("limit: 48h", "3: limit is too long. Write at most 24h"),
        (
            "disturbances:\n- away: {part: Promtheus, at: 0s, for: 1m}",
            "4: disturbances[0].away.part \"Promtheus\" is not known. Write 'Prometheus', 'Slack'",
        ),
        (
            "disturbances:\n- away:\n    part: Slack\n    at: 2h\n    for: 1m",
            "6: disturbances[0].away.at is after the run's limit. Begin earlier, or raise limit",
        ),
        (
            "disturbances:\n- outage: {rate: 2, at: 0s, for: 1m}",
            "4: disturbances[0].outage.rate 2: it should be less than or equal to 1",
        ),
        (
            "policy:\n  steps:\n  - canary: 1\n  - canary: 0%",
            '6: policy.steps[1].canary "0%" is not a percentage from 1 to 100. Write a number',
        ),
        ("policy:\n  stepz: []", "4: policy.stepz is not a known field. Did you mean steps?"),
        (
            "policy:\n  analysis:\n    requests:\n      preset: nginx",
            "6: policy.analysis.requests.preset 'nginx' is not known. Use one of: ",
        ),
        ("story: &a x\ntitel: *a", "4: *a is an alias, which is not read here. Write it out again"),
        ("story: !!python/name:os.system", "3: tag:yaml.org,2002:python/name:os.system is a tag"),
        ("? [a]\n: 1", "3: a field's name is not a text. Write name: value"),
        ("\tstory: x", "3: is not YAML: "),
        ("story: [", "3: is not YAML: "),
        ("---\ntitle: B", "4: has more than one document. Write one scenario to a file"),
        ("story: " + "[" * 30 + "]" * 30, "3: is nested more than 20 deep"),
    ],
)
def test_what_is_wrong_is_said_with_line_field_and_remedy(more: str, said: str) -> None:
    assert f"folder/mine.yaml:{said}" in refusal(SMALLEST + more + "\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: is empty. canaryctl simulate --list"),
        ("# nothing but a comment\n", "1: is empty. "),
        ("hello", "1: is not a scenario: it has no fields. "),
        ("- a\n- b\n", "1: is not a scenario: it has no fields. "),
        ("\x07", "1: is not YAML: the character 7 may not be in it. "),
        ("x" * (CHARACTERS_MAX + 1), f"1: is longer than {CHARACTERS_MAX} characters. "),
    ],
)
def test_what_is_no_scenario_at_all_is_refused(text: str, said: str) -> None:
    assert f"folder/mine.yaml:{said}" in refusal(text)


def test_every_flaw_is_said_in_the_order_of_the_lines() -> None:
    said = refusal("titel: A\nexpect: Lost\nlimit: 5\n").splitlines()
    assert [line.split()[1] for line in said] == ["title", "titel", "expect", "limit"]


def test_shares_are_made_to_sum_to_one() -> None:
    scenario = read(SMALLEST + "traffic: {routes: {/a: {share: 0.333}, /b: {share: 0.666}}}\n")
    assert sum(route.share for route in scenario.traffic.routes.values()) == pytest.approx(1)


def test_a_policy_may_be_copied_from_a_canary_with_its_target() -> None:
    policy = read(SMALLEST + "policy: {targetRef: {name: other}, bake: 0s}\n").policy
    assert (policy.target, policy.bake) == ("exam-api", timedelta(0))


def test_a_canary_is_found_among_other_objects() -> None:
    text = "kind: Deployment\n---\nkind: Canary\nspec:\n  targetRef: {name: shop}\n  bake: 5m\n"
    assert read_canary(text, "c.yaml", policy_of).bake == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Deployment\n", "c.yaml:1: has no object of kind Canary. "),
        ("kind: Canary\n---\nkind: Canary\n", "c.yaml:1: has more than one Canary. "),
        ("kind: Canary\n", "c.yaml:1: spec is missing. "),
        (
            "kind: Canary\nspec:\n  targetRef: {name: x}\n  bake: long\n",
            'c.yaml:4: spec.bake "long" is not a duration. ',
        ),
    ],
)
def test_a_file_without_a_usable_canary_is_refused(text: str, said: str) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        read_canary(text, "c.yaml", policy_of)
    assert said in str(refused.value)


def test_every_field_says_what_it_means() -> None:
    rows = list(fields())
    assert len(rows) > 60
    assert [field for field, _, _, meaning in rows if not meaning.endswith(".")] == []
