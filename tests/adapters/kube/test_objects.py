"""What the API writes, in our records."""

import copy
import json
from datetime import UTC, datetime

import pytest

from controller.adapters.kube import objects, resources
from controller.adapters.kube.fingerprint import fingerprint, with_hash, without_hash
from controller.adapters.kube.translate import fenceposts
from controller.domain.records import Container, IntentAction, Pod, Problem, Termination, Workload
from tests.adapters.kube import examples

ENDED = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T00:01:00Z"}
DEATH = Termination(
    exit_code=137, reason="OOMKilled", finished_at=datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
)
CRASH_LOOP = {"waiting": {"reason": "CrashLoopBackOff"}}


def read_pod(found: examples.Object) -> Pod:
    return resources.PODS.read(json.dumps(found).encode()).record


def read_container(**status: object) -> Container:
    (container,) = read_pod(
        examples.pod("a", containerStatuses=[examples.container() | status])
    ).containers
    return container


def read_workload(found: examples.Object) -> Workload:
    return resources.DEPLOYMENTS.read(json.dumps(found).encode()).record


def test_a_running_container_has_died_as_often_as_it_was_restarted() -> None:
    container = read_container(restartCount=2, lastState={"terminated": ENDED})
    assert (container.restarts, container.deaths) == (2, 2)
    assert container.last_death == DEATH


def test_a_death_counts_before_the_kubelet_has_counted_the_restart() -> None:
    container = read_container(restartCount=0, state={"terminated": ENDED})
    assert (container.restarts, container.deaths) == (0, 1)
    assert container.last_death == DEATH


def test_a_death_still_counts_once_while_the_kubelet_backs_off() -> None:
    container = read_container(restartCount=3, state=CRASH_LOOP, lastState={"terminated": ENDED})
    assert (container.restarts, container.deaths, container.waiting) == (3, 4, "CrashLoopBackOff")


def test_a_container_that_waits_for_its_image_never_died() -> None:
    container = read_container(restartCount=0, state={"waiting": {"reason": "ImagePullBackOff"}})
    assert (container.deaths, container.last_death) == (0, None)


def test_the_newest_death_is_the_last_one() -> None:
    before = ENDED | {"exitCode": 1, "reason": "Error"}
    container = read_container(state={"terminated": ENDED}, lastState={"terminated": before})
    assert container.last_death == DEATH


def test_a_pod_is_known_by_its_replica_set_and_whether_it_leaves() -> None:
    found = examples.pod("a", of="exam-bbbb")
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:02:00Z"
    read = read_pod(found)
    assert (read.replica_set, read.ready, read.leaving) == ("uid-exam-bbbb", True, True)
    assert read.created_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_pod_that_was_just_created_has_no_containers_yet() -> None:
    found = examples.pod("a", containerStatuses=None, conditions=None)
    assert (read_pod(found).ready, read_pod(found).containers) == (False, ())


def test_a_pod_of_something_else_is_nobodys() -> None:
    found = examples.pod("a")
    found["metadata"]["ownerReferences"][0]["kind"] = "StatefulSet"
    assert resources.PODS.read(json.dumps(found).encode()).owner is None


def test_the_hash_label_does_not_make_another_template() -> None:
    plain = examples.template()
    assert fingerprint(plain) == fingerprint(examples.template(pod_template_hash="abc"))
    assert without_hash(with_hash(plain, "abc")) == plain


def test_absent_null_and_empty_are_the_same_template() -> None:
    bare = examples.template()
    full = copy.deepcopy(bare)
    full["spec"] |= {"volumes": [], "nodeSelector": {}, "affinity": None, "securityContext": {}}
    full["metadata"]["annotations"] = {}
    assert fingerprint(bare) == fingerprint(full)


def test_a_template_is_its_content_not_the_order_of_its_keys() -> None:
    found = examples.template()
    turned = {"spec": dict(reversed(found["spec"].items())), "metadata": found["metadata"]}
    assert fingerprint(found) == fingerprint(turned)


@pytest.mark.parametrize("value", ["", "x", 0, False])
def test_a_changed_value_is_another_template(value: object) -> None:
    found = examples.template()
    found["spec"]["containers"][0]["command"] = [value]
    assert fingerprint(found) != fingerprint(examples.template())


