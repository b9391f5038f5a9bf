"""What `canaryctl uninstall-check` does once its flags are read."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, Final

from controller.adapters.kube.gate import GATE_NAME
from controller.adapters.kube.remains import Survey, Surveyor
from controller.cli.exits import EXIT_LEFT, EXIT_OK, EXIT_UNSEEN, tell
from controller.cli.invoked import program
from controller.cli.output import as_json, as_yaml, put, table
from controller.cli.reached import Reach
from controller.cli.safely import plain
from controller.cli.uninstall_told import Leftover, leftover, meaning, pause_is_doubtful
from controller.cli.uninstall_ways import Way, Ways, flags_of

NONE: Final = "-"
HEADERS: Final = ("NAMESPACE", "DEPLOYMENT", "LEFT", "PAUSED", "CANARY", "PHASE", "MEANS")
GATE: Final = {True: "Installed", False: "Absent", None: "Unknown"}


async def show_remains(reach: Reach, arguments: argparse.Namespace) -> int:
    """Print what is left; the exit code says whether anything is, and whether all was seen."""
    survey = await Surveyor(reach.client).survey(reach.namespace, reach.place.namespace)
    found = sorted(
        (one for one in map(leftover, survey.found) if one is not None), key=lambda one: one.key
    )
    unseen = [*survey.unseen, *survey.alone, *_doubtful(survey)]
    flags = flags_of(arguments.kubeconfig, arguments.context)
    if arguments.output == "table":
        _print_table(found, flags, headers=not arguments.no_headers)
        _print_notes(survey, found)
    else:
        document = _document(survey, found, unseen, flags)
        put(as_json(document) if arguments.output == "json" else as_yaml(document))
    for words in unseen:
        tell(f"not seen: {words}")
    if found:
        return EXIT_LEFT
    return EXIT_UNSEEN if unseen else EXIT_OK


def _doubtful(survey: Survey) -> Iterator[str]:
    for one in survey.found:
        if pause_is_doubtful(one):
            yield f"by whom {one.namespace}/{one.workload.name} was paused"


def _print_table(found: Sequence[Leftover], flags: str, *, headers: bool) -> None:
    if not found:
        return
    put(table(HEADERS, [_row(one) for one in found], headers_shown=headers))
    if not headers:
        return
    for one in found:
        ways = Ways(one, flags)
        put(f"\nTo finish {one.remains.namespace}/{one.remains.workload.name}:")
        _print_ways("while the controller runs", ways.running())
        _print_ways("when the controller is gone", ways.gone())


def _print_ways(when: str, ways: Sequence[Way]) -> None:
    for place, way in enumerate(ways):
        put(plain(f"  {'or' if place else when}, to {way.to}:"))
        for command in way.commands:
            put(f"    {command}")


def _print_notes(survey: Survey, found: Sequence[Leftover]) -> None:
    """What is true of the whole cluster, or that there is nothing; beside the answer."""
    where = "in all namespaces" if survey.everywhere else f"in {', '.join(survey.places)}"
    if not found:
        tell(f"nothing of canary-controller would be left on a Deployment that was seen {where}")
    elif not survey.everywhere:
        tell(f"looked {where} only: {program()} uninstall-check -A looks everywhere")
    if survey.gate is None:
        tell("whether the gate is installed is nothing that you may see")
    elif survey.gate:
        tell(
            "the gate is installed: while it is there and the controller is not, every Deployment "
            f"with our label is paused at its next change. It goes with helm uninstall, or by "
            f"kubectl delete mutatingadmissionpolicybinding,mutatingadmissionpolicy {GATE_NAME}"
        )
    if survey.installed is False:
        tell("Canaries are not installed any more: only the Deployments themselves were looked at")


def _row(one: Leftover) -> tuple[str, ...]:
    workload = one.remains.workload
    return (
        one.remains.namespace,
        workload.name,
        one.left.value,
        "yes" if workload.paused else "no",
        one.remains.canary or NONE,
        one.phase.value if one.phase else NONE,
        plain(meaning(one)),
    )


def _document(
    survey: Survey, found: Sequence[Leftover], unseen: Sequence[str], flags: str
) -> dict[str, Any]:
    return {
        "canaries": {True: "Installed", False: "Absent", None: "Unknown"}[survey.installed],
        "complete": not unseen,
        "gate": GATE[survey.gate],
        "items": [_item(one, flags) for one in found],
        "namespaces": "all" if survey.everywhere else list(survey.places),
        "unseen": list(unseen),
    }


def _item(one: Leftover, flags: str) -> dict[str, Any]:
    workload, ways = one.remains.workload, Ways(one, flags)
    return {
        "namespace": one.remains.namespace,
        "deployment": workload.name,
        "left": one.left.value,
        "means": meaning(one),
        "paused": workload.paused,
        "label": workload.opted_in,
        "mark": workload.gate_mark,
        "canary": one.remains.canary,
        "phase": one.phase.value if one.phase else None,
        "finish": {
            "whileTheControllerRuns": [_way(way) for way in ways.running()],
            "whenTheControllerIsGone": [_way(way) for way in ways.gone()],
        },
    }


def _way(way: Way) -> dict[str, Any]:
    return {"to": way.to, "commands": list(way.commands)}
