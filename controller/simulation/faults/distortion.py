"""What becomes of an answer of the metrics: parts of it are gone, or are in another unit.

A value that is not a number never gets so far: the adapter drops it, which is a gap.
"""

import random
from dataclasses import replace
from typing import Final

from controller.domain.readings import Counts, Missing, Reading
from controller.simulation.faults.forecast import Fault

SCALES: Final = (1000.0, 1e-3)
GAP_SHARE: Final = 0.3


def distorted(answer: Reading, fault: Fault, chance: random.Random) -> Reading:
    """The answer with a gap or in a wrong scale; one that is missing stays so."""
    if isinstance(answer, Missing) or not answer.pods:
        return answer
    names = sorted(answer.pods)
    if fault is Fault.GAP:
        lost = [name for name in names if chance.random() < GAP_SHARE]
        return replace(answer, pods={n: s for n, s in answer.pods.items() if n not in lost})
    assert fault is Fault.WRONG_SCALE
    factor = chance.choice(SCALES)
    wrong = names if chance.random() < 0.5 else [chance.choice(names)]
    return replace(
        answer,
        pods={
            name: {
                segment: Counts(counts.errors * factor, counts.requests * factor)
                for segment, counts in segments.items()
            }
            if name in wrong
            else segments
            for name, segments in answer.pods.items()
        },
    )
