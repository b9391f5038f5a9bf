"""The evidence as text: versioned, compressed, and exact."""

import base64
import binascii
import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

VERSION: Final = "2"
SIZE_MAX: Final = 4_000_000  # bytes when unpacked: text from elsewhere must not fill the memory
REMEMBERED_MAX: Final = 64  # texts; each is read again until the next look's counts are weighed
LENGTH: Final = struct.Struct("<I")
KINDS: Final[Mapping[str, np.dtype[Any]]] = {
    "f": np.dtype("<f4"),
    "d": np.dtype("<f8"),
    "i": np.dtype("<i4"),
}
INT_MAX: Final = np.int32(2**31 - 1)
LEVEL: Final = 1  # the others take twice the time and more for a twentieth of the size
UNREADABLE: Final = (
    binascii.Error,
    zlib.error,
    struct.error,
    LookupError,
    TypeError,
    AttributeError,
)
ENCODER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))

Values = Mapping[str, NDArray[Any]]  # all numbers of a kind, one array after the other


class Fixed(NamedTuple):
    """An array whose values are whole steps of 1 / `steps`: stored as integers.

    Its last axis is `groups` times as long as what repeats; what repeats is alike, so that only the
    differences are stored.
    """

    array: NDArray[np.float32]
    steps: int
    groups: int = 1

    def encoded(self) -> NDArray[np.int32]:
        """The steps, or how they differ from group to group."""
        whole = (self.array * np.float32(self.steps)).astype(np.int32)
        if self.groups > 1:
            lines = whole.reshape(-1, self.groups, whole.shape[-1] // self.groups)
            lines[:, 1:] -= lines[:, :-1].copy()
        return whole.ravel()

    def decode(self, values: NDArray[np.int32]) -> None:
        """Write what was encoded into the array."""
        if self.groups > 1:
            lines = values.reshape(-1, self.groups, self.array.shape[-1] // self.groups)
            values = np.add.accumulate(lines, axis=1, dtype=np.int32)
        np.divide(values.reshape(self.array.shape), self.steps, out=self.array, casting="unsafe")


Part = NDArray[np.floating] | Fixed


def pack(facts: Mapping[str, Any], state: Iterable[Part]) -> str:
    """Facts (JSON values) and arrays (float32 or float64) as "2:<base64>".

    Shapes are not told: who reads it knows them from the facts.
    """
    values: dict[str, list[NDArray[Any]]] = {kind: [] for kind in KINDS}
    for part in state:
        array = part.encoded() if isinstance(part, Fixed) else part.ravel()
        values[array.dtype.char].append(array)
    head = ENCODER.encode(facts).encode()
    parts = [LENGTH.pack(len(head)), head]
    for kind, dtype in KINDS.items():
        flat = np.concatenate([*values[kind], np.zeros(0, dtype)]).astype(dtype, copy=False)
        if kind == "i":
            flat = (flat << 1) ^ (flat >> 31)  # signs last: small numbers have small digits
        # All first bytes, then all second bytes: what is alike stands together, and is small.
        octets = flat.view(np.uint8).reshape(-1, dtype.itemsize)
        parts += [LENGTH.pack(flat.size), octets.T.tobytes()]
    packed = zlib.compress(b"".join(parts), level=LEVEL)
    return f"{VERSION}:{base64.b64encode(packed).decode()}"


@lru_cache(maxsize=REMEMBERED_MAX)
def unpack(text: str) -> tuple[Mapping[str, Any], Values]:
    """What was packed, to be read only: it is remembered for the next who asks.

    ValueError for another version or anything that was not packed here.
    """
    version, colon, payload = text.partition(":")
    if not colon or version != VERSION:
        raise ValueError(f"evidence of version {version[:10]!r}, not {VERSION!r}")
    try:
        stream = zlib.decompressobj()
        raw = stream.decompress(base64.b64decode(payload, validate=True), SIZE_MAX)
        if not stream.eof:
            raise ValueError("evidence is cut short or too long")
        (length,) = LENGTH.unpack_from(raw)
        facts = json.loads(raw[LENGTH.size : LENGTH.size + length], parse_constant=_no_number)
        return dict(facts), _values(raw, LENGTH.size + length)
    except UNREADABLE as error:
        raise ValueError(f"evidence cannot be read: {error}") from error


def restore(state: Iterable[Part], stored: Values) -> None:
    """Write stored values into arrays of the shapes that were packed; ValueError if they differ."""
    starts = dict.fromkeys(stored, 0)
    for part in state:
        array = part.array if isinstance(part, Fixed) else part
        kind = "i" if isinstance(part, Fixed) else array.dtype.char
        values = stored[kind][starts[kind] : starts[kind] + array.size]
        starts[kind] += array.size
        if values.size != array.size:
            raise ValueError("evidence cannot be read: there are too few numbers")
        if isinstance(part, Fixed):
            part.decode(values)
        else:
            array[...] = values.reshape(array.shape)
    if any(starts[kind] != values.size for kind, values in stored.items()):
        raise ValueError("evidence cannot be read: there are too many numbers")


def _no_number(name: str) -> float:
    raise ValueError(f"evidence holds {name}, which is no number")


def _values(raw: bytes, start: int) -> Values:
    found: dict[str, NDArray[Any]] = {}
    for kind, dtype in KINDS.items():
        (count,) = LENGTH.unpack_from(raw, start)
        octets = np.frombuffer(raw, np.uint8, count * dtype.itemsize, start + LENGTH.size)
        start += LENGTH.size + octets.size
        values = octets.reshape(dtype.itemsize, count).T.copy().view(dtype).ravel()
        values = values.astype(dtype.newbyteorder("="), copy=False)
        if kind == "i":
            values = ((values >> 1) & INT_MAX) ^ -(values & 1)
        elif not np.isfinite(values).all():
            raise ValueError("evidence has a number that is none")
        values.setflags(write=False)
        found[kind] = values
    if start != len(raw):
        raise ValueError("evidence cannot be read: it is longer than it says")
    return found
