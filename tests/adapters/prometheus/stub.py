"""A local server that speaks as Prometheus does, keeps samples, and can misbehave on request."""

import gzip
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

SELECTOR: Final = re.compile(r"^(?P<name>\w*)\{(?P<matchers>.*)\}(\[(?P<seconds>\d+)s\])?$")
MATCHER: Final = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')
COUNT_BY: Final = re.compile(r"^count by \((?P<labels>[\w,]+)\) \((?P<selector>.*)\)$")
LOOKBACK_SECONDS: Final = 300
HANG_SECONDS_MAX: Final = 30


@dataclass(frozen=True)
class Request:
    path: str
    form: dict[str, str]
    headers: dict[str, str]
    connection: int

    @property
    def query(self) -> str:
        return self.form["query"]


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drip_seconds: float = 0.0


class Stub:
    """Answers instant queries of plain selectors, and `count by` of them, from `add`ed samples.

    A sample's value may be a native histogram: a mapping as the HTTP API shows one.

    `script` holds what to say instead, first come first served: an Answer, or "hang" or "cut".
    `told` holds it by a part of the query.
    `gate`, when given, is waited for before each answer.
    """

    def __init__(self) -> None:
        self.series: dict[str, tuple[dict[str, str], list[tuple[float, Any]]]] = {}
        self.requests: list[Request] = []
        self.script: list[Answer | str] = []
        self.told: dict[str, Answer | str] = {}
        self.always: Answer | str | None = None
        self.warnings: list[str] = []
        self.gate: threading.Event | None = None
        self.released = threading.Event()
        self.connections = 0
        self.url = ""

    def add(self, metric: str, labels: dict[str, str], samples: list[tuple[float, Any]]) -> None:
        whole = {"__name__": metric, **labels}
        key = json.dumps(whole, sort_keys=True)
        kept = self.series.setdefault(key, (whole, []))[1]
        kept.extend((time, v if isinstance(v, dict) else str(v)) for time, v in samples)

    def answer(self, form: dict[str, str]) -> Answer:
        at = float(form["time"])
        counted = [COUNT_BY.match(part) for part in form["query"].split(" or ")]
        if all(counted):
            rows = [row for match in counted if match for row in self.count(match, at)]
            return result(rows, "vector", self.warnings)
        match = SELECTOR.match(form["query"])
        if match is None:
            return refusal("bad_data", "parse error", 400)
        kind = "matrix" if match["seconds"] else "vector"
        return result(list(self.rows(match, at)), kind, self.warnings)

    def rows(self, match: re.Match[str], at: float) -> Iterator[dict[str, Any]]:
        seconds = match["seconds"]
        for labels, samples in self.series.values():
            if match["name"] not in ("", labels["__name__"]):
                continue
            if not matches(match["matchers"], labels):
                continue
            start = at - float(seconds or LOOKBACK_SECONDS)
            seen = [list(sample) for sample in samples if start < sample[0] <= at]
            native = bool(seen) and isinstance(seen[-1][1], dict)
            if seen and seconds:
                yield {"metric": labels, "histograms" if native else "values": seen}
            elif seen:
                yield {"metric": labels, "histogram" if native else "value": seen[-1]}

    def count(self, match: re.Match[str], at: float) -> Iterator[dict[str, Any]]:
        selector = SELECTOR.match(match["selector"])
        assert selector is not None
        groups: Counter[tuple[tuple[str, str], ...]] = Counter()
        for row in self.rows(selector, at):
            labels = row["metric"]
            groups[tuple((n, labels[n]) for n in match["labels"].split(",") if n in labels)] += 1
        for group, number in groups.items():
            yield {"metric": dict(group), "value": [at, str(number)]}


def matches(matchers: str, labels: dict[str, str]) -> bool:
    for name, operator, quoted in MATCHER.findall(matchers):
        wanted = quoted.replace(r"\"", '"').replace("\\\\", "\\")
        value = labels.get(name, "")
        found = bool(re.fullmatch(wanted, value)) if operator[-1] == "~" else wanted == value
        if found == operator.startswith("!"):
            return False
    return True


def result(rows: Any, kind: str, warnings: list[str] | None = None) -> Answer:
    envelope = {"status": "success", "data": {"resultType": kind, "result": rows}}
    if warnings:
        envelope["warnings"] = warnings
    return Answer(body=json.dumps(envelope).encode())


def refusal(kind: str, text: str, status: int) -> Answer:
    body = {"status": "error", "errorType": kind, "error": text}
    return Answer(status, json.dumps(body).encode())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def setup(self) -> None:
        super().setup()
        self.server.stub.connections += 1
        self.number = self.server.stub.connections

    def do_POST(self) -> None:
        stub = self.server.stub
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        fields = parse_qs(urlsplit(self.path).query) | parse_qs(body)
        form = {name: values[0] for name, values in fields.items()}
        stub.requests.append(Request(self.path, form, dict(self.headers), self.number))
        if stub.gate is not None:
            stub.gate.wait(HANG_SECONDS_MAX)
        told = [said for part, said in stub.told.items() if part in form["query"]]
        told = told or ([stub.script.pop(0)] if stub.script else [])
        said = told[0] if told else stub.always or stub.answer(form)
        if said == "hang":
            stub.released.wait(HANG_SECONDS_MAX)
            self.close_connection = True
        elif said == "cut":
            self.close_connection = True
        else:
            assert isinstance(said, Answer)
            self.say(said)

    do_GET = do_POST  # noqa: N815

    def say(self, said: Answer) -> None:
        body = said.body
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        if "gzip" in self.headers.get("Accept-Encoding", "") and not said.drip_seconds:
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not said.drip_seconds:
            self.wfile.write(body)
            return
        for byte in body:
            if self.server.stub.released.wait(said.drip_seconds):
                break
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                break
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    stub: Stub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


@contextmanager
def running() -> Iterator[Stub]:
    server = Server(("127.0.0.1", 0), Handler)
    server.stub = Stub()
    server.stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.stub
    finally:
        server.stub.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
