"""What the pages show of a Canary, made anew for whoever watches: once, however many they are."""

from typing import Any

from controller.adapters.http.pageactions import actions
from controller.adapters.http.pagecompared import compared_facts
from controller.adapters.http.pagecourse import charts
from controller.adapters.http.pagelist import row
from controller.adapters.http.pagestages import stages
from controller.adapters.http.pagetemplates import render
from controller.adapters.http.pagewords import CORRECT, NEEDS
from controller.adapters.http.portrait import portrait
from controller.adapters.http.releases import Releases
from controller.domain.records import Ref
from controller.engine.ports import Verb


def paint(releases: Releases, ref: Ref, whole: bool) -> str:  # noqa: FBT001 - one of two forms
    """The HTML of a Canary's page, or of its line in the list; empty when there is none."""
    if not whole:
        scene = releases.scene(ref)
        return render("line.html", row=row(scene), at=releases.now()) if scene else ""
    facts = release_facts(releases, ref)
    return render("live.html", **facts) if facts else ""


def release_facts(
    releases: Releases, ref: Ref, may: frozenset[Verb] | None = None
) -> dict[str, Any] | None:
    """What the templates speak of; None when there is no such Canary.

    `may` are the rights of whoever looks; None: the script knows them, and adds what they change.
    """
    scene = releases.scene(ref)
    one = portrait(releases, ref, course=False)
    if scene is None or one is None:
        return None
    return {
        "one": one,
        "at": releases.now(),
        "need": CORRECT if one.problem else NEEDS.get(one.phase, ""),
        "stages": stages(one, scene),
        "actions": actions(one, scene, may),
        "pods": {
            role: [pod for pod in one.pods if pod.role == role]
            for role in ("canary", "stable", "other")
        },
        "charts": charts(releases.course(ref)),
        **compared_facts(one, scene),
    }
