"""Child processes that cannot outlive the tests, whatever ends the tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.e2e.rig.waiting import wait_until

STOP_TIMEOUT_SECONDS: Final = 10
LIFELINE: Final = Path(__file__).with_name("lifeline.py")
REPOSITORY: Final = Path(__file__).parents[3]

# The kernel ties a child to the *thread* that started it, so one thread that never ends starts all.
_starter: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rig-starter")


class Process:
    """One program: its output in a log file, its life bound to ours."""

    def __init__(self, name: str, argv: Sequence[str | Path], *, log: Path) -> None:
        self.name = name
        self.log = log
        self._argv = [sys.executable, "-I", "-S", str(LIFELINE), str(os.getpid()), *map(str, argv)]
        self._popen = _starter.submit(self._start).result()

    def _start(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            return subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                cwd=REPOSITORY,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def write(self, line: str) -> None:
        assert self._popen.stdin is not None, "every process has its standard input"
        self._popen.stdin.write(line.encode() + b"\n")
        self._popen.stdin.flush()

    def wait_until(self, ready: Callable[[], object], *, seconds: float, what: str) -> None:
        """Waits for `ready`, and fails at once, with the log's end, if the process ends first."""

        def ready_or_ended() -> object:
            if not self.running:
                raise RuntimeError(f"{self.name} ended while waiting: {what}\n{self.tail()}")
            return ready()

        wait_until(ready_or_ended, seconds=seconds, what=f"{self.name}: {what}")

    def stop(self) -> None:
        if self.running:
            self._popen.terminate()
        with contextlib.suppress(OSError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()
        try:
            self._popen.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it with no chance to say goodbye."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(signal.SIGKILL)
        self._popen.wait(STOP_TIMEOUT_SECONDS)
        with contextlib.suppress(OSError):
            if self._popen.stdin is not None:
                self._popen.stdin.close()

    def tail(self, characters: int = 2000) -> str:
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
