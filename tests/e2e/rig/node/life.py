"""One instance of a container: a process, its log, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.e2e.rig.lifeline import die_with_parent

MEMORY_CHECK_SECONDS: Final = 0.5
# The control plane of a real cluster does not share its processors with the pods.
NICENESS: Final = 5
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    exit_code: int
    reason: str
    at: datetime
    signal: int = 0


class Life:
    def __init__(self, *, number: int, log: Path) -> None:
        self.number = number
        self.log = log
        self.started = datetime.now(UTC)
        self.end: End | None = None
        self._out_of_memory = False
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, argv: Sequence[str], env: dict[str, str], folder: Path) -> None:
        """`OSError` when there is no such program."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(
                argv,
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=_become_a_pod,  # noqa: PLW1509  # the agent has one thread
            )

    async def ended(self) -> End:
        """Returns as soon as the kernel says that the process is dead."""
        assert self._process is not None, "a life that never started has no end"
        loop = asyncio.get_running_loop()
        dead: asyncio.Future[None] = loop.create_future()
        descriptor = os.pidfd_open(self._process.pid)
        loop.add_reader(descriptor, _resolve, dead)
        try:
            await dead
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        self.end = self._end(self._process.wait())
        self.kill()  # whatever the process started and left behind
        return self.end

    def _end(self, code: int) -> End:
        now = datetime.now(UTC)
        if self._out_of_memory:
            return End(exit_code=137, reason="OOMKilled", at=now)
        if code < 0:
            return End(exit_code=128 - code, signal=-code, reason="Error", at=now)
        return End(exit_code=code, reason="Error" if code else "Completed", at=now)

    def terminate(self) -> None:
        if self._process is not None and self.end is None:
            self._process.terminate()

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def limit_memory(self, bytes_max: int) -> None:
        """Kills the container as the kernel would, once its processes hold more than its limit."""
        assert self._process is not None, "only a running process has memory"
        while self.end is None:
            await asyncio.sleep(MEMORY_CHECK_SECONDS)
            if resident_bytes(self._process.pid) > bytes_max:
                self._out_of_memory = True
                self.kill()
                return


def resident_bytes(pid: int) -> int:
    """What a process and all that it started hold; 0 when it is gone."""
    pages = _words(Path(f"/proc/{pid}/statm"))
    children = _words(Path(f"/proc/{pid}/task/{pid}/children"))
    own = int(pages[1]) * PAGE_BYTES if pages else 0
    return own + sum(resident_bytes(int(child)) for child in children)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _become_a_pod() -> None:
    die_with_parent()
    os.nice(NICENESS)


def _resolve(dead: asyncio.Future[None]) -> None:
    if not dead.done():
        dead.set_result(None)
