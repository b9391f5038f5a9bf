"""A campaign as one page that opens offline: no script, no font, no picture from elsewhere."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from controller.simulation.outcome import Milestone, Outcome
from controller.simulation.report import charts, words
from controller.simulation.report.charts import NARROW, WIDE, Series
from controller.simulation.report.facts import policy_rows, world_rows
from controller.simulation.report.summary import NOT_ENDED, Line, Summary, name_of
from controller.simulation.scenario import Ending

MILESTONES_MAX: Final = 60
ALIKE_MAX: Final = 2
ROWS_MAX: Final = 12
TAIL_SECONDS: Final = 120.0


def as_html(summary: Summary, watched: Outcome, unwatched: Outcome) -> str:
    """The page. The two outcomes are those of the typical seed, with and without controller."""
    environment = Environment(
        loader=PackageLoader("controller.simulation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    return template.render(
        summary=summary,
        scenario=summary.scenario,
        words=words,
        headline=_headline(summary),
        endings=_endings(summary),
        decision=_decision(summary),
        failures=_failures(summary),
        saved=_saved(summary),
        typical=_typical(watched, unwatched),
        milestones=tuple(_told(watched.milestones)),
        policy=tuple(policy_rows(summary.scenario.policy)),
        world=tuple(world_rows(summary.scenario)),
        name_of=name_of,
    )


def _headline(summary: Summary) -> str:
    """What happened in most runs, in a few words."""
    name, share = max(summary.endings.shares.items(), key=lambda item: item[1].count)
    what = words.spaced(name)
    if share.count == share.of:
        runs = "the one run" if share.of == 1 else f"all {words.number(share.of)} runs"
        return f"{what} in {runs}"
    return f"{what} in {words.share(share)} runs"


def _endings(summary: Summary) -> list[dict[str, Any]]:
    return [
        {
            "name": words.spaced(name),
            "expected": name == summary.scenario.expect.value,
            "share": share,
            "twin": summary.endings_twin.shares[name],
        }
        for name, share in summary.endings.shares.items()
        if name != NOT_ENDED or share.count or summary.endings_twin.shares[name].count
    ]


def _decision(summary: Summary) -> dict[str, Any] | None:
    """How long it took from the harm to the decision, or None when nothing was rolled back."""
    found = summary.detected
    if found is None:
        return None
    values = [day.watched.seconds_to_detect for day in summary.days]
    known = [value for value in values if value is not None]
    said = (
        f"{found.of} runs, median {words.seconds(found.median)}, "
        f"90 % within {words.seconds(found.p90)}, longest {words.seconds(found.most)}"
    )
    marks = [("median", found.median), ("p90", found.p90)]
    drawn = [charts.histogram(known, marks, said, frame) for frame in (WIDE, NARROW)]
    return {"charts": drawn, "said": said}


def _failures(summary: Summary) -> dict[str, Any]:
    watched, unwatched = summary.line, summary.line_unwatched
    people = summary.scenario.people_seconds
    events = [people] if people and summary.scenario.canary_defects else []
    said = (
        f"with the controller at most {words.number(_most(watched))} failed requests per second, "
        f"without it at most {words.number(_most(unwatched))}"
    )
    series = [
        Series(name="without", style="without", points=_points(unwatched)),
        Series(name="with", style="with", points=_points(watched)),
    ]
    return {
        "charts": [
            charts.lines(series, "failed requests per second", events, said, frame)
            for frame in (WIDE, NARROW)
        ],
        "rows": _rows(watched, unwatched),
        "people": events,
        "said": said,
    }


def _most(line: Line) -> float:
    return max(line.per_second, default=0.0)


def _points(line: Line) -> list[tuple[float, float]]:
    return [(line.seconds(place), value) for place, value in enumerate(line.per_second)]


def _rows(watched: Line, unwatched: Line) -> list[tuple[str, str, str]]:
    """The lines as a table, for those who do not see them; thinned to a few rows."""
    length = max(len(watched.per_second), len(unwatched.per_second))
    every = max(1, -(-length // ROWS_MAX))

    def value(line: Line, place: int) -> str:
        known = place < len(line.per_second)
        return f"{line.per_second[place]:.2f}" if known else words.NOTHING

    return [
        (words.clock(watched.seconds(place)), value(watched, place), value(unwatched, place))
        for place in range(0, length, every)
    ]


def _saved(summary: Summary) -> str | None:
    """How many of the failed requests did not happen, when that can be said."""
    without, with_it = summary.failed_unwatched.total, summary.failed.total
    if summary.scenario.expect is not Ending.ROLLED_BACK or without <= 0 or with_it >= without:
        return None
    return words.percent(1 - with_it / without)


def _typical(watched: Outcome, unwatched: Outcome) -> dict[str, Any]:
    until = min(unwatched.lasted_seconds, watched.lasted_seconds + 10 * TAIL_SECONDS)
    until = max(until, watched.lasted_seconds)
    return {
        "seed": watched.seed,
        "watched": charts.pods(watched.moments, until, _pods_said(watched)),
        "unwatched": charts.pods(unwatched.moments, until, _pods_said(unwatched)),
        "watched_said": _pods_said(watched),
        "unwatched_said": _pods_said(unwatched),
        "outcome": watched,
        "other": unwatched,
    }


def _pods_said(outcome: Outcome) -> str:
    most = max((one.canary_ready for one in outcome.moments), default=0)
    least = min((one.stable_ready + one.canary_ready for one in outcome.moments), default=0)
    canary = f"at most {_counted(most)} of the canary Ready at once"
    return f"{canary}, never less than {_counted(least)} in all"


def _counted(pods: int) -> str:
    return "1 pod" if pods == 1 else f"{pods} pods"


def _told(milestones: Sequence[Milestone]) -> Iterator[Milestone]:
    """Without the many that are alike: a page is not a log."""
    shown = 0
    alike = 0
    for place, one in enumerate(milestones):
        again = place > 0 and _kind(one) == _kind(milestones[place - 1])
        alike = alike + 1 if again else 0
        following = milestones[place + 1] if place + 1 < len(milestones) else None
        last = following is None or _kind(following) != _kind(one)
        if alike >= ALIKE_MAX:
            if last:
                more = alike - ALIKE_MAX + 1
                yield Milestone(at=one.at, what=f"and {more} more like this until then")
            continue
        shown += 1
        if shown > MILESTONES_MAX:
            yield Milestone(at=one.at, what="and so on: replay the seed for the rest")
            return
        yield one


def _kind(milestone: Milestone) -> str:
    head, died, reason = milestone.what.partition(" died: ")
    return died + reason if died else head
