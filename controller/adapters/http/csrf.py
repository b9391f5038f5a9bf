"""Whether a request that a browser sent comes from our own pages: Fetch-Metadata and Origin."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
ORIGIN_CHARACTERS_MAX: Final = 300
_PORTS: Final = {"http": 80, "https": 443}


def is_own(headers: Mapping[str, str], dashboard_url: str | None) -> bool:
    """Whether a browser says that one of our own pages sent this.

    Both headers are the browser's own, no page can set them. A browser from before Fetch-Metadata
    sends the Origin at least; who sends neither is no browser, and needs a token.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return False
    if site is not None and site != "same-origin":
        return False
    # A page whose referrer policy is strict sends "null" to itself too; the site was told then.
    if origin is None or (origin == "null" and site is not None):
        return True
    return _is_ours(origin, headers.get("host", ""), dashboard_url)


def is_from_a_browser(headers: Mapping[str, str]) -> bool:
    """Whether it can be told which page sent it."""
    return "sec-fetch-site" in headers or "origin" in headers


def is_unprotected(headers: Mapping[str, str]) -> bool:
    """Whether a browser reached us over plain HTTP from another machine.

    It would send everything in the clear, and not keep our cookie.
    """
    origin = _split(headers.get("origin", ""))
    return origin is not None and origin.scheme == "http" and origin.hostname not in LOOPBACK_HOSTS


def is_loopback_host(headers: Mapping[str, str]) -> bool:
    """Whether the browser thinks that it speaks to its own machine, and not to a name.

    A name can be made to point here by whoever owns it: only what needs no look-up counts.
    """
    host = _split(f"http://{headers.get('host', '')}")
    return host is not None and host.hostname in LOOPBACK_HOSTS


def _is_ours(origin: str, host: str, dashboard_url: str | None) -> bool:
    """By the address that people reach us at, or by the host that they asked for.

    What ends TLS in front of us hides the scheme, so that only hosts and ports are compared.
    """
    said = _split(origin)
    if said is None or said.scheme not in _PORTS or not said.hostname:
        return False
    place = said.hostname, said.port or _PORTS[said.scheme]
    asked = _split(f"{said.scheme}://{host}")
    if asked is not None and place == (asked.hostname, asked.port or _PORTS[said.scheme]):
        return True
    known = _split(dashboard_url) if dashboard_url else None
    return known is not None and (said.scheme, *place) == (
        known.scheme,
        known.hostname,
        known.port or _PORTS.get(known.scheme),
    )


def _split(url: str) -> SplitResult | None:
    if len(url) > ORIGIN_CHARACTERS_MAX or "@" in url:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        return None
    return parts
