"""One Prometheus server asked one query; whatever goes wrong is named, not raised."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from prometheus_api_client import PrometheusApiClientException, PrometheusConnect
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_random

from controller.adapters.prometheus.series import Series, parse
from controller.adapters.prometheus.session import (
    BearerFile,
    Deadline,
    Exchange,
    Session,
    TooLong,
    adapter,
)
from controller.domain.readings import Missing

CONNECT_TIMEOUT_MAX_SECONDS: Final = 2.0
ATTEMPTS_MAX: Final = 2
ATTEMPT_MIN_SECONDS: Final = 0.2  # less than this left is not worth a second try
DETAIL_MAX: Final = 300

T = TypeVar("T")

UNREACHABLE: Final = "unreachable"
TIMEOUT: Final = "timeout"
REFUSED: Final = "refused"
PARTIAL: Final = "partial"
UNREADABLE: Final = "unreadable"

# Statuses of a server or proxy in trouble: the same question may be answered a moment later.
AWAY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
HINTS: Final[Mapping[int, str]] = {
    401: "the bearer token is missing or not accepted",
    403: "the bearer token may not query",
    404: "there is no Prometheus API at this address",
    413: "a proxy in between limits the size of a query",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where Prometheus is and how it is spoken to."""

    url: str
    timeout_seconds: float = 5.0
    bearer_token_file: Path | None = None
    ca_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    connections: int = 4


class Server:
    """Blocking; made to be called from several threads, each call within its deadline."""

    def __init__(self, address: Address) -> None:
        self.host = urlsplit(address.url).netloc.rpartition("@")[2]
        self.exchange = Exchange()
        session = Session(self.exchange)
        session.verify = str(address.ca_file) if address.ca_file else True
        token = address.bearer_token_file
        url = address.url.rstrip("/")
        self.client = PrometheusConnect(
            url=url,
            headers=dict(address.headers),
            auth=BearerFile(token) if token else None,
            session=session,
            timeout=address.timeout_seconds,
            retry=urllib3.Retry(0),
            method="POST",
        )
        # The client has just mounted an adapter of its own, with a pool that may be too small.
        session.mount(url, adapter(address.connections))

    def close(self) -> None:
        self.client.close()

    def query(self, query: str, at: int, deadline: Deadline) -> list[Series] | Missing:
        """The series that `query` selects as of `at`, in milliseconds; tried twice if need be."""
        return self.read(query, at, deadline, parse)

    def read(
        self, query: str, at: int, deadline: Deadline, parse: Callable[[object], T | Missing]
    ) -> T | Missing:
        """What `parse` makes of the result of `query` as of `at`; tried twice if need be."""
        answer: T | Missing = Retrying(
            stop=lambda state: (
                stop_after_attempt(ATTEMPTS_MAX)(state)
                or deadline.left_seconds < ATTEMPT_MIN_SECONDS
            ),
            wait=wait_random(0.05, 0.2),
            retry=retry_if_result(
                lambda result: isinstance(result, Missing) and result.reason == UNREACHABLE
            ),
            retry_error_callback=_last,
        )(self._attempt, query, at, deadline, parse)
        return answer

    def _attempt(
        self, query: str, at: int, deadline: Deadline, parse: Callable[[object], T | Missing]
    ) -> T | Missing:
        left = deadline.left_seconds
        if left <= 0:
            return Missing(TIMEOUT, f"{self.host} has not answered")
        self.exchange.deadline = deadline
        try:
            result = self.client.custom_query(
                query,
                # A little less than we wait ourselves, so that Prometheus says so and stops.
                params={"time": f"{at / 1_000:.3f}", "timeout": f"{max(1, round(left * 900))}ms"},
                timeout=(min(CONNECT_TIMEOUT_MAX_SECONDS, left), left),
            )
            return self._checked(parse(result))
        except PrometheusApiClientException:
            return self._refusal()
        except requests.JSONDecodeError:
            return self._unreadable()
        except TooLong as error:
            return Missing(REFUSED, f"{self.host}: {error}")
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            return Missing(UNREADABLE, f"{self.host} answered something else: {error}"[:DETAIL_MAX])
        except (requests.RequestException, OSError) as error:
            return self._failure(error)

    def _checked(self, found: T | Missing) -> T | Missing:
        """A partial answer is none: what is left out may be the canary's errors."""
        warnings = self.exchange.warnings
        if warnings:
            return Missing(PARTIAL, f"{self.host} warns: {'; '.join(warnings)}"[:DETAIL_MAX])
        return found

    def _refusal(self) -> Missing:
        said = self.exchange
        envelope = said.envelope
        kind, text = str(envelope.get("errorType", "")), str(envelope.get("error", ""))
        detail = f"{self.host} answered {said.status}"
        detail += f", {kind}: {text}"[:DETAIL_MAX] if kind or text else ""
        if kind in {"timeout", "canceled"}:
            return Missing(TIMEOUT, detail)
        if said.status in AWAY:
            return Missing(UNREACHABLE, detail)
        if said.location:
            return Missing(REFUSED, f"{detail}, a redirect to {said.location}"[:DETAIL_MAX])
        hint = HINTS.get(said.status, "") if not kind else ""
        return Missing(REFUSED, f"{detail}: {hint}" if hint else detail)

    def _unreadable(self) -> Missing:
        start = re.sub(r"\s+", " ", self.exchange.body[:80].decode(errors="replace"))
        return Missing(UNREADABLE, f"{self.host} answered no JSON but: {start}")

    def _failure(self, error: Exception) -> Missing:
        # A timeout to connect is both; the host not being there is what it says.
        if isinstance(error, requests.ConnectTimeout):
            return Missing(UNREACHABLE, f"{self.host} does not accept a connection in time")
        if isinstance(error, requests.Timeout):
            return Missing(TIMEOUT, f"{self.host} has not answered")
        return Missing(UNREACHABLE, f"{self.host}: {_cause(error)}"[:DETAIL_MAX])


def _last(state: RetryCallState) -> Any:
    """What the last attempt said, when there is no further."""
    assert state.outcome is not None
    return state.outcome.result()


def _cause(error: BaseException) -> str:
    """The innermost reason: "Connection refused" rather than three layers of wrapping."""
    for _ in range(10):
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)
