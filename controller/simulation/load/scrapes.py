"""What the metric source has seen of the pods' counters: samples, and what they gained.

A process counts for itself; what it counted after its last scrape is lost with it.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from controller.domain.records import Ref
from controller.simulation.load.rates import Floats, Ints, Rows
from controller.simulation.pods import SimulatedPod
from controller.simulation.scenario import Scraping

LOOKBACK_MIN_SECONDS: Final = 10.0
LOOKBACK_INTERVALS: Final = 3.5
NEVER: Final = float("-inf")


# The channels of a counter: successes, failures, and of both those below the threshold of slow
# requests. The last one is there only if somebody asks for it, and is what a histogram's bucket is.
SUCCEEDED: Final = 0
FAILED: Final = 1
FAST: Final = 2
OUTCOMES: Final = slice(SUCCEEDED, FAST)

RECENT_LOOKS: Final = 360
"""So many scrapes of what was there before the run are told one by one."""


@dataclass(slots=True)
class Record:
    """Samples of one pod: when (milliseconds of the run), what the counters showed, and what
    they had gained by then since the record began. A counter is by channel and by route.

    `born_at`: when the process began whose samples the record begins with (milliseconds).
    """

    born_at: int = 0
    times: list[int] = field(default_factory=list)
    shown: list[Ints] = field(default_factory=list)
    gained: list[Ints] = field(default_factory=list)

    def until(self, time: int) -> int:
        """How many samples there are until then."""
        if self.times and self.times[-1] <= time:
            return len(self.times)
        return bisect_right(self.times, time)


class Scrapes:
    """The counters of all pods, by row, and the record of every pod there ever was.

    Rows are in the order in which pods were added. `refresh`, which whoever reads calls first,
    brings the counters up to now. `blind` says whether nothing can be scraped.
    """

    def __init__(
        self,
        scraping: Scraping,
        routes: tuple[str, ...],
        dice: np.random.Generator,
        *,
        refresh: Callable[[], None] = lambda: None,
        blind: Callable[[float], bool] = lambda _at: False,
        channels: int = FAST,
    ) -> None:
        self.interval_seconds: Final = scraping.interval_seconds
        self.routes: Final = routes
        self.refresh: Final = refresh
        self.records: Final[dict[Ref, Record]] = {}
        self._scraping = scraping
        self._dice = dice
        self._blind = blind
        self._names: list[Ref] = []
        self._written: list[Record] = []
        self._channels = channels
        shape = (0, channels, len(routes))
        self.counters: Ints = np.zeros(shape, dtype=np.int64)
        self.due_at: Floats = np.zeros(0)
        self._shown: Ints = np.zeros(shape, dtype=np.int64)
        self._shown_at: Floats = np.zeros(shape)
        self._gained: Ints = np.zeros(shape, dtype=np.int64)
        self._phases: Floats = np.zeros(0)

    @property
    def lookback_seconds(self) -> float:
        """Two samples further apart than this tell nothing of what lies between them."""
        return max(LOOKBACK_MIN_SECONDS, LOOKBACK_INTERVALS * self.interval_seconds)

    def add(self, pod: SimulatedPod, now: float) -> None:
        """A pod is scraped from now on, at a phase of its own."""
        empty = np.zeros((1, self._channels, len(self.routes)), dtype=np.int64)
        phase = now + float(self._dice.uniform(0.0, self.interval_seconds))
        self.counters = np.concatenate([self.counters, empty])
        self._shown = np.concatenate([self._shown, empty])
        self._shown_at = np.concatenate([self._shown_at, np.full(empty.shape, NEVER)])
        self._gained = np.concatenate([self._gained, empty])
        self.due_at = np.append(self.due_at, phase)
        self._phases = np.append(self._phases, phase)
        self._names.append(_key(pod))
        self._written.append(self.records.setdefault(_key(pod), Record(round(now * 1000))))

    def remove(self, row: int) -> None:
        """A pod is gone; its record stays."""
        self.counters = np.delete(self.counters, row, axis=0)
        self._shown = np.delete(self._shown, row, axis=0)
        self._shown_at = np.delete(self._shown_at, row, axis=0)
        self._gained = np.delete(self._gained, row, axis=0)
        self.due_at = np.delete(self.due_at, row)
        self._phases = np.delete(self._phases, row)
        del self._names[row], self._written[row]

    def lose(self, row: int) -> None:
        """A pod's process is gone, and what it had counted."""
        self.counters[row] = 0

    def recall(self, row: int, counted: Ints, started_at: float) -> None:
        """The process has been scraped for long, and had counted so much at its last scrapes."""
        last = counted[-1]
        self.counters[row] += last
        self._shown[row] = last
        at = self.due_at[row] - self.interval_seconds
        self._shown_at[row] = at
        self._gained[row] = last - counted[0]
        record = self._written[row]
        record.born_at = round(started_at * 1000)
        for ago, shown in zip(range(len(counted) - 1, -1, -1), counted, strict=True):
            record.times.append(round((at - ago * self.interval_seconds) * 1000))
            record.shown.append(shown)
            record.gained.append(shown - counted[0])

    def looks_before(self, seconds: float) -> int:
        """How many scrapes of a process that is so old are told one by one."""
        return min(RECENT_LOOKS, max(0, int(seconds / self.interval_seconds) - 1))

    def take(self, rows: Rows, alive: npt.NDArray[np.bool_]) -> None:
        """Scrape the pods that are due. A dead one is not, and some scrapes are lost."""
        at = self.due_at[rows]
        taken = alive[rows]
        if self._scraping.gap_probability:
            taken &= self._dice.random(len(rows)) >= self._scraping.gap_probability
        if taken.any() and not self._blind(float(at[0])):
            self._sample(rows[taken], at[taken])
        self._phases[rows] += self.interval_seconds
        late = self._dice.uniform(0.0, self._scraping.jitter_seconds, len(rows))
        self.due_at[rows] = self._phases[rows] + late

    def _sample(self, rows: Rows, at: Floats) -> None:
        """Counters into gains, as the real adapter makes them of samples."""
        value, before, moment = self.counters[rows], self._shown[rows], at[:, None, None]
        gain = value - before
        known = moment - self._shown_at[rows] <= self.lookback_seconds
        if gain.min() >= 0 and known.all():
            self._shown[rows] = value
            self._shown_at[rows] = moment
        else:
            # A value below its predecessor is a new process, and was gained as a whole. A counter
            # that is zero has no series yet, and no sample: after a while, what its series had
            # before is out of sight.
            gain[~known & (before > 0)] = 0
            gain = np.where(value < before, value, gain)
            missing = (value == 0) & (before > 0)
            in_sight = known | ~value.any(axis=(1, 2), keepdims=True)
            self._shown[rows] = np.where(missing & in_sight, before, value)
            self._shown_at[rows] = np.where(missing, self._shown_at[rows], moment)
        self._gained[rows] += gain
        gained, seen = self._gained[rows], value.sum(axis=(1, 2)).tolist()
        for place, (row, time) in enumerate(zip(rows.tolist(), at.tolist(), strict=True)):
            if seen[place]:
                record = self._written[row]
                record.times.append(round(time * 1000))
                record.shown.append(value[place])
                record.gained.append(gained[place])


def _key(pod: SimulatedPod) -> Ref:
    return Ref(pod.workload.namespace, pod.name)
