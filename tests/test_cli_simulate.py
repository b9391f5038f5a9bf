"""`canaryctl simulate`, as a person types it."""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.cli import main
from controller.cli.simulate import SIMULATE
from controller.cli.simulating import simulate
from controller.simulation.scenario import Scenario
from controller.simulation.scenarios import catalogue
from tests.simulation.scenarios.shows import Show, show

LIE = """\
title: Wrongly expected
expect: Promoted
canary:
  - dieAtStart: {}
"""


def shown(*arguments: str) -> int:
    """The command with runs that are told, not played."""
    parser = argparse.ArgumentParser()
    SIMULATE.add_flags(parser)
    return simulate(parser.parse_args([*arguments, "--workers", "1"]), play=show)


def test_the_list_names_every_scenario_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(catalogue.names())


def test_without_a_scenario_the_list_and_the_usage_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("usage: canaryctl simulate SCENARIO|FILE")
    assert "incident" in said.err


def test_help_gives_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--help"]) == 0
    said = capsys.readouterr().out
    for words in ("canaryctl simulate incident --seeds 200", "--replay SEED", "exit codes:"):
        assert words in said


def test_the_numbers_that_people_ask_for_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("incident", "--seeds", "20") == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "One request in a hundred kills the server that serves it  (incident)"
    for words in (
        "rolled back (expected)   20 of 20   84 % to 100 %",
        "from the first harm to the decision to roll back ",
        "users' requests that failed for the release ",
        "without the controller (people roll back after 10 min)",
        "20 of 20 ended as expected: rolled back.",
        "False rollbacks of its healthy twin: 0 of 20 (95 % interval 0 % to 16 %).",
        "canaryctl simulate incident --replay ",
    ):
        assert words in said.out
    assert said.err == ""
    assert "\x1b" not in said.out


def test_json_for_standard_output_is_alone_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("incident", "--seeds", "3", "--seed", "7", "--json", "-") == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert said.err == ""
    assert found["format"] == "canary-controller.io/simulation/v1"
    assert found["seeds"] == {"first": 7, "count": 3}
    assert found["endings"]["RolledBack"]["count"] == 3
    assert [run["seed"] for run in found["runs"]] == [7, 8, 9]


def test_files_are_written_beside_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, numbers = tmp_path / "r.html", tmp_path / "r.json"
    assert shown("incident", "--seeds", "2", "--html", str(page), "--json", str(numbers)) == 0
    said = capsys.readouterr()
    assert "ended as expected" in said.out
    assert str(page) in said.err
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads(numbers.read_text(encoding="utf-8"))["asExpected"]["of"] == 2


def test_a_run_that_ends_otherwise_has_an_exit_code_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lie.yaml"
    file.write_text(LIE, encoding="utf-8")
    assert shown(str(file), "--seeds", "8") == 3
    said = capsys.readouterr().out
    assert "0 of 8 ended as expected: promoted." in said
    assert "seed 1: rolled back. crashes" in said
    assert "and 3 more" in said
    assert f"The first of them: canaryctl simulate {file} --replay 1" in said
    assert shown(str(file), "--replay", "1") == 3


def test_a_replay_tells_what_happened_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("incident", "--replay", "5") == 0
    said = capsys.readouterr().out
    places = [said.index(words) for words in ("person pushed", "died", "RollingBack", "RolledBack")]
    assert places == sorted(places)


def test_the_policy_may_come_from_a_canary(tmp_path: Path) -> None:
    file = tmp_path / "canary.yaml"
    file.write_text("kind: Canary\nspec: {targetRef: {name: shop}, bake: 7m}\n", encoding="utf-8")
    played: list[Scenario] = []

    def seen(scenario: Scenario, seed: int, *, with_controller: bool) -> Show:
        played.append(scenario)
        return show(scenario, seed, with_controller=with_controller)

    parser = argparse.ArgumentParser()
    SIMULATE.add_flags(parser)
    asked = parser.parse_args(["incident", "--canary", str(file), "--replay", "1"])
    assert simulate(asked, play=seen) == 0
    assert played[0].policy.bake.total_seconds() == 420
    assert played[0].policy.target == "exam-api"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["incidnet"], "incidnet is no scenario and no file. canaryctl simulate --list names"),
        (["nowhere.yaml"], "nowhere.yaml: No such file or directory. Give the path of a file"),
        (["incident", "--canary", "no.yaml"], "no.yaml: No such file or directory. "),
        (["incident", "--html", "no/where/r.html"], "no/where/r.html: there is no folder no/where"),
        (["incident", "--json", "no/r.json"], "no/r.json: there is no folder no. Make it"),
        (["incident", "--seeds", "0"], "0 is not a number from 1 to 100000"),
        (["incident", "--seed", "-1"], "--seed"),
        (["incident", "--workers", "many"], "many is not a number from 1 to 256"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *arguments]) == 2
    found = capsys.readouterr()
    assert said in found.err
    assert found.out == ""


def test_an_invalid_file_is_refused_with_line_field_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("title: T\nexpect: Promoted\nshop:\n  replica: 3\n", encoding="utf-8")
    assert main(["simulate", str(file)]) == 2
    assert capsys.readouterr().err == (
        f"canaryctl: {file}:4: shop.replica is not a known field. Did you mean replicas?\n"
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"title: a\nstory: \xff\n", ":2: is not UTF-8. Save it as plain text in UTF-8"),
        (b"#" * 1_000_001, ": is longer than 1000000 bytes. Make it shorter"),
    ],
)
def test_a_file_that_is_no_text_is_refused(
    data: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(data)
    assert main(["simulate", str(file)]) == 2
    assert capsys.readouterr().err == f"canaryctl: {file}{said}\n"


def typed(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "controller", "simulate", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_the_same_seeds_give_the_same_numbers_in_one_process_and_in_two() -> None:
    found: list[Any] = []
    for workers in ("1", "2"):
        command = typed("two-pods", "--seeds", "2", "--json", "-", "--workers", workers)
        out, err = command.communicate(timeout=120)
        assert (command.returncode, err) == (0, "")
        found.append(json.loads(out))
    assert found[0] == found[1]
    assert found[0]["endings"]["RolledBack"]["count"] == 2


def test_an_interrupt_ends_it_without_a_traceback() -> None:
    command = typed("healthy", "--seeds", "5000", "--workers", "2", "--json", "-")
    assert command.stderr is not None
    # Ready for the signal when it has its workers: each is a process of its group.
    while len(group(command.pid)) < 3:
        assert command.poll() is None
    os.killpg(command.pid, signal.SIGINT)
    out, err = command.communicate(timeout=60)
    assert (command.returncode, out, err) == (130, "", "canaryctl: interrupted\n")


def group(leader: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[2]) == leader:
            found.append(int(entry.name))
    return found
