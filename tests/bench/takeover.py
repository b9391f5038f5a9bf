"""After how long another replica leads: when the leader was killed, and when it was told to stop.

`python -m tests.bench.takeover`: real processes on a real control plane, an empty namespace.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from tests.e2e import charted
from tests.e2e.rig.build import RigUnavailable
from tests.e2e.rig.world import World
from tests.e2e.stage import Controller, Stage, install

ROUNDS: Final = 5
LOOK_SECONDS: Final = 0.02
LIMIT_SECONDS: Final = 60


def main() -> int:
    """Print percentiles for both."""
    try:
        with World() as world:
            measure(world, install(world))
    except RigUnavailable as error:
        print(f"takeover: {error.reason}", file=sys.stderr)
        return 1
    return 0


def measure(world: World, account: Path) -> None:
    stage = Stage(world, account, world.namespace("takeover"))
    took: dict[signal.Signals, list[float]] = {signal.SIGKILL: [], signal.SIGTERM: []}
    replicas = {name: Controller(stage, name).start() for name in ("a", "b")}
    try:
        for how, seconds in took.items():
            for _ in range(ROUNDS):
                leader = wait(world, set(replicas))
                process = replicas[leader].process
                assert process is not None
                began = time.monotonic()
                os.kill(process.pid, how)
                wait(world, set(replicas) - {leader})
                seconds.append(time.monotonic() - began)
                replicas[leader].stop()
                replicas[leader].start()
    finally:
        for one in replicas.values():
            one.stop()
    for how, seconds in took.items():
        ordered = sorted(seconds)
        middle, worst = ordered[len(ordered) // 2], ordered[-1]
        print(f"{how.name}: another leads after {middle:.1f} s (median of {ROUNDS}), {worst:.1f} s")


def wait(world: World, names: set[str]) -> str:
    """The one of these that leads, as soon as one does."""
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end:
        lease = world.api.find("Lease", charted.NAME, charted.NAME) or {"spec": {}}
        holder = str(lease["spec"].get("holderIdentity") or "")
        name = holder.rpartition("-")[0]
        if name in names:
            return name
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"none of {names} leads after {LIMIT_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main())
