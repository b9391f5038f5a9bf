"""Settings: where they come from, which one wins, and what is said about a bad one."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.settings import PREFIX, Settings, SettingsError

HOOK = "https://hooks.slack.com/services/T0/B0/verysecret"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def refusal(**flags: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load(flags)
    return str(caught.value)


def test_nothing_has_to_be_given() -> None:
    settings = Settings.load({})
    assert settings.namespace == ""
    assert settings.prometheus_url is None
    assert settings.look_interval_seconds == 5
    assert settings.listen_port == 8080
    assert settings.secret("slack_webhook_url") is None


def test_a_flag_wins_over_the_environment_and_that_over_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PREFIX + "WORKERS", "8")
    monkeypatch.setenv(PREFIX + "LISTEN_PORT", "9000")
    settings = Settings.load({"listen_port": "9001"})
    assert (settings.listen_port, settings.workers, settings.log_level) == (9001, 8, "info")


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "PROMETHEUS_URL", "")
    monkeypatch.setenv(PREFIX + "WORKERS", "")
    settings = Settings.load({})
    assert (settings.prometheus_url, settings.workers) == (None, 4)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings.load({}).workers = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("look_interval_seconds", "0.4", "seconds from 0.5 to 60"),
        ("look_interval_seconds", "61", "seconds from 0.5 to 60"),
        ("look_interval_seconds", "nan", "seconds from 0.5 to 60"),
        ("look_interval_seconds", "5s", "seconds from 0.5 to 60"),
        ("prometheus_timeout_seconds", "inf", "seconds from 0.5 to 60"),
        ("prometheus_url", "prometheus:9090", "an address such as http://"),
        ("prometheus_url", "http://", "an address such as http://"),
        ("listen_port", "65536", "a port from 0 to 65535"),
        ("listen_port", "http", "a port from 0 to 65535"),
        ("workers", "0", "a number from 1 to 64"),
        ("log_level", "loud", "debug, info, warning or error"),
        ("log_format", "xml", "json or text"),
        ("kubeconfig", "/does/not/exist", "the path of a file"),
        ("slack_proxy_from_environment", "perhaps", "true or false"),
    ],
)
def test_a_bad_value_is_named_with_its_setting_and_the_remedy(
    name: str, text: str, expected: str
) -> None:
    (line,) = refusal(**{name: text}).splitlines()
    assert line.startswith(f"{name} = {text!r}: ")
    assert f"set --{name.replace('_', '-')} to {expected}" in line


def test_a_bad_variable_is_named_as_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "WORKERS", "many")
    assert "set CANARY_CONTROLLER_WORKERS to a number from 1 to 64" in refusal()


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert len(refusal(workers="0", listen_port="x", prometheus_url="y").splitlines()) == 3


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "PROMETEUS_URL", "http://p:9090")
    assert refusal() == (
        "CANARY_CONTROLLER_PROMETEUS_URL: there is no such setting; "
        "did you mean CANARY_CONTROLLER_PROMETHEUS_URL?"
    )


def test_what_the_kubelet_sets_for_a_service_of_our_name_is_no_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "PORT",
        "PORT_8080_TCP",
        "PORT_8080_TCP_ADDR",
        "SERVICE_HOST",
        "SERVICE_PORT_HTTP",
    ):
        monkeypatch.setenv(PREFIX + name, "tcp://10.0.0.1:8080")
    monkeypatch.setenv(PREFIX + "LISTEN_SERVICE_PORT", "8080")
    assert Settings.load({}).listen_port == 8080


def test_the_webhook_is_a_secret_wherever_it_is_printed() -> None:
    settings = Settings.load({"slack_webhook_url": HOOK + "\n"})
    assert "verysecret" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    webhook = settings.secret("slack_webhook_url")
    assert webhook is not None
    assert webhook.get_secret_value() == HOOK


def test_a_bad_webhook_is_not_printed() -> None:
    said = refusal(slack_webhook_url="verysecret")
    assert "verysecret" not in said
    assert said.startswith("slack_webhook_url = (secret): ")


def test_the_webhook_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(HOOK + "\n")
    webhook = Settings.load({"slack_webhook_url_file": str(file)}).secret("slack_webhook_url")
    assert webhook is not None
    assert webhook.get_secret_value() == HOOK


def test_a_file_without_a_webhook_is_refused_without_its_content(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_bytes(b"verysecret \xff")
    settings = Settings.load({"slack_webhook_url_file": str(file)})
    with pytest.raises(
        SettingsError, match=r"slack_webhook_url_file = .*holds no address"
    ) as caught:
        settings.secret("slack_webhook_url")
    assert "verysecret" not in str(caught.value)
    file.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        settings.secret("slack_webhook_url")


def test_two_webhooks_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(HOOK)
    said = refusal(slack_webhook_url=HOOK, slack_webhook_url_file=str(tmp_path / "url"))
    assert said == (
        "slack_webhook_url and slack_webhook_url_file are both given; leave one of them out"
    )


def test_the_table_describes_every_setting() -> None:
    table = Settings.describe()
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')} " in table
        assert field.description
        assert field.description in table


def test_networks_are_given_with_commas() -> None:
    settings = Settings.load({"trusted_proxies": "10.0.0.0/8, fd00::/8"})
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "fd00::/8"]


def test_a_network_with_a_host_in_it_is_refused() -> None:
    assert "trusted_proxies = '10.0.0.1/8': " in refusal(trusted_proxies="10.0.0.1/8")


@pytest.mark.parametrize(
    "name", ["slack_webhook_url", "slack_bot_token", "slack_signing_secret", "webhook_secret"]
)
def test_a_secret_is_given_once(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(HOOK)
    text = refusal(**{name: HOOK, f"{name}_file": str(file)})
    assert f"{name} and {name}_file are both given" in text
    assert "verysecret" not in text


@pytest.mark.parametrize("name", ["slack_bot_token", "webhook_secret"])
@pytest.mark.parametrize("text", ["two words", "wörd"])
def test_a_secret_that_was_pasted_badly_is_refused_without_being_said(name: str, text: str) -> None:
    said = refusal(**{name: text})
    assert said.startswith(f"{name} = (secret): ")
    assert text not in said


def test_a_secret_in_a_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("xoxb-1\n")
    settings = Settings.load({"slack_bot_token_file": str(file), "slack_channel": "#exams"})
    token = settings.secret("slack_bot_token")
    assert token is not None
    assert token.get_secret_value() == "xoxb-1"
    assert settings.secrets() == ("xoxb-1",)
    assert "xoxb-1" not in repr(settings)


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        ({"slack_bot_token": "xoxb-1"}, "slack_bot_token needs slack_channel"),
        ({"slack_signing_secret": "s"}, "slack_users_file belong together"),
        ({"webhook_url": "https://example.test"}, "webhook_secret belong together"),
        ({"tls_cert_file": __file__}, "tls_key_file belong together"),
        (
            {"slack_bot_token": "xoxb-1", "slack_channel": "#a", "slack_webhook_url": HOOK},
            "every message would come twice",
        ),
    ],
)
def test_what_belongs_together_is_given_together(flags: dict[str, str], missing: str) -> None:
    assert missing in refusal(**flags)
