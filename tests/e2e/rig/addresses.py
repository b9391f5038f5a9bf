"""The pod network that is the loopback network, and the lifeline of the rig's own daemons."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Final

# An EndpointSlice accepts no loopback address, so a pod that listens on 127.N.x.y has 240.N.x.y as
# its podIP. No real cluster numbers its pods in this reserved range: what begins so is ours.
POD_NETWORK: Final = "240."


def loopback(pod_ip: str) -> str:
    """Where a pod of that `podIP` really listens."""
    rest = pod_ip.removeprefix(POD_NETWORK)
    return pod_ip if rest == pod_ip else f"127.{rest}"


def pod_addresses(network: int) -> Iterator[str]:
    """Each one is used again only after all the others."""
    while True:
        for third in range(1, 251):
            for fourth in range(1, 251):
                yield f"{POD_NETWORK}{network}.{third}.{fourth}"


async def commands() -> asyncio.StreamReader:
    """Lines from standard input, which ends when the process that started this one does."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


async def lifeline_cut() -> None:
    """Returns when standard input ends."""
    reader = await commands()
    while await reader.readline():
        pass
