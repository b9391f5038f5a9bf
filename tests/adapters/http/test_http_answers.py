"""What every answer has in common: tags, HEAD, and headers that keep a browser safe."""

from datetime import timedelta
from http import HTTPStatus

import pytest

from tests.adapters.http.ward import ALL, ONE, of, ward


@pytest.mark.parametrize("path", [ALL, ONE, f"{ONE}/course", f"{ONE}/journal"])
def test_what_one_has_is_not_sent_again_until_it_changes(path: str) -> None:
    where = ward()
    first = of(where, path)
    where.shelf.at += timedelta(seconds=1)
    again = of(where, path, **{"if-none-match": f'"x", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (HTTPStatus.NOT_MODIFIED, b"")
    assert again.headers["etag"] == first.headers["etag"]
    where.table.deaths["B-0"] = 3
    where.shelf.look(where.table, 3)
    changed = of(where, path, **{"if-none-match": first.headers["etag"]})
    assert changed.status_code == HTTPStatus.OK
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("path", [ALL, ONE, "/healthz", "/metrics", "/openapi.json", "/docs"])
def test_head_says_what_get_would_without_its_body(path: str) -> None:
    where = ward()
    get, head = of(where, path), of(where, path, "HEAD")
    assert head.status_code == get.status_code == HTTPStatus.OK
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers["content-length"] == str(len(get.content))


@pytest.mark.parametrize("name", ["%00", "..%2f", "%ff", "%F0%9F%90%A4", "a" * 253])
def test_any_name_is_only_a_name(name: str) -> None:
    assert of(ward(), f"{ALL}/exams/{name}").status_code == HTTPStatus.NOT_FOUND


def test_every_answer_keeps_a_browser_from_misusing_it() -> None:
    where = ward()
    for path in (ALL, f"{ALL}/x/y", "/nothing", "/healthz", "/metrics"):
        headers = of(where, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers
