"""What a command answers on standard output: a table as kubectl prints it, JSON or YAML."""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

GAP: Final = "   "
COLUMNS_MIN: Final = 20

FORMS: Final = {
    "json": "the whole, as JSON",
    "yaml": "the whole, as YAML",
    "wide": "the table with more columns",
    "name": "only names",
}


def add_output_flag(parser: argparse.ArgumentParser, forms: Sequence[str] = tuple(FORMS)) -> None:
    """`-o`, and what belongs to a table."""
    said = ", ".join(f"{form} ({FORMS[form]})" for form in forms)
    parser.add_argument(
        "-o", "--output", choices=forms, metavar="FORM", help=f"{said}; without it a table"
    )
    if "wide" in forms:
        parser.add_argument(
            "--no-headers", action="store_true", help="print the table without its first line"
        )


def put(text: str) -> None:
    """Print an answer."""
    print(text)  # noqa: T201 - this is the command's answer


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    headers_shown: bool = True,
    columns_max: int | None = None,
) -> str:
    """Columns under their headers; with `columns_max` the last one is cut to fit."""
    lines = [tuple(headers), *map(tuple, rows)] if headers_shown else [*map(tuple, rows)]
    widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(headers))]
    return "\n".join(_line(line, widths, columns_max) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int], columns_max: int | None) -> str:
    *before, last = cells
    start = "".join(f"{cell:{width}}{GAP}" for cell, width in zip(before, widths, strict=False))
    if columns_max is not None:
        room = max(columns_max - len(start), COLUMNS_MIN)
        last = last if len(last) <= room else f"{last[: room - 1]}…"
    return f"{start}{last}".rstrip()


def columns_of_terminal() -> int | None:
    """How wide the terminal is; None where the answer goes into a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def as_json(document: object) -> str:
    """As kubectl prints it."""
    return json.dumps(document, indent=4, ensure_ascii=False, default=str)


def as_yaml(document: object) -> str:
    """As kubectl prints it."""
    import yaml  # noqa: PLC0415 - a table needs none

    text: str = yaml.safe_dump(
        json.loads(json.dumps(document, default=str)), allow_unicode=True, sort_keys=True, width=100
    )
    return text.rstrip()


def whole(document: Mapping[str, Any]) -> dict[str, Any]:
    """An object as kubectl shows it: without the book-keeping of who wrote what."""
    metadata = {k: v for k, v in (document.get("metadata") or {}).items() if k != "managedFields"}
    return {**document, "metadata": metadata}


def ago(span: timedelta) -> str:
    """A duration as kubectl writes an age."""
    seconds = max(int(span.total_seconds()), 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if days < 2:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d" if days < 730 else f"{days // 365}y"
