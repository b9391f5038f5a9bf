"""The files of the pages: styles, modules and what is vendored, under a name that ages never."""

import hashlib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

from fastapi import APIRouter, Response

PACKAGE: Final = "controller.adapters.http"
PREFIX: Final = "/pages"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HASH_CHARACTERS: Final = 16
YEAR_SECONDS: Final = 31_536_000


def _files(folder: Traversable, under: PurePosixPath) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        path = under / entry.name
        if entry.is_dir():
            found |= _files(entry, path)
        elif path.suffix in TYPES:
            found[str(path)] = entry.read_bytes()
    return found


FILES: Final = _files(resources.files(PACKAGE).joinpath("pages"), PurePosixPath())
"""What may be loaded, by path. Templates are not in it."""


def _hash() -> str:
    """Of all together: modules name each other by relative paths, so they change together."""
    said = hashlib.sha256()
    for path in sorted(FILES):
        said.update(path.encode() + b"\0" + hashlib.sha256(FILES[path]).digest())
    return said.hexdigest()[:HASH_CHARACTERS]


HASH: Final = _hash()


def file_path(path: str) -> str:
    """Where a page finds a file."""
    assert path in FILES, f"there is no {path} among the files of the pages"
    return f"{PREFIX}/{HASH}/{path}"


def add_files(router: APIRouter) -> None:
    """Whatever is asked for by its hash may be kept for ever."""
    for path, content in FILES.items():
        _add(router, path, content)


def _add(router: APIRouter, path: str, content: bytes) -> None:
    media_type = TYPES[PurePosixPath(path).suffix]

    @router.get(f"{PREFIX}/{{version}}/{path}")
    async def file(version: str) -> Response:
        # A page that was loaded before an update still gets its files, if only the present ones.
        lasting = f"public, max-age={YEAR_SECONDS}, immutable"
        headers = {
            "cache-control": lasting if version == HASH else "no-cache",
            "x-content-type-options": "nosniff",
        }
        return Response(content, media_type=media_type, headers=headers)
