"""The evidence as text: versioned, compressed, and exact."""

import base64
import binascii
import json
import math
import struct
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

VERSION: Final = "1"
SIZE_MAX: Final = 4_000_000  # bytes when unpacked: text from elsewhere must not fill the memory
REMEMBERED_MAX: Final = 64  # texts; each is read again until the next look's counts are weighed
LENGTH: Final = struct.Struct("<I")
KINDS: Final[Mapping[str, np.dtype[np.floating]]] = {"f": np.dtype("<f4"), "d": np.dtype("<f8")}
UNREADABLE: Final = (
    binascii.Error,
    zlib.error,
    struct.error,
    LookupError,
    TypeError,
    AttributeError,
)
ENCODER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))

Arrays = Mapping[str, NDArray[np.floating]]


def pack(facts: Mapping[str, Any], arrays: Arrays) -> str:
    """Facts (JSON values) and arrays (float32 or float64) as "1:<base64>"."""
    shapes = [(name, array.dtype.char, array.shape) for name, array in arrays.items()]
    head = ENCODER.encode((facts, shapes)).encode()
    body = b"".join(
        [
            np.ascontiguousarray(array, KINDS[kind]).tobytes()
            for (_, kind, _), array in zip(shapes, arrays.values(), strict=True)
        ]
    )
    packed = zlib.compress(LENGTH.pack(len(head)) + head + body, level=6)
    return f"{VERSION}:{base64.b64encode(packed).decode()}"


@lru_cache(maxsize=REMEMBERED_MAX)
def unpack(text: str) -> tuple[Mapping[str, Any], Arrays]:
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
        head = raw[LENGTH.size : LENGTH.size + length]
        facts, shapes = json.loads(head, parse_constant=_no_number)
        return dict(facts), _arrays(shapes, raw, LENGTH.size + length)
    except UNREADABLE as error:
        raise ValueError(f"evidence cannot be read: {error}") from error


def _no_number(name: str) -> float:
    raise ValueError(f"evidence holds {name}, which is no number")


def _arrays(shapes: Iterable[tuple[str, str, list[int]]], raw: bytes, start: int) -> Arrays:
    arrays: dict[str, NDArray[np.floating]] = {}
    # Arrays of one kind that follow one another are read and checked at once.
    for kind, run in groupby(shapes, key=itemgetter(1)):
        parts = [(name, shape, math.prod(shape)) for name, _, shape in run]
        count = sum(size for _, _, size in parts)
        if min(size for _, _, size in parts) < 0 or count > len(raw):
            raise ValueError("evidence cannot be read: an array has an impossible shape")
        values = np.frombuffer(raw, KINDS[kind], count, start)
        start += values.nbytes
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        values.setflags(write=False)
        if not np.isfinite(values).all():
            raise ValueError(f"evidence has a number that is none in {[part[0] for part in parts]}")
        for name, shape, size in parts:
            arrays[name], values = values[:size].reshape(shape), values[size:]
    return arrays
