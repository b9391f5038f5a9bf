"""The documentation page: all of the description, without script, and nothing from elsewhere."""

import asyncio
import re
import shlex
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from controller.adapters.http.docs_words import inline, prose
from controller.adapters.http.kinds import Kind
from controller.adapters.http.openapi import operations
from tests.adapters.http.ward import hospital, visited, ward


def page(**headers: str) -> httpx.Response:
    async def story() -> httpx.Response:
        async with visited(ward(), token=None) as client:
            return await client.get("/docs", headers=headers)

    return asyncio.run(story())


class _Read(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.scripts = 0
        self.inline: list[str] = []
        self.codes: list[str] = []
        self._code = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said: dict[str, Any] = dict(attrs)
        self.ids += [said["id"]] if "id" in said else []
        self.links += [said["href"]] if tag == "a" else []
        self.loaded += [said[key] for key in ("src", "href") if key in said and tag != "a"]
        self.scripts += tag == "script"
        self.inline += [name for name in said if name == "style" or name.startswith("on")]
        self._code = tag == "code"
        self.codes += [""] if tag == "code" else []

    def handle_data(self, data: str) -> None:
        if self._code:
            self.codes[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._code = False


def test_it_is_open_to_everybody_and_loads_nothing_from_elsewhere() -> None:
    answer = page()
    assert answer.status_code == 200
    read = _Read(answer.text)
    assert read.scripts == 0
    assert read.inline == []
    assert all(path.startswith("/pages/") for path in read.loaded)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_every_operation_problem_and_shape_is_on_it_and_every_link_leads_somewhere() -> None:
    read = _Read(page().text)
    described = hospital(ward()).openapi()
    for _, _, said in operations(described):
        assert said["operationId"] in read.ids
    assert {f"problem-{kind.value}" for kind in Kind} <= set(read.ids)
    assert {f"shape-{name}" for name in described["components"]["schemas"]} <= set(read.ids)
    assert len(set(read.ids)) == len(read.ids)
    within = {link[1:] for link in read.links if link.startswith("#")}
    assert within <= set(read.ids)


def test_what_it_says_to_type_is_a_command_that_a_shell_reads() -> None:
    lines = [code for code in _Read(page().text).codes if code.startswith("curl")]
    assert len(lines) > 10
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "curl"
        assert not re.search("[{}]", " ".join(word for word in words if "/api/" in word))
    assert any("Idempotency-Key: " in line for line in lines)


def test_it_is_not_sent_again_to_who_has_it() -> None:
    first = page()
    again = page(**{"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a `b` c", "a <code>b</code> c"),
        ("**a** <b>", "<strong>a</strong> &lt;b&gt;"),
        ("`<script>`", "<code>&lt;script&gt;</code>"),
    ],
)
def test_words_are_text_with_code_and_stress(text: str, html: str) -> None:
    assert inline(text) == html
    assert prose(f"{text}\n\n{text}") == f"<p>{html}</p>" * 2
