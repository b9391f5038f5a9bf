"""How the process is told where things are: a flag wins over the environment, both over default."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "CANARY_CONTROLLER_"
SECRETS: Final = frozenset({"slack_webhook_url"})
SECRET_FILE_CHARACTERS_MAX: Final = 16_384

# What the kubelet puts into every container for Services: no setting of ours.
_SERVICE_VARIABLE: Final = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)")
_LOOKS_LIKE: Final = 0.8


class SettingsError(Exception):
    """A setting cannot be used; the message names it, its value and the remedy, one per line."""


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http or https address")
    return value.rstrip("/")


def _secret_url(value: SecretStr) -> SecretStr:
    return SecretStr(_http_url(value.get_secret_value().strip()))


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(_http_url)]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]


def _setting(default: object, description: str, wanted: str, **limits: float) -> Any:
    """A field whose `wanted` says, after a bad value, what would have been a good one."""
    return Field(
        default=default, description=description, json_schema_extra={"wanted": wanted}, **limits
    )  # type: ignore[call-overload, unused-ignore]


class Settings(BaseSettings):
    """All that the process is told from outside; what a team wants is in its Canary objects."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    namespace: str = _setting("", "namespace to watch; empty: all of them", "a namespace's name")
    kubeconfig: FilePath | None = _setting(
        None, "kubeconfig file; none: the pod's own service account", "the path of a file"
    )
    prometheus_url: Url | None = _setting(
        None,
        "address of Prometheus; none: only Canaries with analysis.requests.disabled are promoted",
        "an address such as http://prometheus.monitoring:9090",
    )
    prometheus_bearer_token_file: FilePath | None = _setting(
        None, "file with the token for Prometheus, read anew at every use", "the path of a file"
    )
    prometheus_timeout_seconds: float = _setting(
        5.0, "how long a query may take", "seconds from 0.5 to 60", ge=0.5, le=60
    )
    look_interval_seconds: float = _setting(
        5.0, "how often evidence is read during a release", "seconds from 0.5 to 60", ge=0.5, le=60
    )
    slack_webhook_url: SecretUrl | None = _setting(
        None,
        "Slack incoming webhook; better given by environment or file than in a command line",
        "an address such as https://hooks.slack.com/services/...",
    )
    slack_webhook_url_file: FilePath | None = _setting(
        None, "file with the Slack incoming webhook's address", "the path of a file"
    )
    slack_proxy_from_environment: bool = _setting(
        default=False,
        description="reach Slack through HTTPS_PROXY, except for what NO_PROXY names",
        wanted="true or false",
    )
    listen_host: str = _setting("0.0.0.0", "address to listen on", "a host name or address")  # noqa: S104 - probes and scrapes come from outside the pod
    listen_port: int = _setting(
        8080,
        "port of probes and metrics; 0: any free one",
        "a port from 0 to 65535",
        ge=0,
        le=65535,
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = (
        _setting("info", "least important level that is logged", "debug, info, warning or error")
    )
    log_format: Annotated[Literal["json", "text"], BeforeValidator(_lower)] = _setting(
        "json", "one JSON object a line for machines, or text for people", "json or text"
    )
    workers: int = _setting(
        4, "how many releases are looked at at once", "a number from 1 to 64", ge=1, le=64
    )
    dashboard_url: Url | None = _setting(
        None, "address of a dashboard, linked in every Slack message", "an http or https address"
    )

    @model_validator(mode="after")
    def _one_webhook(self) -> Self:
        if self.slack_webhook_url and self.slack_webhook_url_file:
            raise ValueError(
                "slack_webhook_url and slack_webhook_url_file are both given; leave one of them out"
            )
        return self

    @classmethod
    def load(cls, flags: Mapping[str, str]) -> Self:
        """From flags, the environment and defaults. Raises SettingsError with all that is wrong."""
        lines = _misspelt(os.environ, cls.model_fields)
        try:
            settings = cls(**flags)  # type: ignore[arg-type]  # text, which pydantic reads
        except ValidationError as error:
            lines += _explain(error, flags, cls.model_fields)
        else:
            if not lines:
                return settings
        raise SettingsError("\n".join(lines))

    @classmethod
    def describe(cls) -> str:
        """A table of every setting: flag, default and meaning."""
        rows = [
            (f"--{flag(name)}", _default_text(field), field.description or "")
            for name, field in cls.model_fields.items()
        ]
        flag_width, default_width = (max(len(row[column]) for row in rows) for column in (0, 1))
        return "\n".join(
            f"  {name:<{flag_width}}  {default:<{default_width}}  {text}"
            for name, default, text in [("flag", "default", "meaning"), *rows]
        )

    def webhook_url(self) -> SecretStr | None:
        """The Slack webhook's address, wherever it was given. Raises SettingsError."""
        if self.slack_webhook_url_file is None:
            return self.slack_webhook_url
        try:
            return _secret_url(SecretStr(_content(self.slack_webhook_url_file)))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "holds no address"
            raise SettingsError(
                f"slack_webhook_url_file = {str(self.slack_webhook_url_file)!r}: {reason}; "
                "put the webhook's address, https://hooks.slack.com/services/..., into that file"
            ) from None


def flag(name: str) -> str:
    """How a setting is spelled as a flag, without the dashes."""
    return name.replace("_", "-")


def variable(name: str) -> str:
    """How a setting is spelled in the environment."""
    return PREFIX + name.upper()


def _default_text(field: FieldInfo) -> str:
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return "none" if field.default is None else str(field.default) or '""'


def _content(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(SECRET_FILE_CHARACTERS_MAX).strip()


def _explain(
    error: ValidationError, flags: Mapping[str, str], fields: Mapping[str, FieldInfo]
) -> list[str]:
    lines: list[str] = []
    for problem in error.errors(include_url=False, include_context=False):
        reason = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(reason)
            continue
        name = str(problem["loc"][0])
        field = fields[name]
        said = "(secret)" if name in SECRETS else repr(problem["input"])
        source = f"--{flag(name)}" if name in flags else variable(name)
        extra = field.json_schema_extra
        wanted = extra["wanted"] if isinstance(extra, dict) else ""
        lines.append(f"{name} = {said}: {reason}; set {source} to {wanted}")
    return lines


def _misspelt(environment: Mapping[str, str], fields: Mapping[str, FieldInfo]) -> list[str]:
    """A setting that is misspelt would silently keep its default."""
    known = {variable(name) for name in fields}
    lines: list[str] = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in known or _SERVICE_VARIABLE.fullmatch(name):
            continue
        near = difflib.get_close_matches(
            name.removeprefix(PREFIX), map(str.upper, fields), 1, _LOOKS_LIKE
        )
        if near:
            lines.append(f"{name}: there is no such setting; did you mean {PREFIX}{near[0]}?")
    return lines
