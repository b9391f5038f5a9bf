"""`canaryctl explain`: a recorded decision told again, and decided again."""

import dataclasses
import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.recorder import dump
from controller.cli import main
from controller.domain.lifecycle import Phase
from controller.engine.journal import Entry
from tests.adapters.entries import of_a_day


def entry_into(phase: Phase, scenario: str = "incident") -> Entry:
    return next(
        entry
        for entry in of_a_day(scenario)
        if entry.plan.status.phase is phase and entry.snapshot.scene.status.phase is not phase
    )


def file_of(entry: Entry, folder: Path) -> str:
    path = folder / "entry.json.gz"
    path.write_bytes(gzip.compress(dump(entry)))
    return str(path)


def test_a_rollback_says_what_was_seen_what_decided_it_and_what_should_have_been_better(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", file_of(entry_into(Phase.ROLLING_BACK), tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "Deployment exam-api: 10 pods wanted" in said
    assert "canary  2 (exam-api:v42)" in said
    assert "ended with exit code 1 (Error), death 2" in said
    assert "KeyError: 'id_token'" in said
    assert "worse      Crashes: canary 2 in" in said
    assert "Analysing -> RollingBack" in said
    assert "Change: Undo(replica_set='exam-api-v41')" in said
    assert "Not to be rolled back, this comparison would have to be better:" in said
    assert said.rstrip().endswith("This version decides the same")


def test_a_release_that_goes_on_waiting_says_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = next(
        entry
        for entry in reversed(of_a_day("incident"))
        if entry.plan.status.phase is Phase.ANALYSING
    )
    assert main(["explain", file_of(waiting, tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "To go on, these would have to be found not worse:" in said
    assert "To go on, the canary would have to serve more:" in said
    assert "/lti/launch: 0 of 5 requests" in said


@pytest.mark.parametrize("scenario", ["incident", "heap-guard", "incident-without-prometheus"])
def test_every_decision_of_a_day_can_be_explained(
    scenario: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for entry in of_a_day(scenario):
        assert main(["explain", file_of(entry, tmp_path), "-o", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["replay"] == {"same": True, "differences": []}


def test_a_replay_that_decides_otherwise_lists_what_differs_and_ends_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = entry_into(Phase.ROLLING_BACK)
    other = dataclasses.replace(entry.plan, change=None, look=True)
    file = file_of(dataclasses.replace(entry, plan=other), tmp_path)
    assert main(["explain", file]) == 3
    said = capsys.readouterr().out
    assert "THIS VERSION DECIDES OTHERWISE" in said
    assert "change: it was None, now it is {'is': 'Undo', 'replica_set': 'exam-api-v41'}" in said
    assert "look: it was True, now it is False" in said


def test_a_record_that_no_cluster_ever_shows_is_said_to_be_undecidable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = entry_into(Phase.ROLLING_BACK)
    scene = entry.snapshot.scene
    status = dataclasses.replace(scene.status, release=None)
    scene = dataclasses.replace(scene, status=status)
    snapshot = dataclasses.replace(entry.snapshot, scene=scene)
    assert main(["explain", file_of(dataclasses.replace(entry, snapshot=snapshot), tmp_path)]) == 3
    assert "it cannot be decided: AssertionError" in capsys.readouterr().out


def test_last_words_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = entry_into(Phase.ROLLING_BACK)
    release = entry.plan.status.release
    assert release is not None
    crash = dataclasses.replace(release.crashes[-1], log="\x1b]0;owned\x07\x9b31m bye")
    release = dataclasses.replace(release, crashes=(crash,))
    status = dataclasses.replace(entry.plan.status, release=release)
    plan = dataclasses.replace(entry.plan, status=status)
    main(["explain", file_of(dataclasses.replace(entry, plan=plan), tmp_path)])
    said = capsys.readouterr().out
    assert "bye" in said
    assert not {"\x1b", "\x07", "\x9b"} & set(said)


class Piped(io.StringIO):
    """Standard input as bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.buffer: Any = io.BytesIO(content)


def test_an_entry_is_read_from_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    before, sys.stdin = sys.stdin, Piped(dump(entry_into(Phase.ROLLING_BACK)))
    try:
        assert main(["explain", "-"]) == 0
    finally:
        sys.stdin = before
    assert "Analysing -> RollingBack" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"hello", "it is not JSON"), (b"{}", "not an entry")],
)
def test_a_file_that_is_none_is_refused_with_its_name(
    content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "entry"
    if content is not None:
        path.write_bytes(content)
    assert main(["explain", str(path)]) == 2
    told = capsys.readouterr().err
    assert str(path) in told
    assert said in told
