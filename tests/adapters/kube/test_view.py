"""Which Canary an event concerns, and what the scene of a Canary shows."""

import json
from typing import Any

from controller.adapters.kube.store import Key, Shelf
from controller.adapters.kube.view import View
from controller.domain.policy import Policy
from controller.domain.records import GateKind, Problem, Ref
from controller.domain.snapshot import Scene
from tests.adapters.kube.examples import NAMESPACE, Object, canary, deployment, pod, replica_set

EXAM = Ref(NAMESPACE, "exam")


class Seen:
    """A view, and the refs it announced."""

    def __init__(self) -> None:
        self.announced: list[str] = []
        self.view = View(lambda _: None, lambda ref: self.announced.append(ref.name))
        self._version = 1

    def put(self, *found: Object) -> "Seen":
        for one in found:
            self._version += 1
            one["metadata"]["resourceVersion"] = str(self._version)
            self._put(self._shelf(one["kind"]), one)
        return self

    def _put(self, shelf: Shelf[Any], one: Object) -> None:
        shelf.put(shelf.resource.read(json.dumps(one).encode()))

    def _shelf(self, kind: str) -> Shelf[Any]:
        shelves: dict[str, Shelf[Any]] = {
            "Canary": self.view.canaries,
            "Deployment": self.view.deployments,
            "ReplicaSet": self.view.replica_sets,
            "Pod": self.view.pods,
        }
        return shelves[kind]

    def after(self, *found: Object) -> set[str]:
        """Who is announced by these."""
        self.announced.clear()
        self.put(*found)
        return set(self.announced)

    def scene(self, ref: Ref = EXAM) -> Scene:
        scene = self.view.scene(ref)
        assert scene is not None
        return scene


def whole() -> Seen:
    """A Canary whose Deployment has two revisions, with a pod each."""
    return Seen().put(
        canary(),
        deployment(),
        replica_set("exam-aaaa"),
        replica_set("exam-bbbb", "exam:v2", replicas=1, revision=2),
        pod("exam-aaaa-1", of="exam-aaaa"),
        pod("exam-bbbb-1", of="exam-bbbb"),
    )


def labelled(name: str) -> Object:
    found = deployment()
    found["metadata"]["labels"] = {"canary-controller.io/canary": name}
    return found


def test_a_scene_has_the_workload_its_revisions_and_their_pods() -> None:
    scene = whole().scene()
    assert isinstance(scene.policy, Policy)
    assert scene.workload is not None
    assert [rs.name for rs in scene.replica_sets] == ["exam-aaaa", "exam-bbbb"]
    assert [pod.name for pod in scene.pods] == ["exam-aaaa-1", "exam-bbbb-1"]


def test_other_workloads_are_not_in_the_scene() -> None:
    seen = whole().put(
        deployment("other"), replica_set("other-cccc", of="other"), pod("other-1", of="other-cccc")
    )
    assert len(seen.scene().replica_sets) == len(seen.scene().pods) == 2


def test_a_canary_without_its_deployment_has_no_workload() -> None:
    assert Seen().put(canary()).scene().workload is None


def test_a_canary_that_is_not_there_has_no_scene() -> None:
    assert Seen().view.scene(EXAM) is None


def test_a_spec_that_cannot_be_read_still_shows_its_workload() -> None:
    wrong = canary()
    wrong["spec"]["mode"] = "Enforced"
    scene = Seen().put(wrong, deployment()).scene()
    assert isinstance(scene.policy, Problem)
    assert scene.workload is not None


def test_events_of_deployment_revision_and_pod_concern_the_canary() -> None:
    seen = whole()
    assert seen.after(deployment(replicas=11)) == {"exam"}
    assert seen.after(replica_set("exam-bbbb", "exam:v2", replicas=2)) == {"exam"}
    assert seen.after(pod("exam-bbbb-1", of="exam-bbbb", conditions=[])) == {"exam"}


def test_events_of_others_concern_nobody() -> None:
    seen = whole()
    assert seen.after(deployment("other"), replica_set("other-c", of="other")) == set()
    assert seen.after(pod("other-1", of="other-c"), pod("stray", of="nothing")) == set()


def test_what_changes_nothing_that_is_read_is_no_news() -> None:
    seen = whole()
    again = deployment()
    again["metadata"]["annotations"] = {"someone": "else"}
    assert seen.after(again, pod("exam-bbbb-1", of="exam-bbbb")) == set()
    workload = seen.scene().workload
    assert workload is not None
    assert workload.version == "8"


def test_our_own_status_is_no_news() -> None:
    committed = canary()
    committed["status"] = {"phase": "Idle", "message": "all is well"}
    seen = whole()
    assert seen.after(committed) == set()
    assert seen.scene().status.message == "all is well"


def test_a_command_on_the_canary_is_news() -> None:
    asked = canary(annotations={"canary-controller.io/intent": "promote"})
    assert whole().after(asked) == {"exam"}


def test_the_gate_is_the_policy_only_where_the_label_is() -> None:
    seen = whole()
    seen.view.gate_in_force = True
    assert seen.scene().gate is GateKind.CATCH
    seen.put(labelled("exam"))
    assert seen.scene().gate is GateKind.POLICY
    seen.view.gate_in_force = False
    assert seen.scene().gate is GateKind.CATCH


def test_of_two_canaries_of_one_workload_the_younger_has_a_rival() -> None:
    seen = whole()
    assert seen.after(canary("late", creationTimestamp="2026-02-01T00:00:00Z")) == {"exam", "late"}
    assert seen.scene().rival is None
    assert seen.scene(Ref(NAMESPACE, "late")).rival == "exam"
    seen.announced.clear()
    seen.view.canaries.drop(Key(NAMESPACE, "exam"), 1000)
    assert set(seen.announced) == {"exam", "late"}
    assert seen.scene(Ref(NAMESPACE, "late")).rival is None


def test_of_two_of_the_same_age_the_name_decides() -> None:
    seen = Seen().put(canary("b"), canary("a"))
    assert seen.scene(Ref(NAMESPACE, "a")).rival is None
    assert seen.scene(Ref(NAMESPACE, "b")).rival == "a"


def test_a_canary_that_a_label_names_and_that_is_gone_is_a_stray() -> None:
    seen = Seen()
    assert seen.after(labelled("gone")) == {"gone"}
    assert seen.view.strays() == (Ref(NAMESPACE, "gone"),)
    assert seen.put(canary("gone")).view.strays() == ()


def test_a_list_from_before_a_restore_replaces_all_that_is_known() -> None:
    seen = whole()
    seen.view.pods.reach(None, 900)
    seen.view.pods.replace({}, 10)
    assert seen.scene().pods == ()
    assert seen.view.pods.position(None) == 10
