"""What a command will do, told before a person says yes."""

from controller.cli.getting import short
from controller.domain.policy import Policy, RollbackStrategy, Share
from controller.domain.records import IntentAction
from controller.domain.snapshot import Scene
from controller.domain.status import Release
from controller.domain.wording import duration


def foretold(scene: Scene, action: IntentAction) -> str:
    """In words; the release is there, and the command is possible."""
    release = scene.status.release
    assert release is not None, "no command is possible without a release"
    return (
        f"{scene.ref} runs {release.canary}{_at(scene, release)}.\n{_deed(scene, release, action)}"
    )


def _at(scene: Scene, release: Release) -> str:
    phase = scene.status.phase.value
    if not isinstance(scene.policy, Policy) or release.step >= len(scene.policy.steps):
        return f" ({phase})"
    steps = scene.policy.steps
    verdict = f", found {scene.status.verdict} so far" if scene.status.verdict else ""
    share = _share(scene, steps[release.step].canary)
    return f" ({phase}, step {release.step + 1} of {len(steps)}, {share}{verdict})"


def _deed(scene: Scene, release: Release, action: IntentAction) -> str:
    match action:
        case IntentAction.PROMOTE:
            return _promotion(scene, release)
        case IntentAction.PROMOTE_FULL:
            return f"{_everywhere(scene)} without further steps.{_baking(scene)}"
        case IntentAction.ROLLBACK:
            return _rollback(scene, release)
        case IntentAction.HOLD:
            return (
                "It stays at this step until somebody resumes or promotes it; found worse, it is "
                "rolled back all the same."
            )
        case IntentAction.RESUME:
            return "The step is judged again, and the release goes on by itself when it passes."
        case IntentAction.RETRY:
            return "It is taken off the list of what was rejected, and tried from its first step."


def _promotion(scene: Scene, release: Release) -> str:
    policy = scene.policy
    assert isinstance(policy, Policy), "no command is possible without a policy"
    number = release.step + 1
    if number >= len(policy.steps):
        return f"Step {number} is the last one: {_everywhere(scene, 'all')}.{_baking(scene)}"
    following = _share(scene, policy.steps[number].canary)
    return f"Step {number} passes; the canary goes on to step {number + 1}, {following}."


def _everywhere(scene: Scene, all_: str = "All") -> str:
    pods = f" {scene.workload.replicas}" if scene.workload and scene.workload.replicas else ""
    return f"{all_}{pods} pods get it"


def _baking(scene: Scene) -> str:
    if not isinstance(scene.policy, Policy):
        return ""
    bake = duration(scene.policy.bake)
    return f" It is watched for {bake} after that, and rolled back if it is worse."


def _rollback(scene: Scene, release: Release) -> str:
    stable = scene.status.stable
    back = f"All pods go back to {stable}" if stable else "All pods go back to the stable revision"
    frozen = isinstance(scene.policy, Policy) and (
        scene.policy.rollback is RollbackStrategy.FREEZE
        or (
            scene.policy.rollback is RollbackStrategy.AUTO
            and scene.workload is not None
            and scene.workload.gitops is not None
            and scene.workload.replicas > 1
        )
    )
    template = (
        "the Deployment keeps its template, because Git has it"
        if frozen
        else "the Deployment gets the stable template back"
    )
    return (
        f"{back}; {template}. {short(release.canary)} counts as rejected: applied again, it is "
        "held until somebody retries it."
    )


def _share(scene: Scene, share: Share) -> str:
    workload = scene.workload
    if workload is None or not workload.replicas:
        return str(share)
    return f"{share.of(workload.replicas)} of {workload.replicas} pods"
