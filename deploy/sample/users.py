"""Users of the exam server: about 50 requests a second, one in a hundred of them an LTI launch.

Each request has a connection of its own, so that the Service spreads them over all pods.
"""

from __future__ import annotations

import http.client
import random
import sys
import threading
import time
from urllib.parse import urlsplit

MIX = {"/exam": 80, "/submit": 19, "/lti/launch": 1}
USERS = 10
PER_SECOND = 50.0
TIMEOUT_SECONDS = 5.0
TOLD_SECONDS = 5.0


class Counts:
    """What the users have seen since it was last told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served = self._failed = 0

    def add(self, *, served: bool) -> None:
        with self._lock:
            self._served += served
            self._failed += not served

    def taken(self) -> tuple[int, int]:
        with self._lock:
            counts = self._served, self._failed
            self._served = self._failed = 0
            return counts


def ask(address: str, path: str) -> bool:
    """One request; whether it was answered well."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return answer.status < 500


def use(address: str, counts: Counts) -> None:
    """Ask for ever, with pauses as people make them."""
    routes, weights = list(MIX), list(MIX.values())
    while True:
        time.sleep(random.expovariate(PER_SECOND / USERS))
        counts.add(served=ask(address, random.choices(routes, weights)[0]))


def main() -> None:
    """Let the users begin, and tell every few seconds what they have seen."""
    address, counts = sys.argv[1], Counts()
    for _ in range(USERS):
        threading.Thread(target=use, args=(address, counts), daemon=True).start()
    while True:
        time.sleep(TOLD_SECONDS)
        served, failed = counts.taken()
        print(f"{served} requests served, {failed} failed", flush=True)


if __name__ == "__main__":
    main()
