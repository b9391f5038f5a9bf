"""Numbers as people read them."""

from controller.simulation.report.statistics import Share, Spread

NOTHING = "\N{EN DASH}"


def seconds(value: float | None) -> str:
    """`0.4 s`, `43 s`, `5 min 10 s`, `1 h 5 min`; a dash where there is none."""
    if value is None:
        return NOTHING
    if value < 10 and round(value, 1) % 1:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def clock(value: float) -> str:
    """A time after the push, as a stopwatch shows it: `+02:05`, `+1:02:05`."""
    sign = "-" if value < 0 else "+"
    minutes, rest = divmod(abs(round(value)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02}:{rest:02}" if hours else f"{sign}{minutes:02}:{rest:02}"


def number(value: float) -> str:
    """With a thin space between thousands, and no more digits than mean anything."""
    text = f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:,.1f}"
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(value: float) -> str:
    """`0 %`, `0.4 %`, `12 %`, `100 %`; never rounded to all or to nothing."""
    shown = value * 100
    if 0 < shown < 0.1:
        return "< 0.1 %"
    if 99.9 < shown < 100:
        return "> 99.9 %"
    return f"{shown:.0f} %" if shown in {0, 100} or 10 <= shown <= 90 else f"{shown:.1f} %"


def share(found: Share) -> str:
    """`50 of 50`."""
    return f"{number(found.count)} of {number(found.of)}"


def interval(found: Share) -> str:
    """`93 % to 100 %`."""
    low, high = found.interval
    return f"{percent(low)} to {percent(high)}"


def median_and_p90(found: Spread | None) -> tuple[str, str]:
    """Both in words of time."""
    return (seconds(found.median), seconds(found.p90)) if found else (NOTHING, NOTHING)


def spaced(name: str) -> str:
    """`RolledBack` as `rolled back`."""
    return "".join(f" {one.lower()}" if one.isupper() else one for one in name).strip()


def sentence(text: str) -> str:
    """With a capital at the beginning; the rest as it is."""
    return text[:1].upper() + text[1:]
