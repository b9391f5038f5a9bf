"""How the process is told where things are: a flag wins over the environment, both over default."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import DirectoryPath, FilePath, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from controller.settings.spelling import PREFIX, explained, flag, misspelt, table, variable
from controller.settings.values import (
    Lower,
    Networks,
    Secret,
    SecretUrl,
    Url,
    secret_in,
    setting,
)

__all__ = ["PREFIX", "Settings", "SettingsError", "flag", "variable"]

# Each may be given in a file as well, as <name>_file; True: it is an address.
SECRETS: Final[Mapping[str, bool]] = {
    "slack_webhook_url": True,
    "slack_bot_token": False,
    "slack_signing_secret": False,
    "webhook_url": True,
    "webhook_secret": False,
}
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_FILE: Final = "the path of a file"
_BETTER: Final = "better given by environment or file than in a command line"


class SettingsError(Exception):
    """A setting cannot be used; the message names it, its value and the remedy, one per line."""


class Settings(BaseSettings):
    """All that the process is told from outside; what a team wants is in its Canary objects."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    namespace: str = setting(
        "",
        "namespaces to watch, with commas between them; empty: all of them",
        "namespaces such as exams,shop",
    )
    kubeconfig: FilePath | None = setting(
        None, "kubeconfig file; none: the pod's own service account", _FILE
    )
    prometheus_url: Url | None = setting(
        None,
        "address of Prometheus; none: only Canaries with analysis.requests.disabled are promoted",
        "an address such as http://prometheus.monitoring:9090",
    )
    prometheus_bearer_token_file: FilePath | None = setting(
        None, "file with the token for Prometheus, read anew at every use", _FILE
    )
    prometheus_ca_file: FilePath | None = setting(
        None, "authority that has signed Prometheus' certificate; none: the usual ones", _FILE
    )
    prometheus_timeout_seconds: float = setting(
        5.0, "how long a query may take", "seconds from 0.5 to 60", ge=0.5, le=60
    )
    look_interval_seconds: float = setting(
        5.0, "how often evidence is read during a release", "seconds from 0.5 to 60", ge=0.5, le=60
    )
    listen_host: str = setting("0.0.0.0", "address to listen on", "a host name or address")  # noqa: S104 - probes, scrapes and people come from outside the pod
    listen_port: int = setting(
        8080,
        "port of the dashboard, the API, probes and metrics; 0: any free one",
        "a port from 0 to 65535",
        ge=0,
        le=65535,
    )
    tls_cert_file: FilePath | None = setting(
        None, "certificate chain to serve with; none: what is in front ends TLS", _FILE
    )
    tls_key_file: FilePath | None = setting(None, "key of that certificate", _FILE)
    trusted_proxies: Networks = setting(
        (),
        "networks whose X-Forwarded-For says where a person is, with commas between them",
        "networks such as 10.0.0.0/8,fd00::/8",
    )
    dashboard_url: Url | None = setting(
        None,
        "address at which people reach the dashboard; linked in messages",
        "an http or https address",
    )
    api_audience: str = setting(
        "canary-controller",
        "audience that the tokens of people and scripts have to be made for",
        "a word such as canary-controller",
    )
    session_hours: float = setting(
        8.0, "how long a browser stays signed in at most", "hours from 0.1 to 24", ge=0.1, le=24
    )
    slack_webhook_url: SecretUrl | None = setting(
        None,
        f"Slack incoming webhook, for single messages; {_BETTER}",
        "an address such as https://hooks.slack.com/services/...",
    )
    slack_webhook_url_file: FilePath | None = setting(
        None, "file with the Slack incoming webhook's address", _FILE
    )
    slack_bot_token: Secret | None = setting(
        None,
        f"Slack bot token, for one message per release with buttons; {_BETTER}",
        "a token that begins with xoxb-",
    )
    slack_bot_token_file: FilePath | None = setting(None, "file with the Slack bot token", _FILE)
    slack_channel: str = setting(
        "", "channel of the bot's messages where nothing else is said", "a channel such as #deploys"
    )
    slack_channels_file: FilePath | None = setting(
        None, "file (YAML or JSON) with a channel for each namespace", _FILE
    )
    slack_signing_secret: Secret | None = setting(
        None, f"Slack app's signing secret, for buttons; {_BETTER}", "the app's signing secret"
    )
    slack_signing_secret_file: FilePath | None = setting(
        None, "file with the Slack app's signing secret", _FILE
    )
    slack_users_file: FilePath | None = setting(
        None, "file (YAML or JSON) with the Kubernetes user for each Slack user", _FILE
    )
    slack_api_url: Url = setting(
        "https://slack.com/api", "address of Slack's Web API", "an http or https address"
    )
    slack_proxy_from_environment: bool = setting(
        default=False,
        description="reach Slack through HTTPS_PROXY, except for what NO_PROXY names",
        wanted="true or false",
    )
    webhook_url: SecretUrl | None = setting(
        None, f"address that gets every notice as signed JSON; {_BETTER}", "an http(s) address"
    )
    webhook_url_file: FilePath | None = setting(None, "file with that address", _FILE)
    webhook_secret: Secret | None = setting(
        None, f"secret with which those are signed; {_BETTER}", "a long random text"
    )
    webhook_secret_file: FilePath | None = setting(None, "file with that secret", _FILE)
    flight_recorder_dir: DirectoryPath | None = setting(
        None,
        "folder that gets a file of each decision, for canaryctl explain; the oldest give way",
        "the path of a folder",
    )
    watch_configmaps: bool = setting(
        default=True,
        description="say with a rollback which ConfigMaps changed: it does not bring those back",
        wanted="true or false",
    )
    watch_secrets: bool = setting(
        default=False,
        description="the same for Secrets; their contents are never asked for, but the right to "
        "get them is needed",
        wanted="true or false",
    )
    lease_namespace: str = setting(
        "",
        "namespace of the Lease by which one of several replicas leads; empty: there is no other",
        "a namespace's name",
    )
    lease_name: str = setting("canary-controller", "name of that Lease", "a Lease's name")
    lease_seconds: int = setting(
        10,
        "after how long a leader that is silent is replaced",
        "whole seconds from 5 to 60",
        ge=5,
        le=60,
    )
    replica_name: str = setting(
        "", "name of this replica, for people; empty: the host's", "a name such as the pod's"
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lower] = setting(
        "info", "least important level that is logged", "debug, info, warning or error"
    )
    log_format: Annotated[Literal["json", "text"], Lower] = setting(
        "json", "one JSON object a line for machines, or text for people", "json or text"
    )
    workers: int = setting(
        4, "how many releases are looked at at once", "a number from 1 to 64", ge=1, le=64
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = list(self._contradictions())
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _contradictions(self) -> Iterator[str]:
        for name in self.namespaces:
            if not _NAMESPACE.fullmatch(name):
                yield f"namespace = {self.namespace!r}: {name!r} is no name of a namespace"
        for name in SECRETS:
            if getattr(self, name) and getattr(self, f"{name}_file"):
                yield f"{name} and {name}_file are both given; leave one of them out"
        if self._given("slack_webhook_url") and self._given("slack_bot_token"):
            yield (
                "slack_webhook_url and slack_bot_token are both given, and every message would "
                "come twice; leave one of them out"
            )
        if self._given("slack_bot_token") and not self.slack_channel:
            yield "slack_bot_token needs slack_channel, for what no other channel is named for"
        if self._given("slack_signing_secret") != (self.slack_users_file is not None):
            yield (
                "slack_signing_secret and slack_users_file belong together: buttons are for those "
                "whose Kubernetes user is known; give both or none"
            )
        if self._given("webhook_url") != self._given("webhook_secret"):
            yield "webhook_url and webhook_secret belong together; give both or none"
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            yield "tls_cert_file and tls_key_file belong together; give both or none"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those that are watched; none: all of them."""
        words = (word.strip() for word in self.namespace.split(","))
        return tuple(dict.fromkeys(word for word in words if word))

    def _given(self, name: str) -> bool:
        return bool(getattr(self, name) or getattr(self, f"{name}_file"))

    @classmethod
    def load(cls, flags: Mapping[str, str]) -> Self:
        """From flags, the environment and defaults. Raises SettingsError with all that is wrong."""
        lines = misspelt(os.environ, cls.model_fields)
        try:
            settings = cls(**flags)  # type: ignore[arg-type]  # text, which pydantic reads
        except ValidationError as error:
            lines += explained(error, flags, cls.model_fields, frozenset(SECRETS))
        else:
            if not lines:
                return settings
        raise SettingsError("\n".join(lines))

    @classmethod
    def describe(cls) -> str:
        """A table of every setting: flag, default and meaning."""
        return table(cls.model_fields)

    def secret(self, name: str) -> SecretStr | None:
        """One of SECRETS, wherever it was given; None: nowhere. Raises SettingsError."""
        path = getattr(self, f"{name}_file")
        if path is None:
            given: SecretStr | None = getattr(self, name)
            return given
        url = SECRETS[name]
        try:
            return secret_in(path, url=url)
        except (OSError, ValueError) as error:
            nothing = f"holds no {'address' if url else 'secret'}"
            reason = error.strerror if isinstance(error, OSError) else nothing
            extra = type(self).model_fields[name].json_schema_extra
            wanted = extra["wanted"] if isinstance(extra, dict) else ""
            raise SettingsError(
                f"{name}_file = {str(path)!r}: {reason}; put {wanted} into that file"
            ) from None

    def secrets(self) -> tuple[str, ...]:
        """Every secret that was given, to be kept out of the log. Raises SettingsError."""
        given = (self.secret(name) for name in SECRETS)
        return tuple(secret.get_secret_value() for secret in given if secret is not None)
