"""The test's handle on a traffic generator: start it, change it, count what its users saw."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tests.e2e.rig.processes import Process

USUAL_MIX: Final = {"/exam": 80.0, "/submit": 19.0, "/lti/launch": 1.0}


@dataclass(frozen=True, slots=True)
class Seen:
    """What users saw: requests by route and outcome (ok, 4xx, 5xx, refused, broken, timeout)."""

    by_route: dict[str, Counter[str]]

    def total(self, route: str = "") -> int:
        return sum(sum(c.values()) for r, c in self.by_route.items() if route in {"", r})

    def ok(self, route: str = "") -> int:
        return sum(c["ok"] for r, c in self.by_route.items() if route in {"", r})

    def failed(self, route: str = "") -> int:
        return self.total(route) - self.ok(route)


class Traffic:
    """`mix` gives each route its weight; a route is a path, or a method and a path."""

    def __init__(
        self,
        kubeconfig: Path,
        namespace: str,
        service: str,
        *,
        folder: Path,
        rate: float = 100.0,
        mix: dict[str, float] | None = None,
        seed: int = 1,
    ) -> None:
        self.lines = folder / f"traffic-{namespace}-{service}-{time.time_ns()}.jsonl"
        self._argv: list[str | Path] = [
            sys.executable,
            "-m",
            "tests.e2e.rig.traffic",
            "--kubeconfig",
            kubeconfig,
        ]
        self._argv += ["--namespace", namespace, "--service", service, "--out", self.lines]
        self._argv += ["--rate", str(rate), "--mix", json.dumps(mix or USUAL_MIX)]
        self._argv += ["--seed", str(seed)]
        self._process: Process | None = None

    def start(self) -> Traffic:
        """Returns when the first users were served, or not: the first second is counted."""
        self._process = Process("traffic", self._argv, log=self.lines.with_suffix(".log"))
        self._process.wait_until(self.seconds, seconds=20, what="the first second")
        return self

    def change(self, *, rate: float | None = None, mix: dict[str, float] | None = None) -> None:
        assert self._process is not None, "start it first"
        wanted = {"rate": rate, "mix": mix}
        self._process.write(json.dumps({k: v for k, v in wanted.items() if v is not None}))

    def seconds(self) -> list[dict[str, Any]]:
        """One record a second: its end as `time` (Unix), `counts` by route and outcome, `ready`."""
        if not self.lines.exists():
            return []
        lines = self.lines.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def counts(self, *, since: float = 0.0, until: float = float("inf")) -> Seen:
        """Everything that ended between the two Unix times."""
        by_route: dict[str, Counter[str]] = {}
        for second in self.seconds():
            if since <= second["time"] <= until:
                for route, outcomes in second["counts"].items():
                    by_route.setdefault(route, Counter()).update(outcomes)
        return Seen(by_route)

    def stop(self) -> Seen:
        if self._process is not None:
            self._process.stop()
        return self.counts()

    def __enter__(self) -> Traffic:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
