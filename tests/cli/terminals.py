"""A person at a terminal: a program on a pseudo-terminal, and what is to be seen there."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from typing import Final

from tests.cli.clusters import Cluster, environment

PATIENCE_SECONDS: Final = 30.0
ROWS, COLUMNS = 60, 110
PROGRAM: Final = (sys.executable, "-m", "controller")
# Ctrl-C goes to the foreground of the terminal that a session leads.
LEAD: Final = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)
_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """Everything that was printed, without what controls the cursor."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process = process
        self.raw = b""
        self._master = master

    @property
    def text(self) -> str:
        return _CONTROL.sub("", self.raw.decode(errors="replace")).replace("\r", "")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read(self, seconds: float = 0.1) -> bool:
        """Take what there is; False at the end."""
        if not select.select([self._master], [], [], seconds)[0]:
            return True
        try:
            more = os.read(self._master, 65536)
        except OSError:  # Linux' way to say that the other end is closed
            return False
        self.raw += more
        return bool(more)

    def until(self, shown: Callable[[str], object]) -> str:
        """Wait until it is shown; what was printed so far."""
        end = time.monotonic() + PATIENCE_SECONDS  # noqa: TID251 - a real program is waited for
        while not shown(self.text):
            open_ = self.read()
            late = time.monotonic() > end  # noqa: TID251
            assert not late, self.text
            assert open_ or shown(self.text), self.text
        return self.text

    def ended(self) -> int:
        """Wait for the end; gives the exit code."""
        while self.read():
            if self.process.poll() is not None and not self.read(0):
                break
        return self.process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def at_terminal(cluster: Cluster, *words: str, rows: int = ROWS) -> Iterator[Terminal]:
    """Type a command at a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, COLUMNS, 0, 0))
    variables = {**environment(cluster), "TERM": "xterm-256color"}
    variables.pop("COLUMNS")

    process = subprocess.Popen(
        [sys.executable, "-c", LEAD, *PROGRAM, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=variables,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)
        os.close(master)


@contextlib.contextmanager
def in_pipe(cluster: Cluster, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a command whose answer goes into a pipe."""
    process = subprocess.Popen(
        [*PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(cluster),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_SECONDS)
