"""Parts of the docs that are made from the code, beside those of generate.py.

The status of a Canary, its conditions, verdicts, causes of death, labels and annotations for the
reference; the controller's rights for docs/security.md; the worked example of
docs/how-it-decides.md.
"""

import ast
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from controller.adapters.kube import names
from controller.adapters.kube.crd import crd
from controller.adapters.kube.rights import RIGHTS, Right, Scope
from controller.domain import conditions
from controller.domain.findings import Metric, Outcome
from controller.domain.policy import COUNTED, DeathCause

Row = tuple[str, ...]

# The example stands beside this file; the docs are no package.
sys.path.insert(0, str(Path(__file__).resolve().parent))
import worked_example  # noqa: E402 - it is found by the line above

CONDITIONS: Final[Mapping[str, tuple[str, str]]] = {
    "Ready": (
        "The controller can act on this Canary.",
        "`Watching`; `NoWayBack`: its `revisionHistoryLimit` is 0; or a [problem](#problems)",
    ),
    "Progressing": (
        "A release is under way, a hold and a rollback included.",
        "the [phase](#phases)",
    ),
    "Degraded": (
        "A release is being rolled back, was rolled back, or is held as rejected before.",
        "the [phase](#phases)",
    ),
    "MetricsAvailable": (
        "All that the release is judged by can be read. Between releases: as it was at the last "
        "one's last look.",
        "`Read`; `Blind`: the message says what cannot be read; `NotRead`: no release was judged",
    ),
}
OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.WORSE: "The evidence convicts the canary. It is rolled back at once.",
    Outcome.NOT_WORSE: "Shown not to be worse, and exercised on every usual route: the step passes "
    "once it is long enough.",
    Outcome.UNDECIDED: "Neither is shown yet; or a crash may yet be chance; or a guard is out of "
    "its bounds, not yet for as long as it may be.",
    Outcome.BLIND: "What it is judged by cannot be read. It neither promotes nor convicts.",
}
METRICS: Final[Mapping[Metric, str]] = {
    Metric.RESTARTS: "Crashes of containers, by pod time.",
    Metric.ERROR_RATE: "Failed requests, in the whole service and on each route.",
    Metric.SLOW_REQUESTS: "Requests slower than `slowRequests.threshold`, likewise.",
    Metric.GUARD: "A query of your own and its bounds.",
}
CAUSES: Final[Mapping[DeathCause, str]] = {
    DeathCause.CRASH: "The process ended by itself, whatever its exit code.",
    DeathCause.OUT_OF_MEMORY: "OOMKilled, whoever ran out of memory.",
    DeathCause.LIVENESS: "Killed (137, 143) in a container with a liveness or startup probe.",
    DeathCause.DELETED: "In a pod that was deleted: by hand, or by a scale-down.",
    DeathCause.EVICTED: "In a pod that was evicted: a drain, a taint, the kubelet.",
    DeathCause.PREEMPTED: "In a pod that made room for another.",
    DeathCause.NODE_SHUTDOWN: "Its node shut down, or is gone.",
    DeathCause.NODE_PRESSURE: "Killed while its node was under pressure or not ready.",
    DeathCause.INIT: "An init container.",
    DeathCause.SIDECAR: "A sidecar, or a container that `restarts.containers` does not name.",
}
MARKS: Final[Mapping[str, tuple[str, str, str]]] = {
    names.OPT_IN_LABEL: (
        "label of the Deployment",
        "the controller",
        "The name of its Canary. The gate holds Deployments that have it. Set while the Canary "
        "enforces.",
    ),
    names.GATE_MARK: (
        "annotation of the Deployment",
        "the gate, or the controller",
        "Its pause is ours, not a person's. The value is the generation that was held.",
    ),
    names.SKIP_ANNOTATION: (
        "annotation of the Deployment",
        "people",
        "Lets one change through. The value is the reason; the same text lets no second one "
        "through.",
    ),
    names.INTENT_ANNOTATION: (
        "annotation of the Canary",
        "people",
        "A [command](#commands). It is taken away once it is answered.",
    ),
}
WHERE: Final[Mapping[Scope, str]] = {
    Scope.WATCHED: "watched namespaces",
    Scope.CLUSTER: "cluster",
    Scope.OWN: "its own namespace",
}


