"""The tables that administrators write: clear errors at the start, changes without a restart."""

from pathlib import Path

import pytest

from controller.adapters.slack.channels import Channels
from controller.adapters.slack.people import People
from controller.domain.records import Ref
from controller.engine.ports import Person, Refused, Unavailable
from tests.adapters.slack.story import STARTED


def people(tmp_path: Path, text: str, name: str = "users.yaml") -> People:
    path = tmp_path / name
    path.write_text(text)
    return People.load(path)


def test_a_table_may_be_yaml_or_json(tmp_path: Path) -> None:
    ada = Person(name="ada", groups=("sre", "system:authenticated"))
    yaml = people(tmp_path, "U0ADA:\n  user: ada\n  groups:\n  - sre\n")
    json = people(tmp_path, '{"U0ADA": {"user": "ada", "groups": ["sre"]}}', "users.json")
    assert yaml.person("U0ADA") == json.person("U0ADA") == ada
    assert yaml.person("U0EVE") is None


def test_an_empty_table_knows_nobody(tmp_path: Path) -> None:
    assert people(tmp_path, "# nobody yet\n").person("U0ADA") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("U0ADA: ada", "no pair of user and groups"),
        ("U0ADA: {groups: [sre]}", "user is missing"),
        ("U0ADA: {user: ''}", "user is missing"),
        ("U0ADA: {user: ada, groups: sre}", "groups is no list"),
        ("U0ADA: {user: ada, groups: [1]}", "groups is no list"),
        ("U0ADA: {user: ada, group: [sre]}", "group is not known"),
        ("ada: {user: ada}", "no Slack user id"),
        ("1: {user: ada}", "put it in quotes"),
        ("U0ADA: {user: ada}\nU0ADA: {user: eve}", "U0ADA is there twice"),
        ("[]", "is not a table"),
        ("U0ADA: [", "neither YAML nor JSON"),
        ("!!python/object/apply:os.system [id]", "neither YAML nor JSON"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_a_remedy(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(Refused, match=words) as caught:
        people(tmp_path, text)
    assert "slack_users_file = " in str(caught.value)
    assert "U0123ABCD: {user: ada@example.org" in str(caught.value)


def test_all_wrong_rows_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"U0ADA: .*U0EVE: "):
        people(tmp_path, "U0ADA: 1\nU0EVE: 2\n")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        People.load(tmp_path / "none.yaml")


def test_a_table_is_read_again_when_it_has_changed_and_only_then(tmp_path: Path) -> None:
    table = people(tmp_path, "U0ADA: {user: ada}")
    (tmp_path / "users.yaml").write_text("U0EVE: {user: eve, groups: [a]}")
    assert table.person("U0ADA") is None
    assert table.person("U0EVE") is not None


def test_what_was_taken_out_of_a_table_is_not_in_force_because_the_rest_is_broken(
    tmp_path: Path,
) -> None:
    table = people(tmp_path, "U0ADA: {user: ada}")
    path = tmp_path / "users.yaml"
    path.write_text("U0EVE {user: eve, groups: [a]}")
    with pytest.raises(Refused):
        table.person("U0ADA")
    path.unlink()
    with pytest.raises(Refused):
        table.person("U0ADA")
    path.write_text("U0ADA: {user: ada}")
    assert table.person("U0ADA") is not None


def test_a_namespaces_channel_is_found_or_the_default_taken(tmp_path: Path) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text('exams: "#exam-deploys"\nlti: C0123456789\n')
    channels = Channels.load("#deploys", path)
    said = [channels.of(Ref(n, "x"), STARTED) for n in ("exams", "lti", "web")]
    assert said == ["#exam-deploys", "C0123456789", "#deploys"]


@pytest.mark.parametrize("text", ["Exams: '#a'", "exams: '#A B'", "exams: 1", "exams: #exams"])
def test_a_channel_that_cannot_be_one_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text(text)
    with pytest.raises(Refused, match="slack_channels_file"):
        Channels.load("#deploys", path)


def test_a_default_that_is_no_channel_is_refused() -> None:
    with pytest.raises(Refused, match="slack_channel = 'Deploys!'"):
        Channels.load("Deploys!", None)


def test_while_the_table_is_broken_a_notice_waits_and_goes_to_no_wrong_channel(
    tmp_path: Path,
) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text("exams: '#exams'")
    channels = Channels.load("#deploys", path)
    path.write_text("exams: [")
    with pytest.raises(Unavailable):
        channels.of(Ref("exams", "x"), STARTED)


def test_a_table_that_is_broken_at_the_start_lets_nobody_in_until_it_is_mended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    users, channels = tmp_path / "users.yaml", tmp_path / "channels.yaml"
    users.write_text("- no table")
    channels.write_text("- no table")
    people = People.opened(users)
    spread = Channels.opened("#deploys", channels)
    assert "slack_users_file" in caplog.text
    assert "slack_channels_file" in caplog.text
    with pytest.raises(Refused):
        people.person("U0ADA")
    users.write_text("U0ADA: {user: ada@example.org}")
    channels.write_text('exams: "#exams"')
    found = people.person("U0ADA")
    assert found is not None
    assert found.name == "ada@example.org"
    spread.check()
