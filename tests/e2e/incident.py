"""Replays the incident for real: once with the controller, once without, and tells both stories.

A rolling update ships an exam server whose process dies on every LTI launch, one request in a
hundred. Everything is real: control plane, processes, traffic, Prometheus.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.channel import Channel
from tests.e2e.rig.build import RigUnavailable
from tests.e2e.rig.world import World
from tests.e2e.sightings import Sightings
from tests.e2e.stage import Stage, install

WATCHED_SECONDS: Final = 180
REPLICAS: Final = 10
RATE: Final = 100.0
MIX: Final = {"/exam": 80.0, "/submit": 19.0, "/lti/launch": 1.0}
# What users would write for a service of this size; the step lasts longer than the story.
SPEC: Final[dict[str, Any]] = {
    "steps": [{"canary": 1, "minDuration": "2m", "maxDuration": "30m"}],
    "analysis": {},
    "bake": "10m",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One replay; times in seconds since the push, None where it did not happen."""

    controller: bool
    first_crash_s: float | None
    deciding_crash_s: float | None
    rollback_patch_s: float | None
    stable_ready_s: float | None
    requests: int
    failed: int
    outcome: str

    @property
    def failed_share(self) -> float:
        return self.failed / self.requests if self.requests else 0.0


def replay(world: World, account: Path, *, controlled: bool) -> Run:
    """Push the bad version and watch for three minutes."""
    say(f"\n=== {'With' if controlled else 'Without'} the controller ===")
    namespace = world.namespace("incident")
    with Channel() as channel:
        stage = Stage(world, account, namespace, channel)
        prepare(stage, controlled=controlled)
        try:
            with world.traffic(namespace, rate=RATE, mix=MIX) as users:
                time.sleep(3)
                run = story(stage, users, controlled=controlled)
            if controlled:
                show_message(channel)
        finally:
            stage.controller.stop()
            world.api.delete("Namespace", namespace)
    return run


def prepare(stage: Stage, *, controlled: bool) -> None:
    if controlled:
        stage.settle(replicas=REPLICAS, spec=SPEC)
    else:
        stage.world.deploy(stage.namespace, replicas=REPLICAS)
        stage.world.wait_rolled_out(stage.namespace)


def story(stage: Stage, users: Any, *, controlled: bool) -> Run:
    sightings = Sightings(stage.world, stage.namespace, stable="v1", canary="v2")
    with sightings:
        push = time.time()
        stage.push("v2", "--bug=crash-on-lti")
        say("  0.0 s  push: v2 is applied (its process dies on every LTI launch)")
        told: set[str] = set()
        while time.time() < push + WATCHED_SECONDS:
            for name, at in sightings.timeline():
                if name not in told:
                    told.add(name)
                    say(f"{at - push:5.1f} s  {name}")
            time.sleep(0.1)
        seen = users.counts(since=push, until=push + WATCHED_SECONDS)
        outcome = end_of(stage) if controlled else "crashing for ever"
    return Run(
        controller=controlled,
        first_crash_s=since(push, sightings.first_crash),
        deciding_crash_s=since(push, sightings.deciding_crash),
        rollback_patch_s=since(push, sightings.rollback_patch),
        stable_ready_s=since(push, sightings.stable_ready),
        requests=seen.total(),
        failed=seen.failed(),
        outcome=outcome,
    )


def end_of(stage: Stage) -> str:
    status = stage.status
    history = status.get("history", [])
    return str(history[-1]["result"] if history else status.get("phase"))


def since(push: float, at: float | None) -> float | None:
    return None if at is None else round(at - push, 3)


def show_message(channel: Channel) -> None:
    """The Slack message as a person reads it."""
    told = channel.of("was rolled back")
    if not told:
        say("No Slack message told of a rollback.")
        return
    say("\nThe Slack message:")
    for block in told[-1]["blocks"]:
        for text in texts(block):
            for line in text.splitlines():
                say(f"  | {line}")


def texts(block: Any) -> list[str]:
    """Every text of a block, in reading order."""
    if isinstance(block, dict):
        own = [block["text"]] if isinstance(block.get("text"), str) else []
        return own + [t for key, value in block.items() if key != "type" for t in texts(value)]
    if isinstance(block, list):
        return [t for item in block for t in texts(item)]
    return []


def summary(runs: Sequence[Run]) -> None:
    """With and without side by side, medians over the runs."""
    sides = [[r for r in runs if r.controller], [r for r in runs if not r.controller]]
    say(f"\n{'':34}{'with':>12}{'without':>12}")
    rows = {
        "first crash after the push (s)": "first_crash_s",
        "deciding crash after the push (s)": "deciding_crash_s",
        "rollback PATCH after the push (s)": "rollback_patch_s",
        "all pods stable and Ready (s)": "stable_ready_s",
        "requests in 3 minutes": "requests",
        "of them failed": "failed",
    }
    for title, field in rows.items():
        cells = [median([getattr(run, field) for run in side]) for side in sides]
        say(f"{title:34}{cells[0]:>12}{cells[1]:>12}")
    decided = [r for r in sides[0] if r.rollback_patch_s and r.deciding_crash_s]
    if decided:
        lags = [r.rollback_patch_s - r.deciding_crash_s for r in decided]  # type: ignore[operator]
        say(f"from the deciding death to the rollback PATCH: median {median(lags, 3)} s")
    back = [r for r in sides[0] if r.stable_ready_s and r.deciding_crash_s]
    if back:
        lags = [r.stable_ready_s - r.deciding_crash_s for r in back]  # type: ignore[operator]
        say(f"from the deciding death to all pods stable and Ready: median {median(lags)} s")
    without = sum(r.failed for r in sides[1])
    if without:
        share = sum(r.failed for r in sides[0]) / without
        say(f"failed requests with the controller: {share:.2%} of those without")


def median(values: Sequence[float | None], digits: int = 1) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.median(known):.{digits}f}".removesuffix(".0") if known else "-"


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make incident", description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="how often both are replayed")
    parser.add_argument("--json", type=Path, help="write the figures of every run to this file")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error(f"--runs {options.runs}: at least 1 is needed")
    try:
        with World() as world:
            account = install(world)
            runs = [
                replay(world, account, controlled=controlled)
                for _ in range(options.runs)
                for controlled in (True, False)
            ]
    except RigUnavailable as error:
        say(f"The incident needs a real control plane: {error.reason}")
        return 2
    summary(runs)
    if options.json:
        options.json.write_text(json.dumps({"runs": [asdict(run) for run in runs]}, indent=2))
    caught = all(run.outcome == "RolledBack" for run in runs if run.controller)
    say("\nRolled back by itself." if caught else "\nNOT rolled back: see above.")
    return 0 if caught else 1


if __name__ == "__main__":
    sys.exit(main())
