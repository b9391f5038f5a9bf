"""People at a release: accounts with rights, their tokens, a Slack, and everything switched on."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.adapters.slack.slackd import Slackd, playing
from tests.e2e.channel import Channel
from tests.e2e.rig import kubeconfig
from tests.e2e.rig.processes import REPOSITORY, Process
from tests.e2e.rig.world import World
from tests.e2e.stage import GROUP, Object, Stage

AUDIENCE: Final = "canary-controller"
SIGNING_SECRET: Final = "a-signing-secret"
WEBHOOK_SECRET: Final = "a-webhook-secret"
CHANNEL: Final = "#exams"
SLACK_OPERATOR, SLACK_VIEWER, SLACK_STRANGER = "U0OPERATOR", "U0VIEWER", "U0STRANGER"
REVOKED_SECONDS_MAX: Final = 60
COMMAND_SECONDS_MAX: Final = 20

# No step passes by itself: what moves here is moved by people.
SPEC: Final[Object] = {
    "steps": [
        {"canary": share, "minDuration": "1h", "maxDuration": "2h"} for share in (1, "50%", "75%")
    ],
    "analysis": {"requests": {"disabled": True}},
}


@dataclass
class House:
    """One namespace with a Deployment of four pods, its Canary, and people around them."""

    stage: Stage
    slack: Slackd
    receiver: Channel
    versions: int = 1
    tokens: set[str] = field(default_factory=set)

    @property
    def world(self) -> World:
        return self.stage.world

    @property
    def namespace(self) -> str:
        return self.stage.namespace

    # People.

    def account(self, name: str, cluster_role: str = "", namespace: str = "") -> None:
        """A ServiceAccount, bound in its namespace to a role of deploy/roles.yaml."""
        namespace = namespace or self.namespace
        self.world.api.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
            namespace,
        )
        if not cluster_role:
            return
        api = "rbac.authorization.k8s.io"
        self.world.api.apply(
            {
                "apiVersion": f"{api}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": f"{name}-{cluster_role}"},
                "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": cluster_role},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
            },
            namespace,
        )

    def user(self, name: str) -> str:
        """What the API server calls an account."""
        return f"system:serviceaccount:{self.namespace}:{name}"

    def token(self, name: str, audience: str = AUDIENCE, namespace: str = "") -> str:
        token = self.world.api.token(name, namespace or self.namespace, audience=audience)
        self.tokens.add(token)
        return token

    def kubeconfig(self, name: str) -> Path:
        """For kubectl: a token for the API server itself."""
        path = self.world.folder / f"{self.namespace}-{name}.kubeconfig"
        return kubeconfig.write(path, like=self.world.api.kubeconfig, token=self.token(name, ""))

    # The release.

    def hold(self) -> Object:
        """A new version, held at its first step; returns the status."""
        self.versions += 1
        version = f"v{self.versions}"
        self.stage.push(version)
        self.stage.wait_for(
            lambda s: (
                s.get("phase") == "Analysing"
                and s["release"]["canary"]["images"] == [f"exam-server:{version}"]
            ),
            90,
            f"{version} on trial",
        )
        self.stage.command("hold")
        return self.stage.wait_for(
            lambda s: s["phase"] == "Holding" and not s.get("intentDone"), 30, "the hold"
        )

    def wait_step(self, step: int) -> Object:
        """Until the release is at this step, counted from 1."""
        return self.stage.wait_for(
            lambda s: s.get("release", {}).get("step", 0) + 1 == step,
            COMMAND_SECONDS_MAX,
            f"step {step}",
        )

    def wait_command(self, command_id: str) -> Object:
        """What became of a command."""
        status = self.stage.wait_for(
            lambda s: any(c["id"] == command_id for c in s.get("commands", [])),
            COMMAND_SECONDS_MAX,
            "the command to be answered",
        )
        found: Object = next(c for c in status["commands"] if c["id"] == command_id)
        return found

    # REST.

    @property
    def path(self) -> str:
        return f"/api/v1/canaries/{self.namespace}/exam"

    def get(self, path: str, token: str | None) -> httpx.Response:
        return httpx.get(self.stage.controller.url + path, headers=_bearer(token), timeout=10)

    def post(
        self, action: str, token: str | None, *, key: str = "key-1", **said: Any
    ) -> httpx.Response:
        """A command; the revision is that of the running release unless said otherwise."""
        body = {"revision": self.revision(), **said}
        return httpx.post(
            f"{self.stage.controller.url}{self.path}/{action}",
            headers={**_bearer(token), "Idempotency-Key": key},
            json=body,
            timeout=15,
        )

    def revision(self) -> str:
        found: str = self.stage.status["release"]["canary"]["fingerprint"]
        return found

    # kubectl.

    def kubectl(self, *words: str, as_account: str) -> subprocess.CompletedProcess[str]:
        """`kubectl canary ...` with the rights of an account."""
        return subprocess.run(
            [
                *(sys.executable, "-m", "controller", *words),
                *("--kubeconfig", str(self.kubeconfig(as_account)), "-n", self.namespace),
            ],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def watch(self, *words: str, as_account: str) -> Process:
        """`kubectl canary ...` that goes on; its output is a pipe's end, as far as it can tell."""
        argv = [sys.executable, "-m", "controller", *words]
        argv += ["--kubeconfig", str(self.kubeconfig(as_account)), "-n", self.namespace]
        log = self.world.folder / f"{self.namespace}-{'-'.join(words)}.log"
        return Process("kubectl-canary", argv, log=log)

    # Slack.

    def click(self, headers: dict[str, str], body: bytes) -> httpx.Response:
        url = f"{self.stage.controller.url}/slack/interactions"
        return httpx.post(url, headers=headers, content=body, timeout=10)

    def message(self, word: str) -> Object:
        """The message of the running release, once it says this word."""
        own = f"exam-server:v{self.versions}"

        def there() -> Object | None:
            shown = self.slack.channel(CHANNEL).roots()
            text = json.dumps(shown[-1], ensure_ascii=False) if shown else ""
            return shown[-1] if word in text and own in text else None

        found: Object | None = self.world.wait_until(there, 30, f"a message with {word!r}")
        assert found is not None
        return found

    def check_discretion(self) -> None:
        """That the controller has written down no secret, whoever showed it one."""
        log = self.stage.controller.log()
        secrets = {*self.tokens, self.slack.token, SIGNING_SECRET, WEBHOOK_SECRET}
        assert not [secret for secret in secrets if secret in log], "a secret is in the log"
        assert self.receiver.url not in log, "the webhook's address is in the log"


