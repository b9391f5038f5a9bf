"""The dashboards are such as Grafana imports, and ask for what is exported."""

import json
import re
from typing import Any, Final

import pytest

from tests.monitoring.test_alerts import DASHBOARDS, asked_for, exported

ALL: Final[dict[str, dict[str, Any]]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS.glob("*.json")
}
# Of the many that Grafana knows.
UNITS: Final = {"short", "s", "ops", "reqps", "bytes", "percentunit"}
PANELS: Final = [(name, panel) for name, whole in ALL.items() for panel in whole["panels"]]


def test_there_is_one_of_releases_and_one_of_the_controller() -> None:
    assert set(ALL) == {"releases", "controller"}
    assert len({whole["uid"] for whole in ALL.values()}) == 2


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=[f"{n}-{p['title']}" for n, p in PANELS])
def test_a_panel_asks_for_what_there_is(name: str, panel: dict[str, Any]) -> None:
    assert panel["datasource"]["uid"] == "${datasource}"
    for target in panel["targets"]:
        found = asked_for(target["expr"])
        assert found
        assert found <= exported()


@pytest.mark.parametrize("name", ALL)
def test_a_dashboard_is_such_as_grafana_imports(name: str) -> None:
    whole = ALL[name]
    assert whole["schemaVersion"] >= 36
    assert re.fullmatch(r"[a-z-]{1,40}", whole["uid"])
    assert [one["type"] for one in whole["templating"]["list"]] == ["datasource"]
    numbers = [panel["id"] for panel in whole["panels"]]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=[f"{n}-{p['title']}" for n, p in PANELS])
def test_a_panel_says_what_it_shows_and_in_which_unit(name: str, panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 10
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS


@pytest.mark.parametrize("name", ALL)
def test_no_panel_covers_another(name: str) -> None:
    places = [panel["gridPos"] for panel in ALL[name]["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
