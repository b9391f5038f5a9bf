"""The API's description: complete, and true to what is answered."""

import asyncio
import functools
from http import HTTPStatus
from typing import Any

import httpx
import jsonschema_rs
import pytest

from controller.adapters.http.examples import EXAMPLES
from controller.adapters.http.kinds import ABOUT, Kind
from controller.adapters.http.openapi import OPEN, operations
from controller.adapters.http.problems import MEDIA_TYPE
from tests.adapters.http.bookshelf import on_trial, rolled_back, watching
from tests.adapters.http.ward import ONE, Ward, hospital, of, order, visited, ward

UNNAMED = {"/healthz", "/readyz", "/metrics"}


@functools.cache
def described() -> dict[str, Any]:
    return hospital(ward()).openapi()


def at(ref: dict[str, Any]) -> Any:
    """What a reference refers to."""
    found: Any = described()
    for part in ref["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def validator(schema: dict[str, Any]) -> Any:
    whole = {**schema, "components": described()["components"]}
    return jsonschema_rs.validator_for(whole, validate_formats=True)


def contents() -> list[tuple[str, dict[str, Any]]]:
    """Every body of a request or an answer, by its place."""
    found = []
    for path, method, said in operations(described()):
        bodies = {"body": said["requestBody"]} if "requestBody" in said else {}
        for place, one in {**bodies, **said["responses"]}.items():
            for media_type, content in one.get("content", {}).items():
                found.append((f"{method} {path} {place} {media_type}", content))
    return found


def test_every_body_has_an_example_and_every_example_is_true_to_its_schema() -> None:
    places = contents()
    assert len(places) > 50
    for place, content in places:
        shown = [at(one)["value"] for one in content.get("examples", {}).values()]
        shown += [content["example"]] if "example" in content else []
        assert shown, f"{place} has no example"
        # Events have none of their own: a schema would be taken for that of each of them.
        check = validator(content.get("schema", {}))
        for value in shown:
            assert check.is_valid(value), (place, list(check.iter_errors(value)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_its_shape_makes_of_it(name: str) -> None:
    shape = type(EXAMPLES[name])
    value = described()["components"]["examples"][name]["value"]
    assert (
        shape.model_validate_json(EXAMPLES[name].model_dump_json(by_alias=True)) == (EXAMPLES[name])
    )
    assert validator(shape.model_json_schema(mode="serialization")).is_valid(value)


def test_every_operation_is_told_of_and_known_by_one_name() -> None:
    ids = []
    for path, method, said in operations(described()):
        assert said["summary"], path
        assert len(said.get("description", "")) > 20, path
        (tag,) = said["tags"][-1:]
        assert tag in {one["name"] for one in described()["tags"]}
        for parameter in said.get("parameters", ()):
            assert parameter.get("description"), (path, method, parameter["name"])
        ids.append(said["operationId"])
    assert len(set(ids)) == len(ids)
    assert all(one.isidentifier() for one in ids)


def test_every_member_of_a_problem_and_of_an_order_is_told_of() -> None:
    schemas = described()["components"]["schemas"]
    for name in ("ProblemDetails", "OrderShape", "PromoteShape", "ReceiptShape"):
        for member, said in schemas[name]["properties"].items():
            told = said.get("description") or name == "ReceiptShape"
            assert told, (name, member)


def test_whatever_is_not_open_says_how_to_be_let_in() -> None:
    schemes = described()["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer"
    assert schemes["session"]["name"].startswith("__Host-")
    for path, method, said in operations(described()):
        answers = said["responses"]
        if path in OPEN:
            assert "security" not in said
            continue
        assert said["security"] == [{"bearer": []}, {"session": []}]
        assert {"401", "429", "500", "503"} <= set(answers), (path, method)
        for code, one in answers.items():
            if code >= "400":
                assert list(one["content"]) == [MEDIA_TYPE]


def test_nothing_of_the_framework_is_left_in_it() -> None:
    text = str(described())
    assert "HTTPValidationError" not in text
    assert "about:blank" in text


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_problem_says_what_to_do(kind: Kind) -> None:
    about = ABOUT[kind]
    assert about.title
    assert about.remedy.endswith(".")
    assert about.example or about.wrong
    example = described()["components"]["examples"][f"problem-{kind.value}"]["value"]
    assert example["type"] == f"/docs#problem-{kind.value}"
    assert example["status"] == about.status


def test_it_is_served_to_everybody_and_no_answer_lies_about_it() -> None:
    where = ward()

    async def story() -> list[httpx.Response]:
        async with visited(where, token=None) as client:
            assert (await client.get("/openapi.json")).json() == described()
        async with visited(where) as client:
            key = {"idempotency-key": "1"}
            return [
                await client.get("/api/v1/canaries"),
                await client.get(ONE),
                await client.post(f"{ONE}/hold", json=order(), headers=key),
                await client.post(f"{ONE}/hold", json={}, headers=key),
                await client.get(f"{ONE}/journal"),
                await client.get(f"{ONE}/commands/x"),
            ]

    paths = described()["paths"]
    canary = "/api/v1/canaries/{namespace}/{name}"
    asked = [
        ("/api/v1/canaries", "get"),
        (canary, "get"),
        (f"{canary}/hold", "post"),
        (f"{canary}/hold", "post"),
        (f"{canary}/journal", "get"),
        (f"{canary}/commands/{{command_id}}", "get"),
    ]
    for (path, method), answer in zip(asked, asyncio.run(story()), strict=True):
        said = paths[path][method]["responses"][str(answer.status_code)]
        media_type = answer.headers["content-type"]
        check = validator(said["content"][media_type]["schema"])
        assert check.is_valid(answer.json()), list(check.iter_errors(answer.json()))
        assert answer.status_code != HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.mark.parametrize("story", [watching, on_trial, rolled_back])
def test_a_canary_at_any_time_of_its_life_is_as_described(story: Any) -> None:
    answer = of(Ward(*story()), ONE)
    said = described()["paths"]["/api/v1/canaries/{namespace}/{name}"]["get"]["responses"]["200"]
    check = validator(said["content"]["application/json"]["schema"])
    assert check.is_valid(answer.json()), list(check.iter_errors(answer.json()))
