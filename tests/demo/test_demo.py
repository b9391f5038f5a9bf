"""The demo: it tells a story that happened, serves it, and leaves nothing behind."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import httpx
import pytest

from controller.cli import main
from controller.cli.policies import parse_policy
from controller.demo.counter import Everybody
from controller.demo.story import Story, shortened
from controller.demo.telling import Ending, Line, Shown, Told
from controller.domain.lifecycle import Phase
from controller.domain.status import NoticeKind
from controller.simulation.loop import play
from controller.simulation.scenarios import catalogue

WAIT_SECONDS = 60


def told() -> list[Shown]:
    """The whole story, in virtual time."""
    shown: list[Shown] = []
    scenario = shortened(catalogue.scenario("incident", parse_policy))
    story = Story(scenario, shown.append, access=Everybody())

    async def listen() -> None:
        playing = asyncio.create_task(story.play())
        while not any(isinstance(one, Ending) for one in shown):
            assert not playing.done()
            await asyncio.sleep(1.0)
            story.publish()
        playing.cancel()

    play(listen())
    return shown


def test_a_good_release_is_promoted_and_the_one_with_the_bug_rolled_back() -> None:
    shown = told()
    ending = shown[-1]
    assert isinstance(ending, Ending)
    assert ending.promoted
    assert ending.rolled_back
    assert ending.crashes >= 2
    kinds = [line.kind for line in shown if isinstance(line, Line)]
    assert kinds.index(Phase.PROMOTED) < kinds.index("crash") < kinds.index(Phase.ROLLED_BACK)
    notices = [one.notice.kind for one in shown if isinstance(one, Told)]
    assert notices.count(NoticeKind.ROLLED_BACK) == 1


def test_what_is_told_is_in_the_order_in_which_it_happened() -> None:
    times = [one.at for one in told() if isinstance(one, Line | Told)]
    assert times == sorted(times)


@contextmanager
def demo(*flags: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "controller", "demo", *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_with(words: str, output: IO[str] | None) -> str:
    assert output is not None
    for line in output:
        if words in line:
            return line
    raise AssertionError(f"the demo ended without a word of {words!r}")


def test_once_ends_by_itself_with_the_story_told_in_plain_text() -> None:
    with demo("--once", "--speed", "300", "--port", "0") as process:
        output, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 0, errors
    assert "rolled back" in output
    assert "\x1b" not in output
    assert re.search(r"requests of users that failed for it +\d+ +\d+,\d+", output)
    assert errors == ""


def test_the_page_and_the_api_are_served_until_it_is_told_to_stop() -> None:
    with demo("--speed", "100", "--port", "0") as process:
        address = re.search(r"http://127\.0\.0\.1:\d+", line_with("Dashboard", process.stdout))
        assert address is not None
        line_with("It is your turn", process.stdout)
        canaries = httpx.get(f"{address[0]}/api/v1/canaries").json()["items"]
        canary = next(one for one in canaries if one["name"] == "exam-api")
        assert canary["phase"] == Phase.ROLLED_BACK
        page = httpx.get(address[0])
        assert page.status_code == 200
        assert "exam-api" in page.text
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 0, errors
    assert errors == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_in_the_middle_of_its_story(number: signal.Signals) -> None:
    with demo("--speed", "1", "--port", "0") as process:
        line_with("start", process.stdout)
        process.send_signal(number)
        _, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130
    assert errors == ""


def test_a_port_that_is_taken_is_refused_if_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with demo("--port", port) as process:
            _, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 1
    assert errors == (
        f"canaryctl: port {port} of 127.0.0.1 cannot be had: choose another one with --port\n"
    )


def test_a_reader_that_leaves_ends_it_without_a_traceback() -> None:
    with demo("--once", "--speed", "300", "--port", "0") as process:
        line_with("start", process.stdout)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
        process.wait(timeout=WAIT_SECONDS)
    assert errors == ""


@pytest.mark.parametrize(
    ("flag", "value"), [("--speed", "0"), ("--speed", "fast"), ("--port", "70000")]
)
def test_a_number_that_makes_no_sense_is_refused(
    flag: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", flag, value]) == 2
    assert f"{value} is not a number from" in capsys.readouterr().err


def test_a_webhook_that_is_no_address_is_refused_and_not_shown() -> None:
    environment = {**os.environ, "CANARY_CONTROLLER_SLACK_WEBHOOK_URL": "not-an-address-hush"}
    done = subprocess.run(
        [sys.executable, "-m", "controller", "demo", "--once"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_SECONDS,
    )
    assert done.returncode == 2
    assert "slack_webhook_url" in done.stderr
    assert "hush" not in done.stderr
