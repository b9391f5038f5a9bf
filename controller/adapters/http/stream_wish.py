"""One open stream: what it is to tell, and what waits to be sent."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from controller.adapters.http.sight import Sight
from controller.domain.records import Ref

# Each is what one look had to say, a page is some 50 KB: whoever is further behind does not read.
BUFFERED_MAX: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a stream is to tell. Those with equal wishes are told the same bytes."""

    sight: Sight
    namespace: str | None = None
    name: str | None = None
    html: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of one Canary is wanted, not a line of each."""
        return self.name is not None

    @property
    def form(self) -> tuple[bool, bool]:
        """What decides how a Canary is written."""
        return self.whole, self.html

    def covers(self, ref: Ref) -> bool:
        """Whether this Canary is wanted, and may be seen."""
        return (
            self.namespace in {None, ref.namespace}
            and self.name in {None, ref.name}
            and self.sight.shows(ref)
        )


@dataclass(eq=False, slots=True)
class Client:
    """One open stream, of whom. None in the queue is its end."""

    wish: Wish
    owner: str = ""
    queue: asyncio.Queue[bytes | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=BUFFERED_MAX)
    )
