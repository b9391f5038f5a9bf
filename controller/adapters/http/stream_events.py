"""The events of a stream as bytes: each is written once, for all who are told of it."""

import json
from collections.abc import Callable
from typing import Any, Final

from controller.adapters.http.portrait import glance, portrait
from controller.adapters.http.portrait_moments import moment
from controller.adapters.http.releases import Releases
from controller.domain.records import Ref
from controller.engine.journal import Entry

Paint = Callable[[Releases, Ref, bool], str]
"""The HTML of a Canary's page (True), or of its line in the list (False)."""

ID_DIGITS_MAX: Final = 18


def state(releases: Releases, ref: Ref, paint: Paint | None, *, whole: bool) -> bytes:
    """How a Canary is now: all of it or its line; painted, or as the API shows it.

    Empty when there is no such Canary in this view.
    """
    name = "canary" if whole else "glance"
    scene = releases.scene(ref)
    if scene is None:
        return b""
    if paint is not None:
        said: dict[str, Any] = _where(ref) | {"html": paint(releases, ref, whole)}
        return encoded(name, json.dumps(said, ensure_ascii=False))
    shape = portrait(releases, ref, course=False) if whole else glance(scene)
    assert shape is not None, "it is there in the same view"
    return encoded(name, shape.model_dump_json(by_alias=True))


def moment_event(epoch: str, entry: Entry) -> bytes:
    """Something was decided; its id tells from where on to send again."""
    said = moment(entry).model_dump(mode="json", by_alias=True)
    where: dict[str, Any] = _where(entry.ref) | {"number": entry.number}
    return encoded("moment", json.dumps(where | said), f"{epoch}-{entry.number}")


def gone_event(ref: Ref) -> bytes:
    """A Canary was deleted."""
    return encoded("gone", json.dumps(_where(ref)))


def gap_event(reason: str) -> bytes:
    """Moments after the last one that was had are missing, and why."""
    return encoded("gap", json.dumps({"reason": reason}))


def read_id(last: str) -> tuple[str, int] | None:
    """The epoch and the number in the id of a moment; None: it is not one of ours."""
    epoch, _, number = last.rpartition("-")
    if not epoch or not (number.isascii() and number.isdecimal()) or len(number) > ID_DIGITS_MAX:
        return None
    return epoch, int(number)


def encoded(event: str, data: str, event_id: str = "") -> bytes:
    """An event as it goes over the wire. JSON has no line breaks of its own."""
    assert not {"\n", "\r"} & set(data), "an event is one line"
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {event}\ndata: {data}\n\n".encode(errors="replace")


def _where(ref: Ref) -> dict[str, Any]:
    return {"namespace": ref.namespace, "name": ref.name}
