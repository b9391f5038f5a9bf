"""An HTTP session that keeps to a deadline, really posts, and remembers what the client drops."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
PIECE_BYTES: Final = 256 * 1024
TOKEN_BYTES_MAX: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on a clock of seconds by which everything has to be over."""

    at: float
    clock: Callable[[], float]

    @property
    def left_seconds(self) -> float:
        return self.at - self.clock()


class BearerFile(AuthBase):
    """A bearer token read anew for each request: the kubelet replaces projected tokens."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        with self.path.open(encoding="utf-8") as file:
            token = file.read(TOKEN_BYTES_MAX).strip()
        request.headers["Authorization"] = f"Bearer {token}"
        return request


class Exchange(threading.local):
    """What the last answer in this thread said beside its result."""

    deadline: Deadline | None = None
    status = 0
    location = ""
    body = b""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the answer itself calls incomplete; empty when it says nothing."""
        return self._remarks("warnings")

    @property
    def infos(self) -> tuple[str, ...]:
        return self._remarks("infos")

    def _remarks(self, kind: str) -> tuple[str, ...]:
        # Looking for the word first saves parsing a long answer a second time.
        if f'"{kind}"'.encode() not in self.body:
            return ()
        remarks = self.envelope.get(kind)
        return tuple(str(remark) for remark in remarks) if isinstance(remarks, list) else ()

    @property
    def envelope(self) -> dict[str, Any]:
        """The answer's outer object; empty when the body is not one."""
        try:
            parsed = json.loads(self.body)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}


class TooLong(requests.RequestException):
    """The answer is larger than we are prepared to hold."""


class Session(requests.Session):
    """What `PrometheusConnect` speaks through."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange
        # A proxy or a .netrc of the environment would replace our Authorization header.
        self.trust_env = False

    def request(  # type: ignore[override]
        self, method: str, url: str, *, params: Any = None, **options: Any
    ) -> requests.Response:
        """Send parameters of a POST in the body; take the whole answer before the deadline.

        The client leaves them in the URL, where proxies stop at 8 KB. A redirect is not followed:
        it leads to a login page, and turns a POST into a GET.
        """
        said = self.exchange
        said.status, said.location, said.body = 0, "", b""
        if method == "POST":
            options["data"], params = params, None
        options |= {"stream": True, "allow_redirects": False}
        response = super().request(method, url, params=params, **options)
        body = _body(response, said.deadline)
        # The documented way to hand a body to a response is none; `content` reads these two.
        response._content = body
        response._content_consumed = True  # type: ignore[attr-defined]
        said.status, said.body = response.status_code, body
        said.location = response.headers.get("Location", "")
        return response


def adapter(connections: int) -> HTTPAdapter:
    """A connection pool for so many threads. Retries are ours alone."""
    return HTTPAdapter(pool_maxsize=connections, max_retries=urllib3.Retry(0))


def _body(response: requests.Response, deadline: Deadline | None) -> bytes:
    """The whole body, bounded in size and time: a read timeout starts anew with every byte."""
    pieces, size = [], 0
    try:
        while piece := response.raw.read1(PIECE_BYTES, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > BODY_BYTES_MAX:
                response.close()
                raise TooLong(f"the answer is longer than {BODY_BYTES_MAX} bytes")
            if deadline is not None and deadline.left_seconds <= 0:
                response.close()
                raise requests.exceptions.ReadTimeout("the answer took too long")
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.exceptions.ReadTimeout(str(error)) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(str(error)) from error
    return b"".join(pieces)
