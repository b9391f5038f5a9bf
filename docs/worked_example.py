"""The worked example of docs/how-it-decides.md, weighed by the code that runs in production.

`python docs/worked_example.py` prints what stands there. One canary pod runs beside eleven stable
ones; every five seconds it is counted what they did.
"""

import sys
from collections.abc import Iterator

from controller.domain.evidence import CrashWindow, Evidence, History, RequestWindow
from controller.domain.findings import Outcome
from controller.domain.policy import Policy
from controller.domain.readings import Counts
from controller.domain.wording import conviction, finding_sentence, lacking

POLICY = Policy(target="exam")
SECONDS = 5.0
STABLE_PODS = 11
# Requests of one pod in one look. /lti/launch is seldom used: stable's pods see one in all.
USUAL = {"/exam": Counts(requests=33), "/submit": Counts(requests=8)}
RARE = {"/lti/launch": Counts(requests=1)}
FAILING = {**USUAL, "/submit": Counts(requests=8, errors=4)}
QUIET_DAY = History(restarts=0, pod_seconds=10 * 86_400)


def look(evidence: Evidence, canary: dict[str, Counts], *, crashes: int = 0) -> None:
    """Add what five seconds have shown."""
    stable = {f"stable-{number}": USUAL for number in range(STABLE_PODS)}
    stable["stable-0"] = USUAL | RARE
    evidence.add_crashes(
        CrashWindow(
            canary_crashes=crashes,
            stable_crashes=0,
            seconds=SECONDS,
            canary_seconds=SECONDS,
            stable_seconds=STABLE_PODS * SECONDS,
        )
    )
    evidence.add_requests(
        RequestWindow(
            seconds=SECONDS,
            canary={"canary-0": canary},
            stable=stable,
            canary_pods=1,
            stable_pods=STABLE_PODS,
        )
    )


def crashing(history: History) -> Iterator[str]:
    """A process that dies every 25 seconds, until that decides."""
    evidence = Evidence.begin(POLICY, history)
    for number in range(1, 100):
        look(evidence, USUAL, crashes=1 if number % 5 == 0 else 0)
        verdict = evidence.verdict()
        if number % 5 == 0:
            restarts = next(f for f in verdict.findings if f.metric.value == "restarts")
            yield f"{number * SECONDS:4.0f} s  {finding_sentence(restarts)}"
        if verdict.outcome is Outcome.WORSE:
            return


def failing() -> Iterator[str]:
    """Every other request on one route fails."""
    evidence = Evidence.begin(POLICY, History())
    for number in range(1, 100):
        look(evidence, FAILING)
        verdict = evidence.verdict()
        if verdict.outcome is Outcome.WORSE:
            yield f"{number * SECONDS:4.0f} s  {conviction(verdict)}"
            return


def well() -> Iterator[str]:
    """Nothing is wrong; at first nobody launches from the learning platform."""
    evidence = Evidence.begin(POLICY, History())
    for number in range(1, 100):
        launched = number > 60
        look(evidence, USUAL | RARE if launched else USUAL)
        verdict = evidence.verdict()
        if number in {6, 60}:
            yield f"{number * SECONDS:4.0f} s  {lacking(verdict)}"
        if verdict.outcome is Outcome.NOT_WORSE:
            yield f"{number * SECONDS:4.0f} s  not worse: {finding_sentence(verdict.findings[1])}"
            return


def told() -> str:
    """The four stories."""
    stories = {
        "A process that dies every 25 s, nothing known of stable's past": crashing(History()),
        "The same, and stable's ten pods did not crash in a day": crashing(QUIET_DAY),
        "Half of the requests on /submit fail": failing(),
        "Nothing is wrong": well(),
    }
    return "\n\n".join(f"{title}\n" + "\n".join(lines) for title, lines in stories.items()) + "\n"


if __name__ == "__main__":
    sys.stdout.write(told())
