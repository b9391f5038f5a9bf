"""The course of a release: every look a point, every happening a mark, and never too many."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.domain.findings import Finding, Metric, Outcome, Side
from controller.domain.lifecycle import Phase
from controller.domain.records import IntentAction, Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Command, Crash, Status
from controller.engine.course import (
    COURSES_MAX,
    MARKS_MAX,
    POINTS_IN_ALL,
    POINTS_MAX,
    POINTS_MIN,
    Course,
    Courses,
)
from tests.domain.tabletop import REF, START, on_trial

TRIAL = on_trial().scene()


def finding(evidence: float, *, segment: str = "", requests: int = 100) -> Finding:
    return Finding(
        metric=Metric.ERROR_RATE,
        outcome=Outcome.UNDECIDED,
        segment=segment,
        canary=Side(events=1, exposure=requests),
        stable=Side(events=2, exposure=9 * requests),
        evidence=evidence,
        needed=100.0,
    )


def scene(*findings: Finding, **fields: object) -> Scene:
    status = replace(TRIAL.status, findings=findings, **fields)  # type: ignore[arg-type]
    return replace(TRIAL, status=status)


def course_of(*scenes: Scene, courses: Courses | None = None) -> Course:
    courses = courses or Courses()
    for number, seen in enumerate(scenes):
        courses.saw(seen, START + timedelta(seconds=5 * number))
    course = courses.of(REF)
    assert course is not None
    return course


def grown(number: int) -> Scene:
    return scene(finding(float(number), requests=number + 1))


def test_each_look_is_a_point_with_the_counts_since_the_beginning() -> None:
    course = course_of(grown(0), grown(1), grown(2))
    assert [point.evidence for point in course.points] == [0.0, 1.0, 2.0]
    assert [point.tracks[0].canary.exposure for point in course.points] == [1, 2, 3]
    assert {point.needed for point in course.points} == {100.0}
    assert course.points[-1].at - course.points[0].at == timedelta(seconds=10)


def test_what_brings_nothing_new_is_no_point() -> None:
    same = grown(1)
    again = replace(same, status=replace(same.status, message="said otherwise"))
    assert len(course_of(same, same, again).points) == 1


def test_evidence_is_that_of_all_comparisons_and_of_the_segments_the_most_telling_is_kept() -> None:
    course = course_of(
        scene(finding(1.0), finding(5.0, segment="/lti"), finding(2.0, segment="/exam"))
    )
    (point,) = course.points
    assert point.evidence == 8.0
    assert [track.segment for track in point.tracks] == ["", "/lti"]


def test_a_guard_has_a_value_and_no_evidence() -> None:
    guard = replace(finding(7.0), metric=Metric.GUARD)
    assert course_of(scene(finding(1.0), guard)).points[0].evidence == 1.0


def test_blindness_is_kept_with_its_reason() -> None:
    blind = replace(finding(0.0), outcome=Outcome.BLIND, reason="Prometheus is away")
    assert course_of(scene(blind)).points[0].tracks[0].blind == "Prometheus is away"


def test_what_happens_is_marked() -> None:
    release = TRIAL.status.release
    assert release is not None
    crash = Crash(pod="B-0", container="app", at=START, exit_code=1, reason="Error", deaths=1)
    command = Command(
        id="1", action=IntentAction.PROMOTE, at=START, by="ada", taken=True, answer="done"
    )
    course = course_of(
        TRIAL,
        scene(release=replace(release, crashes=(crash,))),
        scene(release=replace(release, crashes=(replace(crash, log="late words"),))),
        scene(release=replace(release, step=1, crashes=(crash,)), commands=(command,)),
        scene(release=replace(release, step=1, crashes=(crash,)), phase=Phase.ROLLING_BACK),
    )
    told = [(mark.kind, mark.text) for mark in course.marks]
    assert told == [
        ("phase", "Analysing"),
        ("crash", "B-0 died (Error)"),
        ("step", "step 2"),
        ("command", "ada: promote"),
        ("phase", "RollingBack"),
        # The command is not among those of the last status: it is over, not new.
    ]


def test_a_release_that_ended_is_kept_until_the_next_begins() -> None:
    courses = Courses()
    course_of(grown(0), replace(TRIAL, status=Status(phase=Phase.PROMOTED)), courses=courses)
    ended = courses.of(REF)
    assert ended is not None
    assert ended.marks[-1].text == "Promoted"
    release = TRIAL.status.release
    assert release is not None
    later = replace(release, started_at=release.started_at + timedelta(hours=1))
    course = course_of(scene(finding(3.0), release=later), courses=courses)
    assert [point.evidence for point in course.points] == [3.0]


def test_a_process_says_since_when_it_knows() -> None:
    courses = Courses()
    late = START + timedelta(minutes=9)
    courses.saw(grown(5), late)
    course = courses.of(REF)
    assert course is not None
    assert course.known_since == late
    assert course.started_at < late


@pytest.mark.parametrize("looks", [POINTS_MAX, 3 * POINTS_MAX, 5000])
def test_points_are_thinned_evenly_and_the_last_is_always_there(looks: int) -> None:
    course = course_of(*map(grown, range(looks)))
    assert POINTS_MAX // 3 <= len(course.points) <= POINTS_MAX
    assert course.points[0].evidence == 0.0
    assert course.points[-1].evidence == looks - 1
    gaps = [b.at - a.at for a, b in zip(course.points[:-2], course.points[1:-1], strict=True)]
    assert min(gaps) >= course.spacing / 2
    assert max(gaps) <= 2 * max(course.spacing, timedelta(seconds=5))


def test_marks_are_bounded() -> None:
    phases = [Phase.HOLDING, Phase.ANALYSING] * MARKS_MAX
    course = course_of(*(scene(phase=phase) for phase in phases))
    assert len(course.marks) == MARKS_MAX


def test_many_releases_share_the_room() -> None:
    courses = Courses()
    refs = [Ref("many", f"canary-{number}") for number in range(POINTS_IN_ALL // POINTS_MIN)]
    for look in range(3 * POINTS_MIN):
        for ref in refs:
            courses.saw(replace(grown(look), ref=ref), START + timedelta(seconds=look))
    kept = [courses.of(ref) for ref in refs]
    assert sum(len(course.points) for course in kept if course) <= POINTS_IN_ALL


def test_the_oldest_courses_give_way() -> None:
    courses = Courses()
    for number in range(COURSES_MAX + 1):
        courses.saw(replace(grown(0), ref=Ref("many", f"{number}")), START)
    assert courses.of(Ref("many", "0")) is None
    assert courses.of(Ref("many", f"{COURSES_MAX}")) is not None


def test_what_is_forgotten_is_gone() -> None:
    courses = Courses()
    course_of(grown(0), courses=courses)
    courses.forget(REF)
    assert courses.of(REF) is None


def test_what_was_given_out_does_not_change() -> None:
    courses = Courses()
    before = course_of(grown(0), courses=courses)
    courses.saw(grown(1), START + timedelta(minutes=1))
    assert len(before.points) == 1
    after = courses.of(REF)
    assert after is not None
    assert len(after.points) == 2
    assert courses.of(REF) is after
