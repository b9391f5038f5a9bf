"""What a whole release leaves behind for people: Events, its record, and what replays it."""

import subprocess
import sys
from collections import Counter
from typing import Any, Final

from tests.e2e.house import COMMAND_SECONDS_MAX, House
from tests.e2e.rig.processes import REPOSITORY

TOLD: Final = {
    "CanaryHeld",
    "CanaryStarted",
    "Holding",
    "StepPassed",
    "CommandTaken",
    "RollingBack",
    "RolledBack",
    "Quarantined",
    "QuarantineLifted",
}


def ask(house: House, action: str, **said: Any) -> str:
    """The operator asks, and it is done; returns the command's id."""
    key = f"key-{len(house.stage.status.get('commands', []))}"
    answer = house.post(action, house.token("operator"), key=key, **said)
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["id"]
    assert house.wait_command(found)["taken"]
    return found


def test_a_whole_release_is_told_by_events_and_a_repeat_is_counted(house: House) -> None:
    house.hold()
    ids = [ask(house, "promote", step=1), ask(house, "hold"), ask(house, "resume")]
    ids += [ask(house, "hold"), ask(house, "rollback", reason="too slow")]
    house.stage.wait_phase("RolledBack", seconds=60)
    house.world.wait_rolled_out(house.namespace)
    house.stage.push(f"v{house.versions}")
    house.stage.wait_phase("Quarantined", seconds=60)
    ids.append(ask(house, "retry"))
    house.stage.wait_phase("Analysing", seconds=60)

    def told() -> bool:
        return all(set(_reasons(house, kind)) >= TOLD for kind in ("Canary", "Deployment"))

    house.world.wait_until(told, COMMAND_SECONDS_MAX, f"Events with {TOLD}")
    for kind in ("Canary", "Deployment"):
        ours = _events(house, kind)
        said = Counter((e["reason"], e["message"]) for e in ours)
        assert set(said.values()) == {1}, "what is said again is counted, not repeated"
        held = [e["count"] for e in ours if e["reason"] == "Holding" and "operator" in e["message"]]
        assert held == [2]
    status = house.stage.status
    asked = [c["id"] for c in status["commands"] if c["by"] == house.user("operator")]
    assert asked[-len(ids) :] == ids
    assert "too slow" in status["history"][-1]["reason"]


def _events(house: House, kind: str) -> list[dict[str, Any]]:
    found = house.world.api.list("Event", house.namespace, fields=f"involvedObject.kind={kind}")
    return [e for e in found if e["source"]["component"] == "canary-controller"]


def _reasons(house: House, kind: str) -> list[str]:
    return [event["reason"] for event in _events(house, kind)]


def test_a_release_is_watched_over_a_pipe(house: House) -> None:
    house.hold()
    shown = house.watch("status", "exam", "--watch", as_account="operator")
    shown.wait_until(lambda: "Holding" in shown.tail(), seconds=30, what="a first picture")
    ask(house, "promote", step=1)
    shown.wait_until(lambda: "2 of 3" in shown.tail(), seconds=30, what="the second step")
    shown.stop()
    assert "\x1b" not in shown.log.read_text(), "a pipe is no terminal"
    ended = house.kubectl("status", "exam", "--exit-code", as_account="operator")
    assert ended.returncode == 10, ended.stdout + ended.stderr


def test_a_recorded_decision_is_fetched_and_explained(house: House) -> None:
    house.hold()
    token = house.token("viewer")
    entries = house.get(f"{house.path}/journal", token).json()["items"]
    number = entries[-1]["number"]
    entry = house.get(f"{house.path}/journal/{number}", token)
    assert entry.status_code == 200, entry.text
    file = house.world.folder / f"{house.namespace}-{number}.entry"
    file.write_bytes(entry.content)
    explained = subprocess.run(
        [sys.executable, "-m", "controller", "explain", str(file)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert explained.returncode == 0, explained.stdout + explained.stderr
    assert "exam" in explained.stdout
