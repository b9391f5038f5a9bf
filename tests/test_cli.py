"""The command line, as a person types it."""

import os
import subprocess
import sys

import pytest

from controller.cli import main
from controller.settings import Settings


def typed(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "controller", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )


def test_help_names_the_commands_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for word in ("run", "version", "exit codes:", "2  a flag or a setting is wrong"):
        assert word in said


def test_help_of_run_describes_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    said = capsys.readouterr().out
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')} " in said


def test_no_command_is_answered_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: canaryctl" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("canary-controller ")


def test_an_unknown_flag_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--colour", "red"]) == 2
    assert "--colour" in capsys.readouterr().err


def test_a_flag_is_not_abbreviated() -> None:
    assert main(["run", "--prometheus-u", "http://p:9090"]) == 2


def test_a_bad_setting_ends_with_2_and_the_remedy() -> None:
    done = typed("run", "--workers", "0", CANARY_CONTROLLER_LISTEN_PORT="http")
    assert done.returncode == 2
    assert done.stdout == ""
    assert sorted(done.stderr.splitlines()) == [
        "canaryctl: listen_port = 'http': Input should be a valid integer, unable to parse string "
        "as an integer; set CANARY_CONTROLLER_LISTEN_PORT to a port from 0 to 65535",
        "canaryctl: workers = '0': Input should be greater than or equal to 1; "
        "set --workers to a number from 1 to 64",
    ]


def test_help_brings_no_vendor_along() -> None:
    program = (
        "import sys\n"
        "from controller.cli import main\n"
        "main(['run', '--help'])\n"
        "vendors = {'kubernetes', 'fastapi', 'slack_sdk', 'aiohttp', 'uvicorn', 'scipy'}\n"
        "print(sorted(vendors & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_whoever_reads_may_stop_reading() -> None:
    """As `| head` does: no traceback."""
    command = [sys.executable, "-m", "controller", "lint", "deploy/examples/careful.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(30), said) == (0, b"")
