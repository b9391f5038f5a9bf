"""The policies that we bring have to let through what we write: told when one does not."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final

import pytest

from controller.adapters.kube.gate import GATE_NAME, policy_manifests
from controller.adapters.kube.gate_watch import (
    COMMANDS,
    GATE,
    Exemptions,
    Policy,
    check_exempted,
)
from controller.adapters.kube.permissions import GUARD_NAME, guard_manifests
from controller.engine.ports import Refused, Unavailable
from tests.adapters.kube.apiserver import REVIEW, ApiServer, serving, until
from tests.adapters.kube.world import cluster_on

ROOT: Final = "/apis/admissionregistration.k8s.io/v1"
GATE_PATH: Final = f"{ROOT}/mutatingadmissionpolicies/{GATE_NAME}"
GUARD_PATH: Final = f"{ROOT}/validatingadmissionpolicies/{GUARD_NAME}"
OTHER: Final = "system:serviceaccount:elsewhere:somebody"


def guarded_for(username: str) -> ApiServer:
    """A server with the guard of commands, made for this user."""
    return ApiServer(objects={GUARD_PATH: guard_manifests(username)[0]})


def looked(server: ApiServer, *paths_forbidden: Sequence[str]) -> None:
    """One look for each; what may not be seen in it."""

    async def run() -> None:
        async with asyncio.timeout(5), serving(server) as client:
            exemptions = Exemptions(client)
            for paths in paths_forbidden:
                server.forbidden = frozenset(paths)
                await exemptions.look()

    asyncio.run(run())


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(r.levelno, r.message) for r in caplog.records if "policy" in r.message]


def test_a_guard_for_our_own_account_is_nothing_to_tell_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looked(guarded_for(ApiServer.user), [], [])
    assert told(caplog) == []


def test_where_no_policy_is_nobody_is_asked_who_we_are(caplog: pytest.LogCaptureFixture) -> None:
    server = ApiServer()
    looked(server, [])
    assert REVIEW not in {one.path for one in server.asked}
    assert told(caplog) == []


def test_a_guard_for_another_account_is_an_error_that_names_ours_and_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looked(guarded_for(OTHER), [], [], [])
    ((level, said),) = told(caplog)
    assert level == logging.ERROR
    assert said.startswith(f"The policy {GUARD_NAME} does not let '{ApiServer.user}' through")
    assert "what people command" in said


def test_what_may_not_be_seen_is_a_warning_and_what_is_mended_is_said_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    looked(guarded_for(ApiServer.user), [GUARD_PATH], [GUARD_PATH], [], [])
    (shut, mended) = told(caplog)
    assert shut[0] == logging.WARNING
    assert "cannot be seen" in shut[1]
    assert mended == (logging.INFO, f"The policy {GUARD_NAME} is not in our way")


def test_a_gate_that_is_installed_for_another_account_later_is_told_of_without_ending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        server = ApiServer()
        async with asyncio.timeout(5), serving(server) as client:
            exemptions = Exemptions(client)
            await exemptions.look()
            server.put(GATE_PATH, policy_manifests(OTHER, "v1")[0])
            await exemptions.look()

    asyncio.run(run())
    ((level, said),) = told(caplog)
    assert level == logging.ERROR
    assert "pause our own rollbacks" in said


@pytest.mark.parametrize("policy", [GATE, COMMANDS])
def test_a_policy_without_conditions_lets_nobody_through(policy: Policy) -> None:
    async def run() -> None:
        server = ApiServer()
        server.put(f"{ROOT}/{policy.plural}/{policy.name}", {"metadata": {}, "spec": {}})
        async with asyncio.timeout(5), serving(server) as client:
            with pytest.raises(Refused, match="does not let"):
                await check_exempted(client, policy)
            server.forbidden = frozenset({REVIEW})
            with pytest.raises(Unavailable):
                await check_exempted(client, policy)

    asyncio.run(run())


def test_a_guard_for_another_account_is_told_of_at_the_start_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        async with asyncio.timeout(5), serving(guarded_for(OTHER)) as client:
            cluster = cluster_on(client)
            task = asyncio.ensure_future(cluster.run())
            await cluster.wait_synced(5)
            await until(lambda: told(caplog))
            assert not task.done()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(run())
