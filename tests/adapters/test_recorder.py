"""The flight recorder: what is read is what was written, and the folder stays within its bounds."""

import asyncio
import dataclasses
import gzip
import json
import logging
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from controller.adapters import recorder, transcript
from controller.adapters.recorder import FlightRecorder, dump, load, open_recording
from controller.adapters.transcript import Unreadable
from controller.domain.case import Plan
from controller.domain.changes import Change, ClearIntent, Freeze, LetGo, OptIn, Promote, Undo
from controller.domain.plan import decide
from controller.engine.journal import Entry
from tests.adapters.entries import any_of, of_a_day

SCENARIOS = ["incident", "heap-guard", "latency-regression", "incident-without-prometheus"]


@given(any_of(Entry))
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_whatever_the_types_allow_comes_back_as_it_was(entry: Entry) -> None:
    content = dump(entry)
    assert load(content) == entry
    assert dump(load(content)) == content


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_was_decided_in_a_day_comes_back_and_is_decided_again(scenario: str) -> None:
    entries = of_a_day(scenario)
    assert entries
    for entry in entries:
        again = load(dump(entry))
        assert again == entry
        assert decide(again.snapshot) == entry.plan


@pytest.mark.parametrize(
    "change",
    [
        Promote(),
        LetGo(),
        OptIn("shop"),
        Undo("shop"),
        ClearIntent("shop"),
        Freeze("shop-1", 3, ("shop-2",)),
    ],
)
def test_changes_of_the_same_shape_are_told_apart(change: Change) -> None:
    entry = of_a_day("incident")[0]
    entry = dataclasses.replace(entry, plan=dataclasses.replace(entry.plan, change=change))
    assert load(dump(entry)).plan.change == change


def test_infinity_and_whole_numbers_stay_what_they_are() -> None:
    for value in (float("inf"), float("-inf"), 0.1 + 0.2, 1e-320, 3, -0.0):
        again = transcript.read(transcript.write(value, float), float, print)
        assert (again, type(again)) == (value, type(value))


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(dump(of_a_day("incident")[0])), **changes}


def read(document: Any) -> Entry:
    return load(json.dumps(document).encode())


def test_a_compressed_file_is_read_too() -> None:
    entry = of_a_day("incident")[0]
    assert load(gzip.compress(dump(entry))) == entry


def test_what_another_version_wrote_is_read_and_what_is_not_known_is_named() -> None:
    whole = document(version="9.9")
    whole["entry"]["plan"]["mood"] = "good"
    del whole["entry"]["plan"]["look"]
    recording = open_recording(json.dumps(whole).encode())
    assert recording.version == "9.9"
    assert recording.ignored == (".plan.mood",)
    assert recording.entry.plan.look is False


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an entry"),
        (b'{"what": "a shopping list"}', "not an entry"),
        (b"\x1f\x8bnonsense", "cannot be unpacked"),
        (gzip.compress(b"{}" * 900)[:-12], "ends too early"),
    ],
)
def test_what_is_no_entry_is_refused_in_words(content: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        load(content)


def test_a_newer_format_names_the_version_that_can_read_it() -> None:
    with pytest.raises(Unreadable, match=r"format 2.*reads 1.*'9\.9'"):
        read(document(format=2, version="9.9"))


def test_a_small_file_that_unpacks_to_a_large_one_is_refused() -> None:
    bomb = gzip.compress(b" " * (recorder.BYTES_MAX + 1))
    with pytest.raises(Unreadable, match="larger than"):
        load(bomb)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("snapshot", "now"), "yesterday", "snapshot.now.*not an instant"),
        (("snapshot", "now"), "2026-01-01T00:00:00", "time zone"),
        (("snapshot", "now"), 7, "not str"),
        (("plan", "wake_after"), 1e300, "not int"),
        (("plan", "wake_after"), 10**30, "too long"),
        (("plan", "change"), {"is": "Explode"}, "not one of"),
        (("plan", "status", "phase"), "Dancing", "not one of"),
        (("plan", "occurrences"), {}, "not a list"),
        (("plan", "status"), [], "not an object"),
        (("plan", "look"), 1, "not bool"),
    ],
)
def test_a_value_that_cannot_be_names_its_place(
    path: tuple[str, ...], value: object, said: str
) -> None:
    whole = document()
    at = whole["entry"]
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    with pytest.raises(Unreadable, match=said):
        read(whole)


