"""The flight recorder: each decision that did something as a file that can be replayed."""

import asyncio
import contextlib
import gzip
import itertools
import json
import logging
import os
import re
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from controller.adapters import transcript
from controller.adapters.transcript import Unreadable
from controller.engine.journal import Entry

FORMAT: Final = 1
WHAT: Final = "canary-controller decision"
SUFFIX: Final = ".json.gz"
# A hundred times what an entry of a large service takes: what is larger is none of ours.
BYTES_MAX: Final = 64 * 1024 * 1024
FILES_MAX: Final = 1000
FOLDER_BYTES_MAX: Final = 100 * 1024 * 1024
WAITING_MAX: Final = 200
LAST_SECONDS: Final = 2.0
_GZIP: Final = b"\x1f\x8b"
_NAME_CHARACTERS: Final = 120
_OURS: Final = re.compile(r"\d{8}T\d{9}Z-\d{6,}-.+\.json\.gz")
_PART: Final = ".part"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """An entry as it was read. `ignored` are fields that this version does not know."""

    entry: Entry
    version: str
    ignored: tuple[str, ...] = ()


def dump(entry: Entry) -> bytes:
    """One entry as JSON: the same entry gives the same bytes."""
    document = {
        "what": WHAT,
        "format": FORMAT,
        "version": _version(),
        "entry": transcript.write(entry, Entry),
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")


def load(content: bytes) -> Entry:
    """The entry of a file. Raises Unreadable."""
    return open_recording(content).entry


def open_recording(content: bytes) -> Recording:
    """The entry of a file, plain JSON or compressed, and who wrote it. Raises Unreadable."""
    document = _document(_unpacked(content))
    ignored: list[str] = []
    entry = transcript.read(document.get("entry"), Entry, ignored.append)
    version = document.get("version")
    return Recording(
        entry=entry,
        version=version if isinstance(version, str) else "unknown",
        ignored=tuple(ignored),
    )


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("what") != WHAT:
        raise Unreadable("it is not an entry of the flight recorder")
    if document.get("format") != FORMAT:
        raise Unreadable(
            f"it has the format {document.get('format')!r}, and this version reads {FORMAT}: use "
            f"the version that wrote it, {document.get('version')!r}"
        )
    return document


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(_GZIP):
        return content
    unpack = zlib.decompressobj(wbits=31)
    try:
        text = unpack.decompress(content, BYTES_MAX)
    except zlib.error as error:
        raise Unreadable(f"it cannot be unpacked: {error}") from error
    if unpack.unconsumed_tail:
        raise Unreadable(f"unpacked, it is larger than {BYTES_MAX} bytes")
    if not unpack.eof:
        raise Unreadable("it ends too early: was it copied whole?")
    return text


def _version() -> str:
    try:
        return metadata.version("canary-controller")
    except metadata.PackageNotFoundError:
        return "unknown"


class FlightRecorder:
    """Writes entries into a folder, in a thread, and keeps the newest.

    A failure is logged and costs the entry, nothing else.
    """

    def __init__(
        self, folder: Path, *, files_max: int = FILES_MAX, bytes_max: int = FOLDER_BYTES_MAX
    ) -> None:
        self._folder = folder
        self._files_max = files_max
        self._bytes_max = bytes_max
        self._waiting: deque[Entry] = deque(maxlen=WAITING_MAX)
        self._news = asyncio.Event()
        self._numbers = itertools.count(1)
        self._kept: deque[tuple[Path, int]] | None = None
        self._overtaken = 0
        self._unwritten = 0
        self._failing = False
        self._writing = threading.Lock()

    @property
    def lost(self) -> int:
        """How many entries were not written down."""
        return self._overtaken + self._unwritten

    def record(self, entry: Entry) -> None:
        """Have it written soon. Returns at once; when too many wait, the oldest gives way."""
        if len(self._waiting) == WAITING_MAX:
            self._overtaken += 1
            log.warning("The flight recorder falls behind: an entry is lost")
        self._waiting.append(entry)
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled; then what still waits, as far as it takes no time."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await asyncio.to_thread(self._write_all)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await asyncio.to_thread(self._write_all)

    def _write_all(self) -> None:
        # A thread whose waiter was cancelled may still be at it.
        with self._writing:
            while self._waiting:
                self._try(self._waiting.popleft())

    def _try(self, entry: Entry) -> None:
        try:
            self._write(entry)
        except OSError as error:
            self._unwritten += 1
            # Said once: a disk that is full is full for each of many entries.
            if not self._failing:
                log.warning("The flight recorder cannot write to %s: %s", self._folder, error)
            self._failing = True
            # The folder may be gone: it is made, and looked through, anew.
            self._kept = None
        except Exception:
            # A bug in what only looks on must not end what it looks at.
            self._unwritten += 1
            log.exception("The flight recorder cannot write down an entry of %s", entry.ref)
        else:
            self._failing = False

    def _write(self, entry: Entry) -> None:
        kept = self._known()
        content = gzip.compress(dump(entry), compresslevel=6, mtime=0)
        path = self._folder / self._name(entry)
        part = path.with_name(f".{path.name}{_PART}")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        kept.append((path, len(content)))
        self._remove_oldest(kept)

    def _known(self) -> deque[tuple[Path, int]]:
        """What is in the folder, oldest first, this process's and its predecessors'."""
        if self._kept is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in self._folder.glob(f".*{SUFFIX}{_PART}"):
                part.unlink(missing_ok=True)
            self._kept = deque(sorted(self._found()))
        return self._kept

    def _found(self) -> Iterator[tuple[Path, int]]:
        for path in self._folder.iterdir():
            if _OURS.fullmatch(path.name) and path.is_file():
                yield path, path.stat().st_size

    def _remove_oldest(self, kept: deque[tuple[Path, int]]) -> None:
        size = sum(length for _, length in kept)
        while len(kept) > 1 and (len(kept) > self._files_max or size > self._bytes_max):
            path, length = kept.popleft()
            path.unlink(missing_ok=True)
            size -= length

    def _name(self, entry: Entry) -> str:
        """Sorted by name is sorted by time. The namespace and the name are those of Kubernetes."""
        at = entry.snapshot.now
        clock = f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z"
        ref = f"{entry.ref.namespace}.{entry.ref.name}"[:_NAME_CHARACTERS]
        return f"{clock}-{next(self._numbers):06d}-{ref}{SUFFIX}"
