"""A Slack channel of our own: an HTTP server that takes what an incoming webhook takes."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Channel:
    """Messages in the order in which they came."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}/services/T0/B0/secret"

    @property
    def texts(self) -> list[str]:
        """Each message whole, as a person could read it: fallback and blocks."""
        return [json.dumps(message, ensure_ascii=False) for message in self.messages]

    def of(self, word: str) -> list[dict[str, Any]]:
        """Messages with this word in their fallback text."""
        return [m for m in self.messages if word in m.get("text", "")]

    def __enter__(self) -> "Channel":
        channel = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                channel.posts.append(({k.lower(): v for k, v in self.headers.items()}, body))
                channel.messages.append(json.loads(body))
                channel.times.append(time.time())
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
