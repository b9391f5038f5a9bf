"""Tables that an administrator writes, in YAML or JSON; read again when their file has changed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import yaml

from controller.engine.ports import Refused

TABLE_BYTES_MAX: Final = 1_048_576
ROWS_MAX: Final = 10_000
PROBLEMS_MAX: Final = 10
_CHANGED_BY: Final = ("st_mtime_ns", "st_size", "st_ino", "st_dev")

T = TypeVar("T")


class Wrong(ValueError):
    """One row that cannot be used: what is wrong, and what to write."""


@dataclass(slots=True)
class Table(Generic[T]):
    """The rows of a file, each read by `read(key, value)`, which raises Wrong.

    `setting` is what named the file, `example` a line that is right.
    """

    path: Path
    setting: str
    example: str
    read: Callable[[str, Any], T]
    _rows: dict[str, T] = field(default_factory=dict)
    _seen: tuple[int, ...] = ()
    _problem: str = ""

    def rows(self) -> dict[str, T]:
        """As the file has them now. Raises Refused with all that is wrong with it.

        A broken file is no table: what an administrator took out of it must not stay in force.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            self._seen = ()
            raise Refused(self._say(f"cannot be read: {error.strerror}")) from None
        seen = tuple(int(getattr(status, name)) for name in _CHANGED_BY)
        if seen != self._seen:
            self._rows, self._problem = {}, ""
            try:
                self._rows = self._parsed()
            except ValueError as error:
                self._problem = self._say(str(error))
            self._seen = seen
        if self._problem:
            raise Refused(self._problem)
        return self._rows

    def _parsed(self) -> dict[str, T]:
        try:
            with self.path.open("rb") as file:
                raw = file.read(TABLE_BYTES_MAX + 1)
            if len(raw) > TABLE_BYTES_MAX:
                raise ValueError(f"is larger than {TABLE_BYTES_MAX} bytes")
            said = yaml.load(raw.decode(), Loader=_Loader)  # noqa: S506 - a SafeLoader
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError("is not UTF-8") from None
        except (yaml.YAMLError, RecursionError) as error:
            where = " ".join(str(error).split())[:300]
            raise ValueError(f"is neither YAML nor JSON: {where}") from None
        if said is None:
            return {}
        if not isinstance(said, dict) or len(said) > ROWS_MAX:
            raise ValueError(f"is not a table of at most {ROWS_MAX} rows")
        return self._read_rows(said)

    def _read_rows(self, said: dict[Any, Any]) -> dict[str, T]:
        rows: dict[str, T] = {}
        problems: list[str] = []
        for key, value in said.items():
            try:
                if not isinstance(key, str):
                    raise Wrong("the word on the left is no text: put it in quotes")  # noqa: TRY301
                rows[key] = self.read(key, value)
            except Wrong as wrong:
                problems.append(f"{key}: {wrong}")
        if problems:
            more = len(problems) - PROBLEMS_MAX
            rest = [f"and {more} more"] if more > 0 else []
            raise ValueError("; ".join([*problems[:PROBLEMS_MAX], *rest]))
        return rows

    def _say(self, what: str) -> str:
        return f"{self.setting} = {str(self.path)!r}: {what}; a line that is right: {self.example}"


class _Loader(yaml.SafeLoader):
    """A row said twice would be decided by the order of lines."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the vendor's signature
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        said = set()
        for key in keys:
            if isinstance(key, str) and key in said:
                raise yaml.YAMLError(f"{key} is there twice")
            said.add(str(key))
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return made
