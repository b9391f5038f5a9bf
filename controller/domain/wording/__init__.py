"""What people read: the same sentences in Slack, Events, status and log."""

from controller.domain.wording.choosing import chosen
from controller.domain.wording.comparisons import Words, finding_sentence, words
from controller.domain.wording.figures import duration
from controller.domain.wording.mounting import (
    drift_sentence,
    left_of,
    left_over,
    left_words,
    unread_sentence,
)
from controller.domain.wording.notices import (
    conviction,
    crash_sentence,
    lacking,
    missing_evidence,
    notice,
    rest_sentence,
    rollback_facts,
    suspicion,
    uncovered_sentence,
)

__all__ = [
    "Words",
    "chosen",
    "conviction",
    "crash_sentence",
    "drift_sentence",
    "duration",
    "finding_sentence",
    "lacking",
    "left_of",
    "left_over",
    "left_words",
    "missing_evidence",
    "notice",
    "rest_sentence",
    "rollback_facts",
    "suspicion",
    "uncovered_sentence",
    "unread_sentence",
    "words",
]
