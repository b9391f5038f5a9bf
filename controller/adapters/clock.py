"""The wall's time: the only place that asks for it."""

from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, in UTC and whole milliseconds.

    That is how finely Prometheus tells times apart: a finer "counted until" would lie just after
    the instant that a later read can begin at.
    """

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
