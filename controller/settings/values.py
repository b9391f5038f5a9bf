"""What a setting may be: addresses, secrets, networks; and what is said of one that is not."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

SECRET_FILE_CHARACTERS_MAX: Final = 16_384
NETWORKS_MAX: Final = 64


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http or https address")
    return value.rstrip("/")


def _secret_text(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    # What goes into a header or a signature: a line break in it is a slip of a pasting hand.
    if not text or not text.isascii() or any(character.isspace() for character in text):
        raise ValueError("empty, or with spaces or other characters in it that no secret has")
    return SecretStr(text)


def _secret_url(value: SecretStr) -> SecretStr:
    return SecretStr(_http_url(_secret_text(value).get_secret_value()))


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _networks(value: object) -> object:
    """Networks with commas between them."""
    if not isinstance(value, str):
        return value
    words = [word.strip() for word in value.split(",") if word.strip()]
    if len(words) > NETWORKS_MAX:
        raise ValueError(f"more than {NETWORKS_MAX} networks")
    return tuple(ip_network(word) for word in words)


Network = IPv4Network | IPv6Network
Url = Annotated[str, AfterValidator(_http_url)]
Secret = Annotated[SecretStr, AfterValidator(_secret_text)]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]
Lower = BeforeValidator(_lower)
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]


def setting(default: object, description: str, wanted: str, **limits: float) -> Any:
    """A field whose `wanted` says, after a bad value, what would have been a good one."""
    return Field(
        default=default, description=description, json_schema_extra={"wanted": wanted}, **limits
    )  # type: ignore[call-overload, unused-ignore]


def secret_in(path: Path, *, url: bool) -> SecretStr:
    """The secret that a file holds. Raises OSError, or ValueError when there is none in it."""
    with path.open(encoding="utf-8") as file:
        text = SecretStr(file.read(SECRET_FILE_CHARACTERS_MAX).strip())
    return _secret_url(text) if url else _secret_text(text)
