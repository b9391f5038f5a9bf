"""The Metrics port for those who configured none: nothing is known, and that is said."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from controller.domain.policy import RequestSource
from controller.domain.readings import Missing, Tally

NOT_CONFIGURED: Final = Missing(
    "not configured",
    "no Prometheus address was given: set prometheus_url, or analysis.requests.disabled: true in "
    "the Canary to judge by crashes alone",
)


class Unmeasured:
    """Answers every question with what is missing and how to give it."""

    async def tally(
        self,
        source: RequestSource,  # noqa: ARG002 - the port's shape
        namespace: str,  # noqa: ARG002
        pods: Mapping[str, datetime],  # noqa: ARG002
        *,
        since: datetime | None,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Tally | Missing:
        return NOT_CONFIGURED

    async def restarts(
        self,
        namespace: str,  # noqa: ARG002
        pods: frozenset[str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Mapping[str, int] | Missing:
        return NOT_CONFIGURED
