"""Where a request comes from, and how often those there could not say who they are."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from math import ceil
from typing import Final

from fastapi import Request

from controller.engine.ports import Clock

FAILURES_MAX: Final = 20
RECOVER_SECONDS: Final = 3.0
PLACES_MAX: Final = 4_096
HOPS_MAX: Final = 16
IPV6_PREFIX_BITS: Final = 64
UNKNOWN: Final = "an unknown address"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def place_of(request: Request, trusted: Sequence[Network]) -> Address | None:
    """Where the caller is: our peer, or whom proxies that we trust say that they speak for.

    Read from the end: each proxy adds whom it heard, and what stands before the first one that is
    not ours could have been written by anybody. None: nobody knows.
    """
    here = _address(request.client.host) if request.client else None
    if here is None or not _is_in(here, trusted):
        return here
    said = [
        hop.strip()
        for line in request.headers.getlist("x-forwarded-for")
        for hop in line.split(",")
    ]
    for hop in reversed(said[-HOPS_MAX:]):
        before = _address(hop)
        if before is None:
            return here
        here = before
        if not _is_in(here, trusted):
            return here
    return here


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """An address as proxies write it: some add a port, and brackets around IPv6."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@dataclass(slots=True)
class _Spent:
    failures: float
    at: datetime


class Failures:
    """Failed attempts by place: some at once, then one each few seconds.

    A network of IPv6 counts as one place, since whoever has one has all of its addresses.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._places: OrderedDict[str, _Spent] = OrderedDict()

    def wait_seconds(self, place: Address | None) -> int:
        """How long until somebody there may try again; 0: now."""
        excess = self._now(_key(place)).failures + 1 - FAILURES_MAX
        return max(0, ceil(excess * RECOVER_SECONDS))

    def add(self, place: Address | None) -> None:
        """Before it is known how an attempt ends: many at once must not pass for one."""
        self._change(place, 1.0)

    def take_back(self, place: Address | None) -> None:
        """It was none."""
        self._change(place, -1.0)

    def _change(self, place: Address | None, by: float) -> None:
        key = _key(place)
        spent = self._now(key)
        spent.failures = max(0.0, spent.failures + by)
        self._places[key] = spent
        self._places.move_to_end(key)
        while len(self._places) > PLACES_MAX:
            self._places.popitem(last=False)

    def _now(self, key: str) -> _Spent:
        now = self._clock.now()
        spent = self._places.get(key)
        if spent is None:
            return _Spent(0.0, now)
        # A clock that was set back forgives nothing.
        passed = max(0.0, (now - spent.at).total_seconds())
        return _Spent(max(0.0, spent.failures - passed / RECOVER_SECONDS), now)


def _key(place: Address | None) -> str:
    if isinstance(place, IPv6Address):
        return str(IPv6Network((place, IPV6_PREFIX_BITS), strict=False))
    return str(place)
