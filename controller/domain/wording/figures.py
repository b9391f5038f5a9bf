"""Numbers as a person says them: no more digits than are known."""

from datetime import datetime, timedelta
from typing import Final

DAY_SECONDS: Final = 86_400
# Beyond this a multiple says no more than "far".
FAR: Final = 1000
NAME_MAX: Final = 120
_SMALLEST_PERCENT: Final = 0.001


def percent(share: float) -> str:
    """A share in percent, to two digits; never 0 or 100 where it is not."""
    value = share * 100
    if value <= 0:
        return "0 %"
    if value < _SMALLEST_PERCENT:
        return f"less than {_SMALLEST_PERCENT:g} %"
    if 99 < value < 100:
        # Here what is missing to 100 is what matters.
        return f"{100 - float(f'{100 - value:.1g}'):g} %" if value < 99.9 else "more than 99.9 %"
    return f"{plain(value)} %"


def plain(value: float) -> str:
    """A number to two digits, whole numbers of up to three digits as they are."""
    if value == int(value) and abs(value) < FAR:
        return f"{value:.0f}"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 else f"{rounded:.12f}".rstrip("0").rstrip(".")


def measured(value: float) -> str:
    """A value of a person's own metric, to four digits: its unit is theirs."""
    if abs(value) >= 1e15 or 0 < abs(value) < 1e-4:
        return f"{value:.3e}"
    if value == int(value):
        return f"{value:,.0f}"
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if abs(rounded) >= FAR * 10 else f"{rounded:.4g}"


def count(number: float) -> str:
    """A number of things."""
    return f"{round(number):,}"


def counted(number: float, what: str) -> str:
    """A number of things with their name: "1 death", "2 deaths"."""
    return f"{count(number)} {what}" if round(number) == 1 else f"{count(number)} {what}s"


def daily(per_second: float) -> str:
    """A rate per pod-second, as crashes per pod and day."""
    return f"{plain(per_second * DAY_SECONDS)} per pod and day"


def named(segment: str) -> str:
    """A segment's name; a very long one is cut, since whoever asks for it chose its length."""
    return segment if len(segment) <= NAME_MAX else segment[: NAME_MAX - 1] + "…"


def clock(at: datetime) -> str:
    """A time of the day."""
    return f"{at:%H:%M:%S} UTC"


def duration(span: timedelta) -> str:
    """A span of time as a person says it."""
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
