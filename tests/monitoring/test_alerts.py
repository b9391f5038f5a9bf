"""Every alert fires when it should, and not otherwise: asked of promtool with series of minutes."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from controller.adapters.telemetry import Telemetry
from docs.generate import everything_shown

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = ROOT / "helm" / "canary-controller" / "files" / "alerts.yaml"
DASHBOARDS: Final = RULES.parent / "dashboards"
RUNBOOKS: Final = ROOT / "docs" / "runbooks.md"
ALERTS: Final[Mapping[str, Mapping[str, Any]]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
C: Final = "canary_controller_"
# Two replicas in peace: one leads, both know the same.
PEACE: Final[Mapping[str, str]] = {
    C + 'build_info{instance="a",version="1"}': "1x60",
    C + 'build_info{instance="b",version="1"}': "1x60",
    C + 'leader{instance="a"}': "1x60",
    C + 'leader{instance="b"}': "0x60",
    C + 'watch_age_seconds{instance="a",kind="pods"}': "30x60",
    C + 'watch_age_seconds{instance="b",kind="pods"}': "30x60",
    C + 'watch_relists_total{instance="a",kind="pods"}': "0+0.1x60",
    C + 'reconcile_errors_total{instance="a",kind="conflict"}': "0+5x60",
    C + 'reconcile_errors_total{instance="a",kind="bug"}': "0x60",
    C + 'queue_depth{instance="a"}': "2x60",
    C + 'queue_depth{instance="b"}': "0x60",
    C + 'oldest_notice_seconds{instance="a"}': "3x60",
    C + 'gate_in_force{instance="a"}': "1x60",
    C + 'gate_in_force{instance="b"}': "1x60",
    C + 'canaries{instance="a",phase="Idle"}': "7x60",
    C + 'canaries{instance="a",phase="Quarantined"}': "0x60",
    C + 'canaries{instance="b",phase="Quarantined"}': "0x60",
    C + 'releases_total{instance="a",result="Promoted",cause="none"}': "0+1x60",
    C + 'releases_total{instance="a",result="RolledBack",cause="restarts"}': "3x60",
    C + 'crash_to_rollback_seconds_bucket{instance="a",le="2.0"}': "0+1x60",
    C + 'crash_to_rollback_seconds_bucket{instance="a",le="3.0"}': "0+1x60",
    C + 'crash_to_rollback_seconds_bucket{instance="a",le="+Inf"}': "0+1x60",
    C + 'crash_to_rollback_seconds_count{instance="a"}': "0+1x60",
    C + 'blind_releases{instance="a"}': "0x60",
    C + 'phase_oldest_seconds{instance="a",phase="Holding"}': "600x60",
    C + 'phase_oldest_seconds{instance="a",phase="Idle"}': "1000000x60",
    C + 'prometheus_queries_total{instance="a",result="ok"}': "0+60x60",
    C + 'prometheus_queries_total{instance="a",result="timeout"}': "0+1x60",
    C + 'prometheus_query_seconds_bucket{instance="a",le="0.1"}': "0+60x60",
    C + 'prometheus_query_seconds_bucket{instance="a",le="5.0"}': "0+61x60",
    C + 'prometheus_query_seconds_bucket{instance="a",le="+Inf"}': "0+61x60",
    C + 'evidence_age_seconds_bucket{instance="a",le="30.0"}': "0+9x60",
    C + 'evidence_age_seconds_bucket{instance="a",le="120.0"}': "0+9x60",
    C + 'evidence_age_seconds_bucket{instance="a",le="300.0"}': "0+9x60",
    C + 'evidence_age_seconds_bucket{instance="a",le="+Inf"}': "0+9x60",
}
GONE: Final = "_x60"
# What has to happen for an alert, over PEACE; GONE takes a series away.
TROUBLE: Final[Mapping[str, Mapping[str, str]]] = {
    "CanaryControllerDown": dict.fromkeys(PEACE, GONE),
    "CanaryControllerNoLeader": {C + 'leader{instance="a"}': "0x60"},
    "CanaryControllerTwoLeaders": {C + 'leader{instance="b"}': "1x60"},
    "CanaryControllerWatchStale": {
        C + 'watch_age_seconds{instance="b",kind="pods"}': "0+60x60",
    },
    "CanaryControllerRelists": {C + 'watch_relists_total{instance="a",kind="pods"}': "0+1x60"},
    "CanaryControllerErrors": {
        C + 'reconcile_errors_total{instance="a",kind="bug"}': "0+1x60",
    },
    "CanaryControllerQueueStuck": {C + 'queue_depth{instance="a"}': "50+1x60"},
    "CanaryControllerNoticesLate": {C + 'oldest_notice_seconds{instance="a"}': "0+60x60"},
    "CanaryControllerGateMissing": {
        C + 'gate_in_force{instance="a"}': "0x60",
        C + 'gate_in_force{instance="b"}': "0x60",
    },
    "CanaryRolledBack": {
        C + 'releases_total{instance="a",result="RolledBack",cause="restarts"}': "3x50 4x10",
    },
    "CanaryRollbackSlow": {
        C + 'crash_to_rollback_seconds_bucket{instance="a",le="3.0"}': "0+1x40 40x20",
        C + 'crash_to_rollback_seconds_count{instance="a"}': "0+1x40 41x20",
    },
    "CanaryReleaseBlind": {C + 'blind_releases{instance="a"}': "1x60"},
    "CanaryReleaseWaits": {
        C + 'phase_oldest_seconds{instance="a",phase="Holding"}': "15000+60x60",
    },
    "CanaryQuarantined": {
        C + 'canaries{instance="a",phase="Quarantined"}': "1x60",
        C + 'canaries{instance="b",phase="Quarantined"}': "1x60",
    },
    "CanaryPrometheusFails": {
        C + 'prometheus_queries_total{instance="a",result="timeout"}': "0+90x60",
    },
    "CanaryPrometheusSlow": {
        C + 'prometheus_query_seconds_bucket{instance="a",le="0.1"}': "0+10x60",
    },
    "CanaryEvidenceStale": {
        C + 'evidence_age_seconds_bucket{instance="a",le="30.0"}': "0x60",
        C + 'evidence_age_seconds_bucket{instance="a",le="120.0"}': "0x60",
    },
}


def promtool() -> str:
    """The program, which has to be there in CI; see .ci/promtool."""
    found = shutil.which("promtool")
    if found is None:
        assert os.environ.get("CI") != "true", "promtool is missing: .ci/promtool installs it"
        pytest.skip("promtool is not there: .ci/promtool says how to get it")
    return found


def fires(alert: str, series: Mapping[str, str], folder: Path) -> bool:
    """Whether it fires at the end of an hour; promtool counts."""
    rules = folder / "alerts.yaml"
    shutil.copy(RULES, rules)
    spec = {
        "rule_files": [rules.name],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": values} for name, values in series.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
                        "eval_time": "58m",
                        "exp_samples": [],
                    }
                ],
            }
        ],
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    result = subprocess.run(
        [promtool(), "test", "rules", path.name],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = result.stdout + result.stderr
    assert "SUCCESS" in said or "got:" in said, said
    return "SUCCESS" not in said


def test_the_rules_are_rules(tmp_path: Path) -> None:
    done = subprocess.run(
        [promtool(), "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_it_should(alert: str, tmp_path: Path) -> None:
    assert fires(alert, {**PEACE, **TROUBLE[alert]}, tmp_path)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_quiet_in_peace(alert: str, tmp_path: Path) -> None:
    assert not fires(alert, PEACE, tmp_path)


def of_teams(series: Mapping[str, str]) -> dict[str, str]:
    """The same in the namespace of each of two teams."""
    return {
        name.replace("{", f'{{namespace="{team}",', 1): values
        for team in ("exams", "shop")
        for name, values in series.items()
    }


# What looks like trouble to an expression that is a little too simple.
NO_TROUBLE: Final[Mapping[str, Mapping[str, str]]] = {
    "CanaryControllerTwoLeaders": of_teams(PEACE),
    "CanaryControllerWatchStale": {
        **PEACE,
        # The account may not look at nodes, which it can do without.
        C + 'watch_age_seconds{instance="a",kind="nodes"}': "Inf Inf+0x59",
    },
    "CanaryControllerDown": {**PEACE, C + 'build_info{instance="b",version="1"}': GONE},
    "CanaryControllerNoLeader": {
        **PEACE,
        C + 'leader{instance="a"}': "1x56 0x4",
        C + 'leader{instance="b"}': "0x57 1x3",
    },
    "CanaryRolledBack": {
        **PEACE,
        # The replica that counted is gone, the next one begins at nothing.
        C + 'releases_total{instance="a",result="RolledBack",cause="restarts"}': "3x50 0x10",
    },
}


@pytest.mark.parametrize("alert", NO_TROUBLE)
def test_an_alert_is_not_deceived(alert: str, tmp_path: Path) -> None:
    assert not fires(alert, NO_TROUBLE[alert], tmp_path)


@pytest.mark.parametrize("alert", ["CanaryControllerNoLeader", "CanaryControllerGateMissing"])
def test_the_trouble_of_one_team_is_not_hidden_by_the_peace_of_another(
    alert: str, tmp_path: Path
) -> None:
    both = of_teams({**PEACE, **TROUBLE[alert]})
    peace = {name: values for name, values in of_teams(PEACE).items() if "exams" in name}
    assert fires(alert, {**both, **peace}, tmp_path)


def test_every_alert_has_its_trouble() -> None:
    assert TROUBLE.keys() == ALERTS.keys()


def exported() -> set[str]:
    """Every metric that a replica exports, by the names of its samples."""
    registry = CollectorRegistry()
    everything_shown(Telemetry(registry))
    names: set[str] = set()
    for family in registry.collect():
        names |= {family.name + end for end in ("", "_total", "_bucket", "_sum", "_count")}
    return names


def asked_for(expression: str) -> set[str]:
    promql_parser.parse(expression)
    return set(re.findall(r"\b(canary_controller_\w+|process_\w+)", expression))


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_asks_for_what_there_is(alert: str) -> None:
    found = asked_for(ALERTS[alert]["expr"])
    assert found
    assert found <= exported()


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_to_do_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    said = rule["annotations"]
    assert len(said["description"]) > 40
    assert said["runbook_url"] == f"RUNBOOK_URL#{alert.lower()}"
    assert f"## {alert}\n" in RUNBOOKS.read_text(encoding="utf-8")


def test_every_runbook_is_of_an_alert() -> None:
    headings = re.findall(r"^## (\w+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(ALERTS)
