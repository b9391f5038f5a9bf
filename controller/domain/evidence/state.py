"""The evidence as text: versioned, compressed, and exact."""

import base64
import binascii
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

VERSION: Final = "1"
SIZE_MAX: Final = 4_000_000  # bytes when unpacked: text from elsewhere must not fill the memory
LENGTH: Final = struct.Struct("<I")
KINDS: Final[Mapping[str, np.dtype[np.floating]]] = {"f": np.dtype("<f4"), "d": np.dtype("<f8")}


def pack(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[np.floating]]) -> str:
    """Facts (JSON values) and arrays (float32 or float64) as "1:<base64>"."""
    shapes = [[name, array.dtype.char, list(array.shape)] for name, array in arrays.items()]
    head = json.dumps([facts, shapes], allow_nan=False, separators=(",", ":")).encode()
    body = b"".join(
        np.ascontiguousarray(array, KINDS[array.dtype.char]).tobytes() for array in arrays.values()
    )
    packed = zlib.compress(LENGTH.pack(len(head)) + head + body, level=6)
    return f"{VERSION}:{base64.b64encode(packed).decode()}"


def unpack(text: str) -> tuple[dict[str, Any], dict[str, NDArray[np.floating]]]:
    """What was packed; ValueError for another version or anything that was not packed here."""
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
    except (binascii.Error, zlib.error, struct.error, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"evidence cannot be read: {error}") from error


def _no_number(name: str) -> float:
    raise ValueError(f"evidence holds {name}, which is no number")


def _arrays(
    shapes: list[tuple[str, str, list[int]]], raw: bytes, start: int
) -> dict[str, NDArray[np.floating]]:
    arrays: dict[str, NDArray[np.floating]] = {}
    for name, kind, shape in shapes:
        count = int(np.prod(shape))
        values = np.frombuffer(raw, KINDS[kind], count, start)
        if not np.isfinite(values).all():
            raise ValueError(f"evidence has a number in {name!r} that is none")
        arrays[name] = values.reshape(shape).astype(values.dtype.newbyteorder("="))
        start += count * KINDS[kind].itemsize
    return arrays
