"""What Helm takes, the process takes: no value leads to a pod that refuses to start."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.adapters.slack.channels import Channels
from controller.adapters.slack.people import People
from controller.engine.ports import Refused
from controller.settings import PREFIX, Settings, SettingsError
from tests.chart.rendering import helm_python, of_kind, rendered
from tests.chart.test_render import ALL, SECRET, SWITCHES, env

BOT = {"slack": {"botToken": SECRET}}


def started(values: dict[str, Any], root: Path) -> Settings:
    """The settings of a pod of this chart, with its volumes below `root`; raises what it would."""
    objects = rendered(values)
    tables = {
        name: text
        for found in of_kind(objects, "ConfigMap")
        if found["metadata"]["name"].endswith("-slack")
        for name, text in found["data"].items()
    }
    given: dict[str, str] = {}
    for name, said in env(objects).items():
        setting = name.removeprefix(PREFIX).lower()
        if name == setting.upper():
            continue  # not ours, such as HTTPS_PROXY
        assert setting in Settings.model_fields, f"{name}: the process knows no such setting"
        # Of the pod's own fields only the name and the namespace are asked for.
        text = said if isinstance(said, str) else "from-the-pod"
        given[setting] = _placed(setting, text, root, tables)
    found = Settings.load(given)
    if found.slack_channel:
        Channels.load(found.slack_channel, found.slack_channels_file)
    if found.slack_users_file is not None:
        People.load(found.slack_users_file)
    return found


def _placed(setting: str, text: str, root: Path, tables: dict[str, str]) -> str:
    path = root / text.lstrip("/")
    if setting.endswith("_dir"):
        path.mkdir(parents=True, exist_ok=True)
    elif setting.endswith("_file"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tables.get(path.name, "https://hooks.example.org/x"), encoding="utf-8")
    else:
        return text
    return str(path)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(values=SWITCHES)
def test_whatever_the_values_are_the_process_starts_with_them(
    values: dict[str, Any], tmp_path: Path
) -> None:
    assert started(values, tmp_path).lease_namespace == "from-the-pod"


def test_it_starts_with_everything(tmp_path: Path) -> None:
    found = started(ALL, tmp_path)
    assert found.namespaces == ("exams", "shop")
    assert found.lease_seconds == ALL["controller"]["leaseSeconds"]


# What people write there, right and wrong: whatever Helm lets through has to be right.
WRITTEN = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"#?[a-zA-Z0-9_-]{1,10}", fullmatch=True),
    st.from_regex(r"https?://[][a-z0-9:./@-]{0,12}", fullmatch=True),
    st.from_regex(r"[CGDUW][A-Z0-9]{1,8}", fullmatch=True),
    st.sampled_from(["ada@example.org", "système", "a b", " a", "a\n", "123", "on", "null"]),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(written=WRITTEN, place=st.sampled_from(["channel", "channels", "users", "groups", "url"]))
def test_what_is_written_by_hand_is_refused_by_helm_or_used(
    written: str, place: str, tmp_path: Path
) -> None:
    user = {"user": "ada@example.org", "groups": []}
    buttons = {"signingSecret": SECRET}
    values: dict[str, Any] = {
        "channel": {**BOT, "controller": {"slackChannel": written}},
        "channels": {
            "slack": {"botToken": SECRET, "channels": {"exams": written}},
            "controller": {"slackChannel": "#deploys"},
        },
        "users": {"slack": {**buttons, "users": {written: user}}},
        "groups": {"slack": {**buttons, "users": {"U0123": {**user, "groups": [written]}}}},
        "url": {"controller": {"dashboardUrl": written}},
    }[place]
    try:
        rendered(values)
    except helm_python.HelmError:
        return
    try:
        started(values, tmp_path)
    except (SettingsError, Refused):
        # No pattern tells what no font shows: the process says so at its start.
        assert not written.isprintable()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({**BOT, "controller": {"slackChannel": "#Deploys"}}, "slackChannel"),
        ({**BOT, "controller": {"slackChannel": "all deploys"}}, "slackChannel"),
        ({"slack": {"channels": {"exams": "#Exams"}}}, "/slack/channels/exams"),
        ({"slack": {"channels": {"Exams": "#exams"}}}, "/slack/channels': .*'Exams'"),
        ({"slack": {"users": {"ada": {"user": "ada@example.org"}}}}, "/slack/users': .*'ada'"),
        ({"slack": {"users": {"U0123": {"user": "ada "}}}}, "/slack/users/U0123/user"),
        ({"controller": {"trustedProxies": ["banana"]}}, "trustedProxies"),
        ({"controller": {"trustedProxies": ["10.0.0.0/8"] * 65}}, "trustedProxies"),
        ({"controller": {"dashboardUrl": "http://["}}, "dashboardUrl"),
        ({"controller": {"dashboardUrl": "http://:80"}}, "dashboardUrl"),
        ({"prometheus": {"bearerToken": {"existingSecret": "a", "key": ".."}}}, "key"),
        ({"extraEnv": [{"name": "PORT", "value": 3128}]}, "extraEnv"),
    ],
)
def test_what_the_process_would_refuse_is_refused_by_helm(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(helm_python.HelmError, match=said):
        rendered(values)


def test_a_network_with_host_bits_is_left_to_the_process(tmp_path: Path) -> None:
    """A pattern cannot tell; the process does, with the remedy."""
    values = {"controller": {"trustedProxies": ["10.0.0.1/8"]}}
    with pytest.raises(SettingsError, match="to networks such as"):
        started(values, tmp_path)


def test_a_user_may_have_a_name_that_yaml_takes_for_a_number(tmp_path: Path) -> None:
    user = {"user": "123", "groups": ["on", "null"]}
    values = {"slack": {"signingSecret": SECRET, "users": {"U0123": user}}}
    path = started(values, tmp_path).slack_users_file
    assert path is not None
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == {"U0123": user}
