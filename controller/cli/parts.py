"""The parts of the picture of a Canary: head, steps, pods, findings, last words, commands."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from controller.adapters.kube.looking import Sight
from controller.cli.getting import problem_words
from controller.cli.invoked import program
from controller.cli.output import ago
from controller.domain.command import is_done
from controller.domain.findings import Finding, Outcome
from controller.domain.identify import Family, identify
from controller.domain.lifecycle import AT_REST, JUDGED, Phase
from controller.domain.policy import Policy
from controller.domain.records import Intent, IntentAction, Pod, ReplicaSet
from controller.domain.snapshot import Scene
from controller.domain.status import Release
from controller.domain.wording import (
    chosen,
    crash_sentence,
    finding_sentence,
    left_of,
    rest_sentence,
    uncovered_sentence,
)
from controller.engine.commands import possible

PODS_MAX: Final = 6
LOG_LINES_MAX: Final = 8
COMMANDS_MAX: Final = 3
PASTS_MAX: Final = 3

_GOOD, _WAITS, _BAD, _UNDER_WAY = "green", "yellow", "red", "cyan"
STYLES: Final = {
    Phase.IDLE: _GOOD,
    Phase.PROMOTED: _GOOD,
    Phase.HOLDING: _WAITS,
    Phase.PAUSED_BY_USER: _WAITS,
    Phase.QUARANTINED: _BAD,
    Phase.ROLLING_BACK: _BAD,
    Phase.ROLLED_BACK: _BAD,
}
# Readable without colour: the words stand beside the marks.
MARKS: Final = {
    Outcome.WORSE: ("✖ worse", _BAD),
    Outcome.BLIND: ("? not known", _WAITS),
    Outcome.UNDECIDED: ("… undecided", _UNDER_WAY),
    Outcome.NOT_WORSE: ("✔ not worse", _GOOD),
}
SAYS: Final = {
    IntentAction.PROMOTE: ("promote {}", "let this step pass"),
    IntentAction.PROMOTE_FULL: ("promote {} --full", "go to all pods"),
    IntentAction.ROLLBACK: ("rollback {}", "go back to stable"),
    IntentAction.HOLD: ("hold {}", "stay at this step"),
    IntentAction.RESUME: ("resume {}", "go on"),
    IntentAction.RETRY: ("retry {}", "try what was rejected again"),
}


def parts_of(sight: Sight, now: datetime, *, wide: bool = False) -> tuple[RenderableType, ...]:
    """All of the picture, from the top."""
    scene = sight.scene
    blocks = (
        tuple(_head(scene, now)),
        tuple(_steps(scene, now)),
        tuple(_pods(sight, wide=wide)),
        tuple(_found(scene, wide=wide)),
        tuple(_last_words(scene)),
        tuple(_asked(scene, now)),
        tuple(_before(scene, now)),
        tuple(_can_be_done(scene)),
        tuple(Text(f"Not shown: {words}", style=_WAITS) for words in sight.unseen),
    )
    parts: list[RenderableType] = []
    for block in blocks:
        if block:
            parts += [*([Text()] if parts else []), *block]
    return tuple(parts)


def phase_text(phase: Phase) -> Text:
    """The phase as a person says it."""
    words = "".join(f" {c}" if c.isupper() and i else c for i, c in enumerate(phase.value))
    return Text(words.capitalize(), style=f"bold {STYLES.get(phase, _UNDER_WAY)}")


def family_of(scene: Scene) -> Family:
    """Which ReplicaSet is which."""
    status = scene.status
    return identify(
        scene,
        stable=status.stable.fingerprint if status.stable else "",
        canary=status.release.canary.fingerprint if status.release else "",
    )


def pods_words(one: ReplicaSet | None, pods: tuple[Pod, ...]) -> str:
    """How many are Ready of how many; as the ReplicaSet counts where pods may not be seen."""
    if one is None:
        return "-"
    ready = sum(pod.ready and not pod.leaving for pod in pods) if pods else one.ready
    return f"{ready}/{one.replicas}"


def _head(scene: Scene, now: datetime) -> Iterator[RenderableType]:
    status = scene.status
    since = f" for {ago(now - status.since)}" if status.since else ""
    yield Text.assemble((str(scene.ref), "bold"), "  ", phase_text(status.phase), since)
    problem = problem_words(scene)
    if problem:
        yield Text(problem, style=_BAD)
    if status.message:
        yield Text(status.message)
    rows = Table.grid(padding=(0, 2, 0, 0))
    release = status.release
    if release is not None:
        pushed = f", pushed {ago(now - release.started_at)} ago"
        rows.add_row("Canary", f"{release.canary}{pushed}")
    if status.stable is not None:
        rows.add_row("Stable", str(status.stable))
    if status.verdict:
        rows.add_row("Verdict", status.verdict)
    if left := left_of(status):
        rows.add_row("Not undone", Text(left, style=_WAITS))
    if rows.row_count:
        yield rows


def _steps(scene: Scene, now: datetime) -> Iterator[RenderableType]:
    release, policy = scene.status.release, scene.policy
    if release is None or not isinstance(policy, Policy) or scene.status.phase not in JUDGED:
        return
    line = Text("Steps    ")
    all_pods = release.step >= len(policy.steps) or scene.status.phase in {
        Phase.PROMOTING,
        Phase.BAKING,
    }
    for index, one in enumerate(policy.steps):
        here = index == release.step and not all_pods
        passed = index < release.step or all_pods
        mark, style = ("✔", _GOOD) if passed else ("▶", "bold") if here else ("○", "dim")
        approval = " + approval" if one.approval else ""
        line.append(f"{mark} {one.canary}{approval}", style=style)
        line.append("   ")
    line.append("▶ all" if all_pods else "○ all", style="bold" if all_pods else "dim")
    yield line
    yield Text(f"         {_step_words(scene, release, now)}", style="dim")


def _step_words(scene: Scene, release: Release, now: datetime) -> str:
    policy = scene.policy
    assert isinstance(policy, Policy), "there are no steps without a policy"
    number = min(release.step + 1, len(policy.steps))
    since = f"step {number} of {len(policy.steps)} for {ago(now - release.step_since)}"
    ready = f", its pods ready for {ago(now - release.ready_at)}" if release.ready_at else ""
    return since + ready


def _pods(sight: Sight, *, wide: bool) -> Iterator[RenderableType]:
    scene = sight.scene
    family = family_of(scene)
    if scene.workload is None:
        if not sight.unseen:
            yield Text(f"The Deployment {sight.target} does not exist", style=_BAD)
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for name in ("PODS", "READY", "RESTARTS", "STATE"):
        table.add_column(name)
    groups = (
        ("canary", family.canary, family.canary_pods),
        ("stable", family.stable, family.stable_pods),
    )
    for role, one, pods in groups:
        if one is None:
            continue
        restarts = str(sum(map(_restarts, pods))) if pods else "-"
        style = f"bold {_UNDER_WAY}" if role == "canary" else "bold"
        # What the ReplicaSets say is known without the pods.
        table.add_row(Text(f"{role}  {one.name}", style=style), pods_words(one, pods), restarts, "")
        shown = [pod for pod in pods if wide or role == "canary" or not pod.ready or pod.leaving]
        for pod in sorted(shown, key=lambda pod: (pod.ready, pod.name))[
            : None if wide else PODS_MAX
        ]:
            table.add_row(
                f"  {pod.name}", "yes" if pod.ready else "no", str(_restarts(pod)), _state(pod)
            )
        more = len(shown) - PODS_MAX
        if more > 0 and not wide:
            table.add_row(Text(f"  and {more} more (-o wide)", style="dim"))
    if table.row_count:
        yield table


def _restarts(pod: Pod) -> int:
    return pod.deaths


def _state(pod: Pod) -> Text:
    if pod.leaving:
        return Text(f"stopping{f': {pod.disruption}' if pod.disruption else ''}", style="dim")
    waiting = [one.waiting for one in pod.containers if one.waiting]
    ended = [
        f"{one.name} ended with exit code {one.last_death.exit_code}"
        for one in pod.containers
        if one.last_death is not None and one.deaths > one.restarts
    ]
    if waiting or ended:
        return Text(", ".join([*waiting, *ended]), style=_BAD)
    return Text("ready", style=_GOOD) if pod.ready else Text("not ready", style=_WAITS)


def _found(scene: Scene, *, wide: bool) -> Iterator[RenderableType]:
    findings = scene.status.findings
    shown = findings if wide else chosen(findings)
    if shown:
        yield Text("Compared", style="bold")
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column()
        for one in shown:
            table.add_row(*_finding(one))
        rest = rest_sentence(findings, shown)
        if rest:
            table.add_row("", Text(rest, style="dim"))
        yield table
    if scene.status.uncovered:
        said = uncovered_sentence(scene.status.uncovered)
        yield Text(f"  {said[:1].upper()}{said[1:]}", style=_WAITS)


def _finding(one: Finding) -> tuple[Text, Text]:
    mark, style = MARKS[one.outcome]
    return Text(f"  {mark}", style=style), Text(finding_sentence(one))


def _last_words(scene: Scene) -> Iterator[RenderableType]:
    release = scene.status.release
    crashes = release.crashes if release is not None else ()
    if not crashes:
        return
    last = next((one for one in reversed(crashes) if one.log), crashes[-1])
    more = f" ({len(crashes)} deaths are remembered)" if len(crashes) > 1 else ""
    yield Text(f"Last words{more}", style="bold")
    yield Text(f"  {last.at:%H:%M:%S} UTC: {crash_sentence(last)}", style=_BAD)
    for line in last.log.strip().splitlines()[-LOG_LINES_MAX:]:
        yield Text(f"  │ {line}", style="dim", overflow="ellipsis", no_wrap=True)


def _asked(scene: Scene, now: datetime) -> Iterator[RenderableType]:
    intent, commands = scene.intent, scene.status.commands
    waiting = isinstance(intent, Intent) and not is_done(intent, scene.status)
    if not waiting and not commands:
        return
    yield Text("Asked for", style="bold")
    if isinstance(intent, Intent) and waiting:
        why = f": {intent.reason}" if intent.reason else ""
        yield Text(
            f"  … {intent.action.value} by {intent.by}{why}; no controller has taken it yet",
            style=_WAITS,
        )
    for one in list(reversed(commands))[:COMMANDS_MAX]:
        mark, style = ("✔", _GOOD) if one.taken else ("✖ not taken:", _BAD)
        line = Text.assemble("  ", (mark, style), f" {one.answer}")
        line.append(f"  {ago(now - one.at)} ago", style="dim")
        yield line


def _before(scene: Scene, now: datetime) -> Iterator[RenderableType]:
    pasts = list(reversed(scene.status.history))[:PASTS_MAX]
    if not pasts or scene.status.phase not in AT_REST:
        return
    yield Text("Releases before", style="bold")
    for past in pasts:
        why = f": {past.reason}" if past.reason else ""
        words = phase_words(past.result.value)
        yield Text(f"  {past.canary}  {words} {ago(now - past.ended_at)} ago{why}")


def phase_words(word: str) -> str:
    """`RolledBack` as a person writes it."""
    return "".join(f" {c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(word))


def _can_be_done(scene: Scene) -> Iterator[RenderableType]:
    held = scene.status.phase is Phase.HOLDING
    # To hold what is held is no mistake, and no news either.
    actions = [one for one in possible(scene) if not (held and one is IntentAction.HOLD)]
    if not actions:
        return
    yield Text("What you can do", style="bold")
    table = Table.grid(padding=(0, 3, 0, 0))
    for action in actions:
        typed, what = SAYS[action]
        name = f"{scene.ref.name} -n {scene.ref.namespace}"
        table.add_row(f"  {program()} {typed.format(name)}", Text(what, style="dim"))
    yield table
