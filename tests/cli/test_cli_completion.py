"""What the shells are told when somebody presses Tab."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.cli import COMMANDS, main
from controller.cli.completing import main as complete
from controller.cli.completion import SCRIPTS
from tests.cli.clusters import Cluster, environment

Offer = Callable[..., list[str]]


@pytest.fixture
def offer(capsys: pytest.CaptureFixture[str]) -> Offer:
    def offered(*words: str) -> list[str]:
        assert complete(words) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out.splitlines()

    return offered


def test_commands_come_with_what_they_do(offer: Offer) -> None:
    assert offer("pro") == [
        "promote\tlet the release pass its step, or go to all pods with --full",
        ":4",
    ]
    assert len(offer("")) == len(COMMANDS) + 1


def test_flags_of_the_command_are_offered(offer: Offer) -> None:
    assert [one.partition("\t")[0] for one in offer("promote", "exam", "--f")] == ["--full", ":4"]


def test_names_of_canaries_are_asked_of_the_cluster(cluster: Cluster, offer: Offer) -> None:
    reached = ("--kubeconfig", str(cluster.kubeconfig))
    assert offer("status", *reached, "e") == ["exam", ":4"]
    assert offer("promote", *reached, "-n", "elsewhere", "") == [":4"]
    assert offer("get", *reached, "exam", "") == [":4"], "it is there already"
    assert offer("status", *reached, "exam", "") == [":4"], "there is only one name"
    assert offer("status", *reached, "-n", "ex") == ["exams", ":4"]
    assert offer("status", *reached, "--context", "") == ["kind", "other", ":4"]


def test_values_of_flags_are_offered(offer: Offer) -> None:
    assert offer("get", "-o", "y") == ["yaml", ":4"]
    assert offer("get", "--output=y") == ["--output=yaml", ":4"]
    assert offer("status", "x", "--wait-for", "Promoted,Rolled") == ["Promoted,RolledBack", ":4"]


def test_files_are_left_to_the_shell(offer: Offer) -> None:
    assert offer("get", "--kubeconfig", "") == [":0"]
    assert offer("lint", "") == [":0"]


def test_a_cluster_that_does_not_answer_is_silence(
    cluster: Cluster, offer: Offer, tmp_path: Path
) -> None:
    cluster.shut()
    assert offer("status", "--kubeconfig", str(cluster.kubeconfig), "") == [":4"]
    assert offer("status", "--kubeconfig", str(tmp_path / "none"), "") == [":4"]
    assert offer("nonsense", "") == [":4"]
    cluster.open()


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_a_script_is_printed_for_each_shell(
    shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n", str(script)], check=True, timeout=30)


def test_bash_completes_names(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "canaryctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m controller "$@"\n')
    program.chmod(0o755)
    script = (
        "source <(canaryctl completion bash)\n"
        "COMP_WORDS=(canaryctl rollback '') COMP_CWORD=2\n"
        "_canaryctl\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
        "COMP_WORDS=(canaryctl ro) COMP_CWORD=1\n"
        "_canaryctl\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={**environment(cluster), "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ["exam", "rollback"]
