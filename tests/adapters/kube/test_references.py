"""Which ConfigMaps and Secrets a template names."""

from typing import Any

from controller.adapters.kube.references import mounts_of
from controller.domain.mounts import MOUNTS_MAX, Mount, MountKind

C, S = MountKind.CONFIG_MAP, MountKind.SECRET


def names(**spec: Any) -> list[Mount]:
    return list(mounts_of({"spec": spec}))


def test_volumes_of_either_kind_and_projected_ones_are_found() -> None:
    volumes = [
        {"name": "a", "configMap": {"name": "files"}},
        {"name": "b", "secret": {"secretName": "certificate"}},
        {
            "name": "c",
            "projected": {
                "sources": [
                    {"configMap": {"name": "part"}},
                    {"secret": {"name": "half"}},
                    {"serviceAccountToken": {"path": "token"}},
                    {"downwardAPI": {"items": []}},
                ]
            },
        },
    ]
    assert names(volumes=volumes) == [
        Mount(C, "files"),
        Mount(C, "part"),
        Mount(S, "certificate"),
        Mount(S, "half"),
    ]


def test_variables_are_found_one_by_one_and_whole_in_init_containers_too() -> None:
    env = [
        {"name": "A", "value": "plain"},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "limits", "key": "b"}}},
        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "password", "key": "c"}}},
        {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    whole = [
        {"configMapRef": {"name": "all", "optional": True}},
        {"prefix": "X_", "secretRef": {"name": "keys"}},
    ]
    found = names(
        containers=[{"name": "server", "env": env}],
        initContainers=[{"name": "migrate", "envFrom": whole}],
    )
    assert found == [Mount(C, "all"), Mount(C, "limits"), Mount(S, "keys"), Mount(S, "password")]


def test_what_the_kubelet_alone_uses_is_not_looked_at() -> None:
    volumes = [
        {"name": "a", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}},
        {"name": "b", "emptyDir": {}},
        {"name": "c", "hostPath": {"path": "/x"}},
    ]
    assert names(volumes=volumes, imagePullSecrets=[{"name": "registry"}]) == []


def test_one_that_is_named_twice_is_one() -> None:
    volumes = [{"name": n, "configMap": {"name": "files"}} for n in "ab"]
    assert names(volumes=volumes) == [Mount(C, "files")]


def test_null_lists_and_empty_names_are_nothing() -> None:
    assert names(volumes=None, containers=[{"env": None, "envFrom": None}]) == []
    assert names(volumes=[{"name": "a", "configMap": {"name": ""}}]) == []
    assert mounts_of({}) == ()


def test_no_template_names_more_than_can_be_looked_at() -> None:
    volumes = [{"name": f"v{n}", "configMap": {"name": f"c{n:03}"}} for n in range(MOUNTS_MAX + 9)]
    assert len(names(volumes=volumes)) == MOUNTS_MAX
