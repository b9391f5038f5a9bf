"""Which Kubernetes user a Slack user is: a table that an administrator writes."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controller.adapters.slack.tables import Table, Wrong
from controller.engine.ports import Person, Refused

EXAMPLE: Final = "{user: ada@example.org, groups: [release-managers]}"
GROUPS_MAX: Final = 100
NAME_CHARACTERS_MAX: Final = 253
# What the API server adds to everybody whom it knows.
AUTHENTICATED: Final = "system:authenticated"

_ID: Final = re.compile(r"[UW][A-Z0-9]{2,20}")
_FIELDS: Final = frozenset({"user", "groups"})

log = logging.getLogger(__name__)


@dataclass(slots=True)
class People:
    """Slack users by id."""

    table: Table[Person]

    @classmethod
    def load(cls, path: Path) -> "People":
        """Raises Refused with all that is wrong with the file."""
        people = cls(_table(path))
        people.table.rows()
        return people

    @classmethod
    def opened(cls, path: Path) -> "People":
        """As `load`, but a broken file is told in the log: it lets nobody in until it is mended.

        A slip in a table is no reason for a controller not to start.
        """
        try:
            return cls.load(path)
        except Refused as broken:
            log.error("Slack: %s", broken)  # noqa: TRY400 - no bug
            return cls(_table(path))

    def person(self, user: str) -> Person | None:
        """None: nobody that we know. Raises Refused when the table cannot be used any more."""
        return self.table.rows().get(user)

    def how_to_add(self, user: str) -> str:
        """What to ask the administrator for."""
        return (
            f"ask the administrator of canary-controller to add a line for your Slack user id "
            f"{user} to the file {self.table.path} (setting slack_users_file), such as\n"
            f"{user}: {EXAMPLE}\nwith your own Kubernetes user and groups"
        )


def _table(path: Path) -> "Table[Person]":
    return Table(path, "slack_users_file", f"U0123ABCD: {EXAMPLE}", _person)


def _person(user: str, said: Any) -> Person:
    if not _ID.fullmatch(user):
        raise Wrong("is no Slack user id: it begins with U or W (profile > ... > Copy member ID)")
    if not isinstance(said, dict):
        raise Wrong(f"{repr(said)[:80]} is no pair of user and groups: write {EXAMPLE}")
    unknown = sorted(str(name) for name in said.keys() - _FIELDS)
    if unknown:
        raise Wrong(f"{', '.join(unknown)[:80]} is not known: write {EXAMPLE}")
    groups = said.get("groups") or []
    if not isinstance(groups, list) or len(groups) > GROUPS_MAX or not all(map(_is_name, groups)):
        raise Wrong(f"groups is no list of at most {GROUPS_MAX} names: write {EXAMPLE}")
    if not _is_name(said.get("user")):
        raise Wrong(f"user is missing or no name: write {EXAMPLE}")
    return Person(name=said["user"], groups=tuple(dict.fromkeys([*groups, AUTHENTICATED])))


def _is_name(text: object) -> bool:
    return (
        isinstance(text, str)
        and 0 < len(text) <= NAME_CHARACTERS_MAX
        and text.isprintable()
        and text == text.strip()
    )
