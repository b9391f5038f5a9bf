"""The Metrics port for those who configured none: nothing is known, and that is said."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from controller.domain.policy import Guard, RequestSource, SlowRequests
from controller.domain.readings import Lives, Measured, Missing, Past, Tally
from controller.engine.ports import Stable

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
        slow: SlowRequests | None = None,  # noqa: ARG002
        since: datetime,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Tally | Missing:
        return NOT_CONFIGURED

    async def past(
        self,
        source: RequestSource,  # noqa: ARG002
        namespace: str,  # noqa: ARG002
        stable: Stable,  # noqa: ARG002
        *,
        slow: SlowRequests | None = None,  # noqa: ARG002
        span: timedelta,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Past | Missing:
        return NOT_CONFIGURED

    async def lives(
        self,
        namespace: str,  # noqa: ARG002
        stable: Stable,  # noqa: ARG002
        *,
        span: timedelta,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Lives | Missing:
        return NOT_CONFIGURED

    async def restarts(
        self,
        namespace: str,  # noqa: ARG002
        pods: frozenset[str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Mapping[str, int] | Missing:
        return NOT_CONFIGURED

    async def guard(
        self,
        guard: Guard,  # noqa: ARG002
        namespace: str,  # noqa: ARG002
        canary: frozenset[str],  # noqa: ARG002
        stable: frozenset[str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Measured | Missing:
        return NOT_CONFIGURED
