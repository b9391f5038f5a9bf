"""Whatever a server does wrong is named, in bounded time, and asked twice only where that helps."""

import threading
import time
from pathlib import Path

import pytest

from controller.adapters.prometheus.series import Series
from controller.adapters.prometheus.server import Address, Server
from controller.adapters.prometheus.session import BODY_BYTES_MAX, Deadline
from controller.domain.readings import Missing
from tests.adapters.prometheus.stub import Answer, Stub, refusal, result, running

QUERY = 'requests_total{pod=~"a"}[60s]'


def ask(
    url: str,
    query: str = QUERY,
    *,
    seconds: float = 5.0,
    token: Path | None = None,
    headers: dict[str, str] | None = None,
) -> list[Series] | Missing:
    server = Server(Address(url=url, bearer_token_file=token, headers=headers or {}))
    try:
        deadline = Deadline(time.perf_counter() + seconds, time.perf_counter)
        return server.query(query, 1_000_000, deadline)
    finally:
        server.close()


def reason(found: list[Series] | Missing) -> str:
    assert isinstance(found, Missing), found
    return found.reason


def filled(stub: Stub) -> None:
    stub.add("requests_total", {"pod": "a"}, [(990.0, 1), (995.5, "NaN"), (999.123, 7)])


def test_raw_samples_come_back_with_their_times() -> None:
    with running() as stub:
        filled(stub)
        assert ask(stub.url) == [
            Series({"__name__": "requests_total", "pod": "a"}, ((990_000, 1.0), (999_123, 7.0)))
        ]


def test_nan_infinite_and_negative_samples_are_no_data() -> None:
    with running() as stub:
        stub.add("requests_total", {"pod": "a"}, [(990, "NaN"), (991, "+Inf"), (992, "-1")])
        assert ask(stub.url) == []


def test_a_query_goes_in_the_body_however_long_it_is() -> None:
    with running() as stub:
        pods = "|".join(f"exam-api-{number:06d}" for number in range(100_000))
        assert ask(stub.url, f'requests_total{{pod=~"{pods}"}}[60s]') == []
        assert stub.requests[0].path == "/api/v1/query"
        assert len(stub.requests[0].query) > 1_500_000


def test_prometheus_is_told_to_stop_before_we_do() -> None:
    with running() as stub:
        ask(stub.url, seconds=2)
        allowed = int(stub.requests[0].form["timeout"].removesuffix("ms"))
        assert 0 < allowed <= 1_800
        assert stub.requests[0].form["time"] == "1000.000"


def test_a_server_that_hangs_is_a_timeout_and_asked_once() -> None:
    with running() as stub:
        stub.always = "hang"
        assert reason(ask(stub.url, seconds=0.3)) == "timeout"
        assert len(stub.requests) == 1


def test_a_server_that_drips_is_a_timeout_too() -> None:
    with running() as stub:
        stub.always = Answer(body=b" " * 100_000, drip_seconds=0.02)
        assert reason(ask(stub.url, seconds=0.3)) == "timeout"


def test_a_refused_connection_is_unreachable_and_says_so() -> None:
    with running() as stub:
        url = stub.url
    found = ask(url)
    assert reason(found) == "unreachable"
    assert "Connection refused" in str(found)


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    assert reason(ask("http://prometheus.invalid:9090")) == "unreachable"


def test_a_short_absence_is_survived_by_one_more_try() -> None:
    with running() as stub:
        filled(stub)
        stub.script = [Answer(503, b"no healthy upstream")]
        assert isinstance(ask(stub.url), list)
        assert len(stub.requests) == 2


def test_a_connection_that_breaks_is_tried_once_more() -> None:
    with running() as stub:
        filled(stub)
        stub.script = ["cut"]
        assert isinstance(ask(stub.url), list)
        assert len(stub.requests) == 2


def test_a_long_absence_is_not_insisted_on() -> None:
    with running() as stub:
        stub.always = Answer(503, b"no healthy upstream")
        assert reason(ask(stub.url)) == "unreachable"
        assert len(stub.requests) == 2


def test_a_query_that_prometheus_gave_up_is_a_timeout_not_repeated() -> None:
    with running() as stub:
        stub.always = refusal("timeout", "query timed out in expression evaluation", 503)
        assert reason(ask(stub.url)) == "timeout"
        assert len(stub.requests) == 1


def test_a_wrong_query_is_refused_with_what_prometheus_says() -> None:
    with running() as stub:
        found = ask(stub.url, "requests_total{")
        assert reason(found) == "refused"
        assert "bad_data: parse error" in str(found)
        assert len(stub.requests) == 1


def test_too_much_to_load_is_refused() -> None:
    with running() as stub:
        stub.always = refusal("execution", "query would load too many samples into memory", 422)
        assert reason(ask(stub.url)) == "refused"