def sections() -> Mapping[str, str]:
    """Sections of the reference, by title: an introduction, and tables."""
    return {
        "Status": _status(),
        "Conditions": _conditions(),
        "Verdicts": _verdicts(),
        "Causes of death": _causes(),
        "Labels and annotations": _marks(),
    }


def rights() -> str:
    """What the controller may do and why, for docs/security.md."""
    head = ("what", "verbs", "where", "why", "without it")
    return _table(head, (_right(right) for right in RIGHTS))


def example() -> str:
    """The program of the worked example, and what it prints."""
    program = inspect.getsource(worked_example)
    return (
        f"```text\n{worked_example.told()}```\n\n"
        f"<details><summary>The program that prints this</summary>\n\n```python\n{program}```\n\n"
        "</details>\n"
    )


def _status() -> str:
    version = crd()["spec"]["versions"][0]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    said = (
        "Written by the controller alone, and all that it remembers. What is not there is at its "
        "default. `kubectl explain canary.status --recursive` shows what is below these.\n\n"
    )
    rows = (
        (f"`{name}`", _type(field), field["description"])
        for name, field in status["properties"].items()
    )
    return said + _table(("field of `status`", "type", "meaning"), rows)


def _type(field: Mapping[str, Any]) -> str:
    if field.get("format") == "date-time":
        return "time"
    return "list" if field["type"] == "array" else str(field["type"])


def _conditions() -> str:
    said = "`kubectl wait --for=condition=Ready canary/exam` works, and so for each of them.\n\n"
    _complete(CONDITIONS, _condition_types())
    rows = ((f"`{name}`", true, reasons) for name, (true, reasons) in CONDITIONS.items())
    return said + _table(("condition", "`True` when", "reasons"), rows)


def _condition_types() -> set[str]:
    """The keys of what `conditions` wants, read from its source."""
    for node in ast.walk(ast.parse(inspect.getsource(conditions))):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Dict):
            continue
        if ast.unparse(node.targets[0]) == "wanted":
            return {str(ast.literal_eval(key)) for key in node.value.keys if key is not None}
    raise AssertionError("no conditions are found in controller/domain/conditions.py")


def _verdicts() -> str:
    _complete(OUTCOMES, Outcome)
    _complete(METRICS, Metric)
    outcomes = ((f"`{outcome.value}`", meaning) for outcome, meaning in OUTCOMES.items())
    metrics = ((f"`{metric.value}`", meaning) for metric, meaning in METRICS.items())
    return (
        "`status.verdict`, and `outcome` of each of `status.findings`.\n\n"
        + _table(("outcome", "meaning"), outcomes)
        + "\n"
        + _table(("`metric` of a finding", "what is compared"), metrics)
    )


def _causes() -> str:
    _complete(CAUSES, DeathCause)
    said = (
        "Why a container's process ended, and whether that counts as a crash where "
        "`analysis.restarts.counted` says nothing. What does not count is listed with the finding "
        "(`spared`).\n\n"
    )
    rows = (
        (f"`{cause.value}`", meaning, "yes" if cause in COUNTED else "no")
        for cause, meaning in CAUSES.items()
    )
    return said + _table(("cause", "what is seen", "counts"), rows)


def _marks() -> str:
    known = {value for value in vars(names).values() if str(value).startswith(f"{names.GROUP}/")}
    _complete(MARKS, known)
    rows = ((f"`{name}`", *words) for name, words in MARKS.items())
    return _table(("name", "on", "set by", "meaning"), rows)


def _right(right: Right) -> Row:
    what = ", ".join(f"`{resource}`" for resource in right.resources)
    group = f" ({right.group})" if right.group else ""
    option = f" Only with the chart's value `{right.option.value}`." if right.option else ""
    return (
        what + group,
        ", ".join(right.verbs),
        WHERE[right.scope],
        right.why + option,
        right.without + "; it cannot work" * right.necessary,
    )


def _complete(words: Mapping[Any, Any], known: Iterable[Any]) -> None:
    missing, unknown = set(known) - words.keys(), words.keys() - set(known)
    assert not missing, f"docs/reference_more.py does not explain {sorted(missing)}"
    assert not unknown, f"docs/reference_more.py explains what is not there: {sorted(unknown)}"


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )
