"""What is told of ConfigMaps and Secrets that a rollback does not bring back."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from controller.domain.drift import baseline_of, with_mounts
from controller.domain.lifecycle import Phase
from controller.domain.mounts import (
    AWAY,
    DENIED,
    MOUNTS_MAX,
    OFF,
    Baseline,
    Drift,
    Mount,
    Mounted,
    MountKind,
    Sighting,
    Turn,
    Unread,
)
from controller.domain.records import IntentAction
from controller.domain.status import NoticeKind, Past, Release, Result, Revision, Status
from controller.domain.wording import drift_sentence, left_over, left_words, unread_sentence
from tests.domain.tabletop import START, Table, settled
from tests.domain.turns import release_of

STABLE = Revision(fingerprint="A", number=1)
CANARY = Revision(fingerprint="B", number=2)
PUSHED = START + timedelta(hours=1)
CONFIG = Mount(MountKind.CONFIG_MAP, "exam-config")


def one(version: str = "1", *, name: str = "exam-config", at: datetime | None = START) -> Mounted:
    return Mounted(kind=MountKind.CONFIG_MAP, name=name, version=version, changed_at=at)


def secret(version: str) -> Mounted:
    return Mounted(kind=MountKind.SECRET, name="keys", version=version)


def at_rest(*mounts: Mounted) -> Status:
    kept = Baseline(fingerprint="A", at=START, mounts=mounts) if mounts else None
    return Status(phase=Phase.PROMOTED, stable=STABLE, mounts=kept)


def trying(*mounts: Mounted) -> Status:
    release = Release(canary=CANARY, started_at=PUSHED, step_since=PUSHED)
    return replace(at_rest(*mounts), phase=Phase.ANALYSING, release=release)


def found(*mounts: Mounted, unread: tuple[Unread, ...] = ()) -> Sighting:
    """During the release."""
    return Sighting(fingerprint="A", at=PUSHED, release=PUSHED, found=mounts, unread=unread)


def drift(status: Status, sighting: Sighting) -> list[tuple[str, Turn]]:
    after = with_mounts(status, sighting).release
    assert after is not None
    return [(d.name, d.turn) for d in after.drift]


def told(*drift: Drift) -> Release:
    return Release(canary=CANARY, started_at=PUSHED, step_since=PUSHED, drift=drift)


def changed(name: str = "exam-config", *, ago: timedelta) -> Drift:
    return Drift(kind=MountKind.CONFIG_MAP, name=name, turn=Turn.CHANGED, at=PUSHED - ago)


def test_what_is_found_at_rest_is_what_stable_was_promoted_with() -> None:
    status = with_mounts(at_rest(), Sighting(fingerprint="A", at=START, found=(one(),)))
    assert baseline_of(status) == Baseline(fingerprint="A", at=START, mounts=(one(),))


def test_what_was_known_first_is_not_overwritten_by_what_is_found_later() -> None:
    more = Sighting(fingerprint="A", at=PUSHED, found=(one("2"), secret("7")))
    kept = baseline_of(with_mounts(at_rest(one("1")), more))
    assert kept is not None
    assert kept.mounts == (one("1"), secret("7"))
    assert kept.at == START


def test_a_new_stable_template_has_a_baseline_of_its_own() -> None:
    promoted = replace(at_rest(one("1")), stable=CANARY)
    assert baseline_of(promoted) is None
    status = with_mounts(promoted, Sighting(fingerprint="B", at=PUSHED, found=(one("2"),)))
    assert baseline_of(status) == Baseline(fingerprint="B", at=PUSHED, mounts=(one("2"),))


@pytest.mark.parametrize("fingerprint", ["A", "B"])
def test_nothing_that_is_found_during_a_release_becomes_the_baseline(fingerprint: str) -> None:
    sighting = Sighting(fingerprint=fingerprint, at=PUSHED, found=(one("2"),))
    assert with_mounts(trying(), sighting) == trying()


def test_nothing_changed_is_nothing_to_say() -> None:
    assert with_mounts(trying(one("1")), found(one("1"))) == trying(one("1"))


def test_changed_deleted_and_created_are_told_apart() -> None:
    before = (one("1"), one("1", name="gone"), one("", name="optional", at=None))
    now = (one("2"), one("", name="gone", at=None), one("1", name="optional"))
    assert drift(trying(*before), found(*now)) == [
        ("exam-config", Turn.CHANGED),
        ("gone", Turn.DELETED),
        ("optional", Turn.CREATED),
    ]


def test_an_optional_one_that_stays_absent_is_no_change() -> None:
    absent = one("", at=None)
    assert drift(trying(absent), found(absent)) == []


def test_what_was_changed_back_is_told_no_more() -> None:
    status = with_mounts(trying(one("1")), found(one("2")))
    assert drift(status, found(one("1"))) == []


def test_without_a_baseline_the_time_of_the_promotion_decides() -> None:
    past = Past(
        canary=STABLE,
        started_at=START - timedelta(hours=1),
        ended_at=START,
        result=Result.PROMOTED,
    )
    status = replace(trying(), history=(past,))
    late = START + timedelta(minutes=1)
    now = found(one("2", at=late), one("1", name="old", at=START - timedelta(days=1)))
    assert drift(status, now) == [("exam-config", Turn.CHANGED)]
    assert drift(trying(), now) == []


@pytest.mark.parametrize("phase", [Phase.SUPERSEDED, Phase.PAUSED_BY_USER, Phase.PROMOTED])
def test_a_release_that_is_over_is_not_told_about_any_more(phase: Phase) -> None:
    status = replace(trying(one("1")), phase=phase)
    assert with_mounts(status, found(one("2"))) == status


def test_another_release_or_another_stable_is_none_of_what_was_found() -> None:
    later = replace(found(one("2")), release=PUSHED + timedelta(seconds=1))
    other = replace(found(one("2")), fingerprint="C")
    for sighting in (later, other, None):
        assert with_mounts(trying(one("1")), sighting) == trying(one("1"))


def test_a_sentence_says_what_changed_and_when() -> None:
    release = told(
        changed(ago=timedelta(minutes=3)),
        changed("early", ago=timedelta(days=12)),
        changed("late", ago=timedelta(seconds=-40)),
        changed("together", ago=timedelta(seconds=1)),
        Drift(kind=MountKind.SECRET, name="keys", turn=Turn.CHANGED),
    )
    assert drift_sentence(release) == (
        "ConfigMap early (changed 12 days before the release), "
        "ConfigMap exam-config (changed 3 min before the release), "
        "ConfigMap late (changed 40 s after the release began), "
        "ConfigMap together (changed with the release), "
        "Secret keys (changed since stable was promoted)"
    )


def test_the_gravest_comes_first_and_many_are_counted() -> None:
    gone = Drift(kind=MountKind.SECRET, name="z", turn=Turn.DELETED)
    many = [changed(f"c{number:02}", ago=timedelta(minutes=3)) for number in range(MOUNTS_MAX - 1)]
    said = drift_sentence(told(*many, gone))
    assert said.startswith("Secret z (deleted since stable was promoted), ConfigMap c00 (")
    assert said.endswith(", 45 more")
    assert len(said) < 500


def test_nothing_is_added_to_a_sentence_where_nothing_drifted() -> None:
    assert left_over(told()) == ""
    assert left_words(told(), ended=True) == ""


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (OFF, "Secrets were not looked at: off (chart value config.secrets)"),
        (DENIED, "Secrets were not looked at: no permission (chart value config.secrets)"),
        (AWAY, "Secrets were not looked at: unreachable, 503 busy"),
    ],
)
def test_why_a_kind_was_not_looked_at_is_said_with_the_remedy(reason: str, said: str) -> None:
    detail = "503 busy" if reason == AWAY else "whatever"
    assert unread_sentence(Unread(kind=MountKind.SECRET, reason=reason, detail=detail)) == said


def test_what_was_not_meant_to_be_looked_at_is_only_told_beside_what_changed() -> None:
    off = (Unread(kind=MountKind.SECRET, reason=OFF),)
    denied = (Unread(kind=MountKind.SECRET, reason=DENIED),)
    assert left_words(replace(told(), unread=off), ended=True) == ""
    assert left_words(replace(told(), unread=denied), ended=False) == ""
    value = left_words(replace(told(), unread=denied), ended=True)
    assert value == "Secrets were not looked at: no permission (chart value config.secrets)"
    value = left_words(replace(told(changed(ago=timedelta(minutes=3))), unread=off), ended=False)
    assert value == (
        "ConfigMap exam-config (changed 3 min before the release): a rollback does not bring that "
        "back. Secrets were not looked at: off (chart value config.secrets)"
    )


# On the table.


def sighted(table: Table, *mounts: Mounted) -> None:
    """The errand came back, during the release that runs or at rest."""
    running = table.status.phase in {Phase.SEEDING, Phase.ANALYSING, Phase.ROLLING_BACK}
    began = release_of(table).started_at if running else None
    table.mounts = Sighting(fingerprint="A", at=table.now, release=began, found=mounts)
    table.look()


def pushed_with_a_config_map() -> Table:
    table = settled()
    sighted(table, one("1"))
    table.apply_template("B")
    table.look()
    sighted(table, one("2", at=table.now - timedelta(minutes=3)))
    return table


def said(table: Table, reason: str) -> list[str]:
    return [o.message for plan in table.plans for o in plan.occurrences if o.reason == reason]


def facts(table: Table, kind: NoticeKind) -> dict[str, str]:
    (notice,) = (one for one in table.status.outbox if one.kind is kind)
    return dict(notice.facts)


def test_what_changed_is_told_once_when_it_is_found() -> None:
    table = pushed_with_a_config_map()
    table.looks(3)
    (message,) = said(table, "MountsChanged")
    assert message.startswith("A rollback does not bring these back: ConfigMap exam-config (chang")
    assert "Not undone" in facts(table, NoticeKind.STARTED)


def test_more_that_changes_during_the_release_is_told_too() -> None:
    table = pushed_with_a_config_map()
    sighted(table, one("3", at=table.now))
    assert len(said(table, "MountsChanged")) == 2


def test_the_rollback_names_it_in_event_and_notice() -> None:
    table = pushed_with_a_config_map()
    table.command(IntentAction.ROLLBACK)
    table.looks(4)
    assert table.status.phase is Phase.ROLLED_BACK
    for reason in ("RollingBack", "RolledBack"):
        (message,) = said(table, reason)
        assert ". Not undone by that: ConfigMap exam-config (changed 3 min before" in message
    told = facts(table, NoticeKind.ROLLED_BACK)["Not undone"]
    assert told.endswith("before the release): a rollback does not bring that back")
    # What is kept of the release is why it ended, and nothing else.
    assert "exam-config" not in table.status.history[-1].reason


def test_what_comes_after_the_rollback_is_told_by_an_event_of_its_own() -> None:
    table = settled()
    sighted(table, one("1"))
    table.apply_template("B")
    table.looks(2)
    began = release_of(table).started_at
    table.command(IntentAction.ROLLBACK)
    table.looks(4)
    assert table.status.phase is Phase.ROLLED_BACK
    assert said(table, "MountsChanged") == []
    table.mounts = Sighting(fingerprint="A", at=table.now, release=began, found=(one("2"),))
    table.looks(2)
    assert len(said(table, "MountsChanged")) == 1


def test_the_next_release_is_told_again_of_what_changed_before() -> None:
    table = pushed_with_a_config_map()
    table.command(IntentAction.ROLLBACK)
    table.looks(4)
    table.apply_template("C")
    table.look()
    sighted(table, one("2"))
    assert len(said(table, "MountsChanged")) == 2
