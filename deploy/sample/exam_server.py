"""The exam server of the incident: three routes, a rarely used one of which can kill the process.

Only the standard library, metrics included: ten of these start at once on a small machine.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROUTES = {"/exam": 0.004, "/submit": 0.008, "/lti/launch": 0.006}  # usual seconds of work
BUGS = (
    "none",
    "crash-on-lti",
    "crash-on-start",
    "500-on-lti",
    "500-everywhere",
    "slow-on-lti",
    "slow",
    "leak",
    "bloat",
    "never-ready",
    "hang",
)
# The names and buckets of OpenTelemetry's semantic conventions, as its exporter writes them.
METRIC = "http_server_request_duration_seconds"
MEMORY = "process_resident_memory_bytes"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
BLOAT_BYTES = 40 << 20


class LtiLaunchError(Exception):
    """The learning platform sent a launch that this version cannot read."""


class Histograms:
    """Request durations by route, method and status code."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, int], list[int]] = {}
        self._sums: dict[tuple[str, str, int], float] = {}

    def observe(self, labels: tuple[str, str, int], seconds: float) -> None:
        with self._lock:
            counts = self._counts.setdefault(labels, [0] * (len(BUCKETS) + 1))
            for index, bound in enumerate((*BUCKETS, float("inf"))):
                if seconds <= bound:
                    counts[index] += 1
            self._sums[labels] = self._sums.get(labels, 0.0) + seconds

    def text(self) -> str:
        lines = [f"# HELP {METRIC} Duration of HTTP server requests.", f"# TYPE {METRIC} histogram"]
        with self._lock:
            for (route, method, code), counts in self._counts.items():
                names = (
                    f'http_route="{route}",http_request_method="{method}",'
                    f'http_response_status_code="{code}"'
                )
                for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                    lines.append(f'{METRIC}_bucket{{{names},le="{bound}"}} {count}')
                lines.append(f"{METRIC}_sum{{{names}}} {self._sums[route, method, code]}")
                lines.append(f"{METRIC}_count{{{names}}} {counts[-1]}")
        return "\n".join(lines) + "\n"


def memory_text() -> str:
    """What the process holds, by the name that Prometheus' own client libraries use."""
    lines = [f"# HELP {MEMORY} Resident memory size in bytes.", f"# TYPE {MEMORY} gauge"]
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # starts faster
        lines.append(f"{MEMORY} {int(statm.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')}")
    return "\n".join(lines) + "\n"


class Exam:
    """What the server does for one request, its version's bug included."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.durations = Histograms()
        self.draining = False
        self._dice = random.Random(os.environ.get("POD_NAME", ""))  # as different as the pods are
        bloat = BLOAT_BYTES if options.bug == "bloat" else 0
        self._leaked = [bytearray(os.urandom(bloat))]

    def answer(self, route: str) -> int:
        time.sleep(ROUTES[route] * self._dice.uniform(0.6, 1.6))
        lti = route == "/lti/launch"
        if self._dice.random() < self.options.bug_rate:
            match self.options.bug:
                case "crash-on-lti" if lti:
                    self._crash()
                case "500-on-lti" if lti:
                    return 500
                case "500-everywhere":
                    return 500
                case "slow-on-lti" if lti:
                    time.sleep(self.options.slow_seconds)
                case "slow":
                    time.sleep(self.options.slow_seconds)
                case "leak":
                    self._leaked.append(bytearray(os.urandom(1 << 20)))
                case "hang":
                    time.sleep(3600)
                case _:
                    pass
        return 500 if self._dice.random() < self.options.error_rate else 200

    def _launch(self) -> None:
        raise LtiLaunchError("launch without 'resource_link' from the platform")

    def _crash(self) -> None:
        try:
            self._launch()
        except LtiLaunchError:
            traceback.print_exc()
        print("fatal: unhandled error in request worker, server stops", file=sys.stderr, flush=True)
        os._exit(self.options.exit_code)

    def healthy(self) -> bool:
        return not self.draining and self.options.bug != "never-ready"


def handler(exam: Exam) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._send(200, exam.durations.text() + memory_text())
            elif path == "/healthz":
                self._send(200 if exam.healthy() else 503, "")
            elif path in ROUTES:
                started = time.perf_counter()
                code = exam.answer(path)
                seconds = time.perf_counter() - started
                exam.durations.observe((path, self.command, code), seconds)
                self._send(code, f"{exam.options.version}\n")
            else:
                self._send(404, "")

        do_POST = do_GET  # noqa: N815  # the name is the base class's

        def _send(self, code: int, body: str) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent: what matters in the log is how the process died."""

    return Handler


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", default="v1")
    parser.add_argument("--bug", choices=BUGS, default="none")
    parser.add_argument("--bug-rate", type=float, default=1.0, help="of the requests it can hit")
    parser.add_argument("--error-rate", type=float, default=0.0, help="of any version, 0 to 1")
    parser.add_argument("--slow-seconds", type=float, default=0.3)
    parser.add_argument("--exit-code", type=int, default=1)
    parser.add_argument("--startup-seconds", type=float, default=0.0)
    parser.add_argument("--drain-seconds", type=float, default=2.0)
    parser.add_argument("--drained-exit-code", type=int, default=0, help="143 as many programs")
    exam = Exam(parser.parse_args())
    if exam.options.bug == "crash-on-start":
        sys.exit("fatal: cannot read configuration: unknown key 'lti.platforms'")
    time.sleep(exam.options.startup_seconds)
    address = (os.environ.get("POD_IP", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    server = Server(address, handler(exam))

    def drain(*_: object) -> None:
        # Requests still come until everybody has heard that this pod is going.
        exam.draining = True
        threading.Timer(exam.options.drain_seconds, server.shutdown).start()

    signal.signal(signal.SIGTERM, drain)
    print(f"exam server {exam.options.version} listens on {address[0]}:{address[1]}", flush=True)
    server.serve_forever(poll_interval=0.1)
    sys.exit(exam.options.drained_exit_code)


if __name__ == "__main__":
    main()
