"""A person's kubeconfig: which cluster it means, and what goes with each request to it."""

import asyncio
import base64
import json
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from controller.adapters.kube.client import KubeClient, Unauthenticated
from controller.adapters.kube.kubeconfig import Unconfigured, connect, find_place
from controller.engine.ports import Unavailable
from tests.adapters.kube.test_client import certificate

Json = dict[str, Any]


def config(
    user: Json | None = None, cluster: Json | None = None, *, name: str = "kind", **more: Any
) -> Json:
    context = {"cluster": name, "user": "ada"}
    return {
        "clusters": [{"name": name, "cluster": {"server": "http://127.0.0.1:1"} | (cluster or {})}],
        "contexts": [{"name": name, "context": context}],
        "users": [{"name": "ada", "user": user or {}}],
        "current-context": name,
    } | more


def written(folder: Path, document: Json, name: str = "config") -> str:
    file = folder / name
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(file)


class Echo:
    """Answers with what it was asked with; `refused` are tokens that it does not take."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.seen: list[Mapping[str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        headers = request.headers
        self.seen.append({n.lower(): headers.getall(n) for n in headers})
        if headers.get("Authorization", "") in self.refused:
            return web.json_response({"reason": "Unauthorized", "message": "no"}, status=401)
        if request.path == "/elsewhere":
            raise web.HTTPFound("http://127.0.0.1:1/")
        return web.json_response({"authorization": headers.get("Authorization", "")})


def asked(
    folder: Path,
    user: Json | None = None,
    *,
    echo: Echo | None = None,
    tls: ssl.SSLContext | None = None,
    cluster: Json | None = None,
    times: int = 1,
) -> Mapping[str, Any]:
    """What a server hears first of a person with this user in the kubeconfig."""
    heard = echo or Echo()

    async def run() -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", heard.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme = "https" if tls else "http"
        server = {"server": f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"}
        file = written(folder, config(user, server | (cluster or {})))
        client: KubeClient | None = None
        try:
            client = await connect(find_place(file, None, {}), user_agent="me")
            for _ in range(times):
                await client.request("GET", "/version", query={"a": "b c"})
        finally:
            if client is not None:
                await client.close()
            await runner.cleanup()

    asyncio.run(run())
    return heard.seen[-1]


def test_the_first_file_with_a_name_counts(tmp_path: Path) -> None:
    first = written(tmp_path, config(cluster={"server": "http://first"}), "first")
    other = config(cluster={"server": "http://second"})
    other["contexts"].append(
        {"name": "far", "context": {"cluster": "kind", "user": "bob", "namespace": "exams"}}
    )
    second = written(tmp_path, other | {"current-context": "far"}, "second")
    variables = {"KUBECONFIG": f"{first}:{second}:{tmp_path / 'none'}"}
    place = find_place(None, None, variables)
    assert (place.context, place.server, place.namespace) == ("kind", "http://first", "default")
    far = find_place(None, "far", variables)
    assert (far.server, far.namespace, far.user) == ("http://first", "exams", "bob")


def test_without_a_file_the_pod_s_account_is_used_and_without_that_it_is_said() -> None:
    with pytest.raises(Unconfigured, match=r"~/\.kube/config does not exist"):
        find_place(None, None, {"HOME": "/nowhere"})
    with pytest.raises(Unconfigured, match="KUBECONFIG=/nowhere does not exist"):
        find_place(None, None, {"KUBECONFIG": "/nowhere"})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "no context is current"),
        (config(clusters=[]), "names the cluster 'kind', which is not there"),
        (config(**{"current-context": "gone"}), "there is no context 'gone'"),
    ],
)
def test_what_is_missing_in_it_is_named(tmp_path: Path, document: Json, said: str) -> None:
    with pytest.raises(Unconfigured, match=said):
        find_place(written(tmp_path, document), None, {})


def test_a_token_is_sent_and_shown_nowhere(tmp_path: Path) -> None:
    heard = asked(tmp_path, {"token": "s3cret"})
    assert heard["authorization"] == ["Bearer s3cret"]
    assert heard["user-agent"] == ["me"]
    assert "s3cret" not in repr(find_place(str(tmp_path / "config"), None, {}))


def test_a_token_file_is_relative_to_the_kubeconfig_and_wins(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of a file\n")
    heard = asked(tmp_path, {"tokenFile": "token", "token": "other"})
    assert heard["authorization"] == ["Bearer of a file"]


def test_a_name_and_a_password_are_sent(tmp_path: Path) -> None:
    heard = asked(tmp_path, {"username": "ada", "password": "pass"})
    assert heard["authorization"] == [f"Basic {base64.b64encode(b'ada:pass').decode()}"]


def test_who_acts_as_somebody_else_says_so(tmp_path: Path) -> None:
    user = {"as": "bob", "as-groups": ["a", "b"], "as-user-extra": {"reason": ["help"]}}
    heard = asked(tmp_path, user)
    assert heard["impersonate-user"] == ["bob"]
    assert heard["impersonate-group"] == ["a", "b"]
    assert heard["impersonate-extra-reason"] == ["help"]


def plugin(folder: Path, program: str, **more: Any) -> Json:
    """A credential plugin in Python."""
    file = folder / "plugin"
    file.write_text(f"#!{sys.executable}\nimport json, os, sys\n{program}\n", encoding="utf-8")
    file.chmod(0o700)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./plugin",
            "interactiveMode": "Never",
        }
        | more
    }


TELLS = """
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
token = " ".join([*sys.argv[1:], os.environ["REALM"], info["spec"]["cluster"]["server"][:4]])
print(json.dumps({"status": {"token": token}}))
"""


def test_a_plugin_is_asked_with_what_the_kubeconfig_says(tmp_path: Path) -> None:
    env = [{"name": "REALM", "value": "exams"}]
    user = plugin(tmp_path, TELLS, args=["login"], env=env, provideClusterInfo=True)
    assert asked(tmp_path, user)["authorization"] == ["Bearer login exams http"]


def test_a_plugin_is_asked_once_for_many_requests(tmp_path: Path) -> None:
    counting = (
        "open(os.path.join(os.path.dirname(sys.argv[0]), 'count'), 'a').write('x')\n"
        "print(json.dumps({'status': {'token': 't'}}))"
    )
    asked(tmp_path, plugin(tmp_path, counting), times=3)
    assert (tmp_path / "count").read_text() == "x"


@pytest.mark.parametrize(
    ("program", "more", "said"),
    [
        ("sys.exit(3)", {}, "ended with exit code 3"),
        ("print('s3cret')", {}, "gave no credentials"),
        ("print('{}')", {}, "gave no credentials"),
        ("", {"command": "no-such-plugin", "installHint": "get it"}, "is not installed: get it"),
        ("", {"apiVersion": "v0"}, "speaks 'v0'"),
    ],
)
def test_a_plugin_that_fails_says_why_and_no_secret(
    tmp_path: Path, program: str, more: Json, said: str
) -> None:
    with pytest.raises(Unconfigured, match=said) as failed:
        asked(tmp_path, plugin(tmp_path, program, **more))
    assert "user 'ada'" in str(failed.value)
    assert "s3cret" not in str(failed.value)


def test_what_is_not_taken_soon_after_login_is_not_asked_for_again(tmp_path: Path) -> None:
    echo = Echo()
    echo.refused = {"Bearer t"}
    user = plugin(tmp_path, "print(json.dumps({'status': {'token': 't'}}))")
    with pytest.raises(Unauthenticated):
        asked(tmp_path, user, echo=echo)
    assert len(echo.seen) == 1


def test_a_server_is_known_by_its_authority(tmp_path: Path) -> None:
    public, context = certificate(tmp_path, "one")
    data = base64.b64encode(public.read_bytes()).decode()
    for cluster in (
        {"certificate-authority-data": data},
        {"certificate-authority": public.name},
        {"insecure-skip-tls-verify": True},
    ):
        heard = asked(tmp_path, {"token": "t"}, tls=context, cluster=cluster)
        assert heard["authorization"] == ["Bearer t"]
    with pytest.raises(Unavailable, match="certificate"):
        asked(tmp_path, {"token": "t"}, tls=context)


def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    public, context = certificate(tmp_path, "one")
    context.load_verify_locations(public)
    context.verify_mode = ssl.CERT_REQUIRED
    cluster = {"certificate-authority": str(public)}
    pem = public.read_bytes(), public.with_suffix(".key").read_bytes()
    user = {
        "client-certificate-data": base64.b64encode(pem[0]).decode(),
        "client-key-data": base64.b64encode(pem[1]).decode(),
    }
    assert asked(tmp_path, user, tls=context, cluster=cluster)["user-agent"] == ["me"]
    with pytest.raises(Unconfigured, match="a certificate cannot be read"):
        asked(tmp_path, {**user, "client-key-data": ""}, tls=context, cluster=cluster)


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ({"server": "ftp://x"}, "is no address"),
        (
            {"server": "https://x", "certificate-authority-data": "???"},
            "certificate-authority-data is not in base64",
        ),
        ({"server": "https://x", "certificate-authority": "gone"}, "gone cannot be read"),
    ],
)
def test_a_cluster_that_cannot_be_used_says_why(tmp_path: Path, cluster: Json, said: str) -> None:
    place = find_place(written(tmp_path, config({"token": "t"}, cluster)), None, {})
    with pytest.raises(Unconfigured, match=said):
        asyncio.run(connect(place, user_agent="me"))


def test_credentials_do_not_follow_a_redirect(tmp_path: Path) -> None:
    async def run() -> None:
        echo = Echo()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", echo.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server = f"http://127.0.0.1:{runner.addresses[0][1]}"
        place = find_place(written(tmp_path, config({"token": "t"}, {"server": server})), None, {})
        client = await connect(place, user_agent="me")
        try:
            with pytest.raises(json.JSONDecodeError):
                json.loads(await client.request("GET", "/elsewhere"))
        finally:
            await client.close()
            await runner.cleanup()

    asyncio.run(run())