def test_a_field_that_is_needed_and_not_there_is_named() -> None:
    whole = document()
    del whole["entry"]["snapshot"]["scene"]
    with pytest.raises(Unreadable, match=r"\.snapshot lacks scene"):
        read(whole)


def test_every_type_of_an_entry_can_be_written() -> None:
    # A type without a codec is found when the first of it is written: not first in production.
    transcript.write(of_a_day("incident")[-1].plan, Plan)
    any_of(Entry).validate()


# The folder.


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The recorder's own: a simulated day has others."""
    ours = (record for record in caplog.records if record.name == recorder.__name__)
    return [record.getMessage() for record in ours]


def written(folder: Path, entries: tuple[Entry, ...], **limits: int) -> list[Path]:
    async def write() -> None:
        flight = FlightRecorder(folder, **limits)
        for entry in entries:
            flight.record(entry)
        running = asyncio.create_task(flight.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(write())
    return sorted(folder.iterdir()) if folder.exists() else []


def test_each_entry_becomes_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    entries = of_a_day("incident")
    files = written(tmp_path / "deep" / "flight", entries)
    assert [load(file.read_bytes()) for file in files] == list(entries)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "deep" / "flight").stat().st_mode) == 0o700
    assert files[0].name.endswith("-exams.exam-api.json.gz")


def test_the_oldest_give_way_to_the_newest_those_of_a_process_before_too(tmp_path: Path) -> None:
    entries = of_a_day("incident")
    written(tmp_path, entries[:4])
    files = written(tmp_path, entries[4:], files_max=3)
    assert [load(file.read_bytes()) for file in files] == list(entries[-3:])


def test_the_files_take_no_more_room_than_they_may(tmp_path: Path) -> None:
    entries = of_a_day("incident")
    files = written(tmp_path, entries, bytes_max=12_000)
    assert 1 <= len(files) < len(entries)
    assert sum(file.stat().st_size for file in files) <= 12_000
    assert load(files[-1].read_bytes()) == entries[-1]


def test_what_others_put_there_is_left_alone_and_what_was_cut_short_is_not(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".20261122T132540045Z-000001-a.b.json.gz.part").write_bytes(b"half")
    written(tmp_path, of_a_day("incident"), files_max=1)
    assert len(list(tmp_path.iterdir())) == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_said_once_and_costs_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        written(tmp_path / "file" / "flight", of_a_day("incident"))
    (said,) = warnings_in(caplog)
    assert said.startswith("The flight recorder cannot write")


def test_a_folder_that_vanishes_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entries = of_a_day("incident")[:3]
    folder = tmp_path / "flight"

    async def write() -> None:
        flight = FlightRecorder(folder)
        running = asyncio.create_task(flight.run())
        flight.record(entries[0])
        while not (folder.exists() and any(folder.glob("*.json.gz"))):  # noqa: ASYNC110 - a disk
            await asyncio.sleep(0.01)
        shutil.rmtree(folder)
        for entry in entries[1:]:
            flight.record(entry)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(write())
    assert [load(file.read_bytes()) for file in folder.iterdir()] == [entries[2]]
    assert len(warnings_in(caplog)) == 1


def test_a_bug_in_writing_is_logged_and_the_next_entry_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = of_a_day("incident")[0]
    bad = dataclasses.replace(good, plan=None)  # type: ignore[arg-type]
    files = written(tmp_path, (bad, good))
    assert [load(file.read_bytes()) for file in files] == [good]
    assert "cannot write down an entry of exams/exam-api" in caplog.text


def test_more_than_can_wait_is_said_and_the_newest_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry = of_a_day("incident")[0]
    many = tuple(
        dataclasses.replace(entry, number=number) for number in range(recorder.WAITING_MAX + 1)
    )
    files = written(tmp_path, many)
    assert len(files) == recorder.WAITING_MAX
    assert load(files[0].read_bytes()).number == 1
    assert "falls behind" in caplog.text
