"""What a rollback does not bring back: a ConfigMap that was changed together with a bad version."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.stage import GROUP, Stage
from tests.e2e.test_quality import CALM, LONG_STEP, analysis, message, wait_rolled_back

CONFIG, SECRET = "exam-config", "exam-secret"
Object = dict[str, Any]


def write(stage: Stage, kind: str, name: str, text: str) -> None:
    """As `kubectl apply --server-side` does."""
    field = "data" if kind == "ConfigMap" else "stringData"
    body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, field: {"limit": text}}
    stage.world.api.apply(body, stage.namespace, manager="kubectl")


def mount(stage: Stage) -> None:
    """The Deployment names one of each; its first version runs."""
    stage.world.deploy(stage.namespace, replicas=4)
    volumes = [
        {"name": "config", "configMap": {"name": CONFIG}},
        {"name": "secret", "secret": {"secretName": SECRET}},
    ]
    body = {"spec": {"template": {"spec": {"volumes": volumes}}}}
    stage.world.api.patch("Deployment", "exam", body, stage.namespace)


def not_undone(stage: Stage) -> str:
    (event, *_) = stage.events("RolledBack")
    said: str = event["message"]
    return said.partition("Not undone by that: ")[2]


def test_a_rollback_names_the_config_map_that_was_pushed_with_the_bad_version(
    stage: Stage,
) -> None:
    write(stage, "ConfigMap", CONFIG, "10")
    write(stage, "Secret", SECRET, "one")
    mount(stage)
    stage.settle(spec={"steps": [LONG_STEP], "analysis": analysis()})
    stage.wait_for(lambda s: s.get("mounts"), 30, "what is mounted to be known")
    with stage.world.traffic(stage.namespace, rate=60, mix=CALM):
        write(stage, "ConfigMap", CONFIG, "20")
        write(stage, "Secret", SECRET, "two")
        stage.push("v2", "--bug=500-everywhere")
        wait_rolled_back(stage)
    assert not_undone(stage).startswith(f"ConfigMap {CONFIG} (changed with the release")
    assert [event["type"] for event in stage.events("MountsChanged")] == ["Normal"] * 2
    told = message(stage, "was rolled back")
    assert f"ConfigMap {CONFIG} (changed with the release)" in told
    # The chart's account may not see Secrets, and says so where it matters.
    assert "Secrets were not looked at: off (chart value config.secrets)" in told
    assert SECRET not in json.dumps(stage.status)
    shown = stage.world.api.get("Canary", "exam", stage.namespace)
    assert shown["apiVersion"].startswith(GROUP)
    (drift,) = shown["status"]["release"]["drift"]
    assert (drift["kind"], drift["name"], drift["turn"]) == ("ConfigMap", CONFIG, "Changed")