@contextmanager
def open_house(world: World, account: Path, namespace: str) -> Iterator[House]:
    """Everything is running, version v1 is stable, the people have their rights."""
    users = world.folder / f"{namespace}-slack-users.yaml"
    with playing(CHANNEL) as slack, Channel() as receiver:
        settings = (
            *("--slack-bot-token", slack.token, "--slack-api-url", slack.api_url),
            *("--slack-channel", CHANNEL, "--slack-signing-secret", SIGNING_SECRET),
            *("--slack-users-file", str(users)),
            *("--webhook-url", receiver.url, "--webhook-secret", WEBHOOK_SECRET),
        )
        stage = Stage(world, account, namespace, settings=settings)
        house = House(stage=stage, slack=slack, receiver=receiver)
        house.account("viewer", "canary-viewer")
        house.account("operator", "canary-operator")
        house.account("stranger")
        users.write_text(
            yaml.safe_dump(
                {
                    SLACK_OPERATOR: {"user": house.user("operator")},
                    SLACK_VIEWER: {"user": house.user("viewer")},
                }
            )
        )
        stage.settle(spec=SPEC)
        yield house
        stage.controller.stop()
        house.check_discretion()


def annotated(house: House, text: str, *, as_account: str, **further: Any) -> httpx.Response:
    """What the API server answers to somebody who annotates the Canary."""
    access = kubeconfig.load(house.kubeconfig(as_account))
    body = {"metadata": {"annotations": {f"{GROUP}/intent": text}}, **further}
    url = f"{access.server}/apis/{GROUP}/v1alpha1/namespaces/{house.namespace}/canaries/exam"
    with httpx.Client(verify=access.tls, headers=access.headers, timeout=10) as client:
        return client.patch(
            url, json=body, headers={"content-type": "application/merge-patch+json"}
        )


def _bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token is not None else {}