def test_a_deployment_and_its_replica_set_have_one_fingerprint() -> None:
    revision = examples.replica_set("exam-aaaa", revision=3)
    read = resources.REPLICA_SETS.read(json.dumps(revision).encode())
    assert read.owner == "uid-exam"
    assert read.record.fingerprint == read_workload(examples.deployment()).fingerprint
    assert (read.record.revision, read.record.images) == (3, ("exam:v1",))


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected"),
    [
        ("25%", "25%", 10, (3, 2)),
        ("25%", "25%", 1, (1, 0)),
        (1, 0, 10, (1, 0)),
        (0, 0, 10, (0, 1)),
        ("0%", "5%", 10, (0, 1)),
        (2, 5, 3, (2, 3)),
        ("25%", "25%", 0, (0, 0)),
    ],
)
def test_surge_rounds_up_and_unavailability_down(
    surge: int | str, unavailable: int | str, replicas: int, expected: tuple[int, int]
) -> None:
    rolling = objects.RollingUpdate(max_surge=surge, max_unavailable=unavailable)
    assert fenceposts(objects.Strategy(rolling_update=rolling), replicas) == expected


def test_recreate_has_neither() -> None:
    found = examples.deployment(strategy={"type": "Recreate"})
    read = read_workload(found)
    assert (read.strategy, read.max_surge, read.max_unavailable) == ("Recreate", 0, 0)


def managed(manager: str, time: str, spec: object) -> examples.Object:
    return {"manager": manager, "time": time, "fieldsV1": {"f:spec": spec}}


def test_the_writer_is_who_wrote_the_template_last_and_not_we() -> None:
    found = examples.deployment()
    found["metadata"]["managedFields"] = [
        managed("kubectl", "2026-01-01T00:00:00Z", {"f:template": {"f:spec": {}}}),
        managed("jenkins", "2026-01-02T00:00:00Z", {"f:template": {"f:spec": {}}}),
        managed("hpa", "2026-01-03T00:00:00Z", {"f:replicas": {}}),
        managed("canary-controller", "2026-01-04T00:00:00Z", {"f:template": {}}),
    ]
    assert read_workload(found).writer == "jenkins"
    del found["metadata"]["managedFields"][:3]
    assert read_workload(found).writer == "canary-controller"
    assert read_workload(examples.deployment()).writer == "unknown"


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "argo-cd"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, "flux"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "x"}}, "flux"),
        ({"managedFields": [managed("argocd-controller", examples.CREATED, {})]}, "argo-cd"),
        ({"managedFields": [managed("kustomize-controller", examples.CREATED, {})]}, "flux"),
        ({"labels": {"app.kubernetes.io/instance": "x"}}, None),
        ({"managedFields": [managed("helm", examples.CREATED, {})]}, None),
    ],
)
def test_a_gitops_tool_is_known_by_its_marks(metadata: examples.Object, tool: str | None) -> None:
    found = examples.deployment()
    found["metadata"] |= metadata
    assert read_workload(found).gitops == tool


def test_a_hold_is_read_from_pause_mark_and_label() -> None:
    found = examples.deployment(paused=True)
    assert read_workload(found).paused_by_a_person
    found["metadata"]["annotations"] = {
        "canary-controller.io/gate": "4",
        "canary-controller.io/skip": "hurry",
    }
    found["metadata"]["labels"] = {"canary-controller.io/canary": "exam"}
    read = read_workload(found)
    assert read.held_by_us
    assert (read.gate_mark, read.opted_in, read.skip) == ("4", "exam", "hurry")


def test_a_canary_is_read_whole_or_its_problem_is() -> None:
    found = examples.canary(annotations={"canary-controller.io/intent": "promote"})
    resource = resources.canaries(lambda _: None)
    read = resource.read(json.dumps(found).encode()).record
    assert getattr(read.intent, "action", None) is IntentAction.PROMOTE
    assert getattr(read.policy, "target", None) == "exam"
    found["spec"]["stpes"] = []
    wrong = resource.read(json.dumps(found).encode()).record
    assert isinstance(wrong.policy, Problem)
    assert wrong.target == "exam"