@pytest.mark.parametrize("status", [401, 403, 404, 413])
def test_a_door_that_stays_shut_is_refused(status: int) -> None:
    with running() as stub:
        stub.always = Answer(status, b"no")
        assert reason(ask(stub.url)) == "refused"
        assert len(stub.requests) == 1


def test_a_redirect_to_a_login_page_is_refused_and_not_followed() -> None:
    with running() as stub:
        stub.always = Answer(302, b"", {"Location": "https://login.example/"})
        found = ask(stub.url)
        assert reason(found) == "refused"
        assert "https://login.example/" in str(found)
        assert len(stub.requests) == 1


def test_a_login_page_is_unreadable() -> None:
    with running() as stub:
        stub.always = Answer(200, b"<html><title>Sign in</title></html>")
        found = ask(stub.url)
        assert reason(found) == "unreadable"
        assert "Sign in" in str(found)


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"success","data":{"resultType":"matrix","res',
        b"[]",
        b"null",
        b'{"status":"success"}',
        b'{"data":{"result":[{"metric":{},"values":[[1]]}]}}',
        b'{"data":{"result":[{"metric":{},"values":[[1,"x"]]}]}}',
        b'{"data":{"result":[{"metric":{},"values":[["x","1"]]}]}}',
        b'{"data":{"result":[{"metric":{},"values":7}]}}',
        b'{"data":{"result":[{"metric":{},"values":[[Infinity,"1"]]}]}}',
    ],
)
def test_a_torn_or_strange_answer_is_unreadable(body: bytes) -> None:
    with running() as stub:
        stub.always = Answer(200, body)
        assert reason(ask(stub.url)) == "unreadable"


def test_an_answer_that_would_not_fit_into_memory_is_refused() -> None:
    with running() as stub:
        stub.always = Answer(200, b" " * (BODY_BYTES_MAX + 1))
        assert reason(ask(stub.url)) == "refused"
        assert len(stub.requests) == 1


def test_a_scalar_is_not_a_vector() -> None:
    with running() as stub:
        stub.always = result([1000.0, "3"], "scalar")
        assert reason(ask(stub.url)) == "not a vector"
        stub.always = result({"a": 1}, "other")
        assert reason(ask(stub.url)) == "not a vector"


def test_a_partial_answer_is_not_taken_for_a_whole_one() -> None:
    with running() as stub:
        filled(stub)
        stub.warnings = ["store 10.0.0.7:10901 is unavailable"]
        found = ask(stub.url)
        assert reason(found) == "partial"
        assert "10.0.0.7" in str(found)


def test_a_label_that_says_warnings_is_no_warning() -> None:
    with running() as stub:
        stub.add("requests_total", {"pod": "a", "route": '"warnings"'}, [(990.0, 1)])
        stub.add("requests_total", {"pod": "a", "warnings": "x"}, [(990.0, 1)])
        assert isinstance(ask(stub.url), list)


def test_the_token_is_read_anew_for_each_request(tmp_path: Path) -> None:
    token = tmp_path / "token"
    with running() as stub:
        stub.script = [Answer(503, b"")]
        token.write_text("one\n")
        server = Server(Address(url=stub.url, bearer_token_file=token, headers={"X-Tenant": "t"}))
        deadline = Deadline(time.perf_counter() + 5, time.perf_counter)
        server.query(QUERY, 0, deadline)
        token.write_text("two\n")
        server.query(QUERY, 0, deadline)
        server.close()
        seen = [request.headers["Authorization"] for request in stub.requests]
        assert seen == ["Bearer one", "Bearer one", "Bearer two"]
        assert {request.headers["X-Tenant"] for request in stub.requests} == {"t"}


def test_a_token_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with running() as stub:
        found = ask(stub.url, token=tmp_path / "absent")
        assert reason(found) == "unreachable"
        assert "No such file" in str(found)
        assert stub.requests == []


def test_connections_are_kept_for_the_next_query() -> None:
    with running() as stub:
        filled(stub)
        server = Server(Address(url=stub.url))
        deadline = Deadline(time.perf_counter() + 5, time.perf_counter)
        for _ in range(5):
            assert isinstance(server.query(QUERY, 1_000_000, deadline), list)
        server.close()
        assert stub.connections == 1


def test_many_threads_share_one_server() -> None:
    with running() as stub:
        filled(stub)
        server = Server(Address(url=stub.url, connections=8))
        deadline = Deadline(time.perf_counter() + 10, time.perf_counter)
        found: list[object] = []
        queries = [QUERY, "wrong{"] * 4

        def run(query: str) -> None:
            found.extend(server.query(query, 1_000_000, deadline) for _ in range(10))

        threads = [threading.Thread(target=run, args=(query,)) for query in queries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.close()
        assert sum(isinstance(one, list) for one in found) == 40
        assert sum(isinstance(one, Missing) and one.reason == "refused" for one in found) == 40
