"""What a person sees with their own rights, below the command line."""

import asyncio

import pytest

from controller.adapters.kube.client import Denied, NotFound
from controller.adapters.kube.looking import Onlooker
from controller.adapters.kube.selector import label_selector
from controller.domain.records import Ref
from tests.adapters.kube.apiserver import ApiServer, serving
from tests.adapters.kube.examples import NAMESPACE, path_of
from tests.adapters.kube.world import releasing

REF = Ref(NAMESPACE, "exam")


def test_a_selector_is_said_as_a_query_has_it() -> None:
    selector = {
        "matchLabels": {"app": "exam", "tier": "web"},
        "matchExpressions": [
            {"key": "zone", "operator": "In", "values": ["a", "b"]},
            {"key": "track", "operator": "NotIn", "values": ["old"]},
            {"key": "team", "operator": "Exists"},
            {"key": "legacy", "operator": "DoesNotExist"},
        ],
    }
    assert (
        label_selector(selector) == "app=exam,tier=web,zone in (a,b),track notin (old),team,!legacy"
    )


def test_a_canary_that_is_there_may_still_not_be_seen() -> None:
    async def run() -> None:
        server = ApiServer()
        for one in releasing():
            server.put(path_of(one), one)
        async with serving(server) as client:
            onlooker = Onlooker(client)
            assert (await onlooker.look(REF)).target == "exam"
            server.forbidden = frozenset({path_of(releasing()[0])})
            with pytest.raises(Denied):
                await onlooker.look(REF)

    asyncio.run(run())


def test_names_that_are_near_are_not_told_to_who_may_not_list_them() -> None:
    async def run() -> None:
        server = ApiServer()
        for one in releasing():
            server.put(path_of(one), one)
        server.forbidden = frozenset({path_of(releasing()[0]).rpartition("/")[0]})
        async with serving(server) as client:
            with pytest.raises(NotFound) as missing:
                await Onlooker(client).look(Ref(NAMESPACE, "exma"))
            assert "did you mean" not in str(missing.value)

    asyncio.run(run())
