"""`canaryctl get`: the table as a person reads it, and every way in which it cannot be had."""

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from controller.cli import main
from controller.cli.output import ago, table
from tests.cli.clusters import CANARIES, CANARY, Cluster, clustered, shop
from tests.cli.typing_in import Said, typed

Type = Callable[..., Said]


@pytest.fixture
def say(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Type:
    return lambda *words: typed(cluster, capsys, *words)


def columns(line: str) -> list[str]:
    return re.split(r"\s{3,}", line)


def test_a_table_shows_where_each_release_is(say: Type) -> None:
    said = say("get")
    assert said.code == 0
    head, row = said.out.splitlines()
    assert head.split() == ["NAME", "PHASE", "FOR", "STEP", "CANARY", "STABLE", "MESSAGE"]
    name, phase, since, *rest = columns(row)
    assert (name, phase) == ("exam", "Holding")
    assert re.fullmatch(r"5m\d\ds", since)
    assert rest == [
        "2/3 (25%)",
        "exam:v2",
        "exam:v1",
        "Step 2 waits for a person: the evidence has not decided in 30 min",
    ]


def test_who_may_only_list_canaries_gets_the_table_all_the_same(
    cluster: Cluster, say: Type
) -> None:
    said = say("get")
    assert said.err == ""
    assert [one.path for one in cluster.server.asked] == [CANARIES]


def test_wide_shows_pods_and_says_what_may_not_be_seen(cluster: Cluster, say: Type) -> None:
    assert "3/3" in columns(say("get", "-o", "wide").out.splitlines()[1])
    cluster.server.forbidden = frozenset({"/apis/apps/v1/namespaces/exams/replicasets"})
    said = say("get", "-o", "wide")
    assert said.code == 0
    assert columns(said.out.splitlines()[1])[6] == "-"
    assert said.err.startswith("canaryctl: not shown, because you may not see it: replicasets: 403")


def test_all_namespaces_have_a_column(say: Type) -> None:
    assert say("get", "-A").out.splitlines()[1].startswith("exams       exam   Holding")


def test_headers_can_be_left_out(say: Type) -> None:
    assert say("get", "--no-headers").out.startswith("exam   Holding")


def test_only_some_phases_are_asked_for(say: Type) -> None:
    assert "exam" in say("get", "--phase", "holding,rolled-back").out
    said = say("get", "--phase", "promoted")
    assert (said.code, said.out) == (0, "")
    assert said.err == "canaryctl: there are no Canaries in the namespace exams in such a phase\n"


def test_a_phase_that_does_not_exist_is_a_usage_error(say: Type) -> None:
    said = say("get", "--phase", "held")
    assert said.code == 2
    assert "'held' is no phase: Idle, Seeding" in said.err


def test_names_are_as_kubectl_takes_them(say: Type) -> None:
    assert say("get", "-o", "name").out == "canary.canary-controller.io/exam\n"
    assert say("get", "canary.canary-controller.io/exam", "--no-headers").out.startswith("exam")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("exams/exam",), "for a Canary in another namespace: exam -n exams"),
        (("../secrets",), "'../secrets' is no name of a Canary"),
        (("exam?x=1",), "is no name of a Canary"),
        (("Exam",), "is no name of a Canary"),
        (("-n", "a/b"), "'a/b' is no name of a namespace"),
    ],
)
def test_what_is_no_name_never_gets_to_the_server(
    cluster: Cluster, say: Type, words: tuple[str, ...], said: str
) -> None:
    answered = say("get", *words)
    assert answered.code == 2
    assert said in answered.err
    assert cluster.server.asked == []


def test_json_is_the_object_or_a_list_of_them(cluster: Cluster, say: Type) -> None:
    found = copy.deepcopy(cluster.server.objects[CANARY])
    found["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    cluster.put(found)
    one = json.loads(say("get", "exam", "-o", "json").out)
    assert (one["kind"], one["status"]["phase"]) == ("Canary", "Holding")
    assert "managedFields" not in one["metadata"]
    many = json.loads(say("get", "-o", "json").out)
    assert (many["kind"], many["items"]) == ("List", [one])
    assert yaml.safe_load(say("get", "-o", "yaml").out) == many


def test_an_empty_namespace_is_no_error(say: Type) -> None:
    said = say("get", "-n", "elsewhere")
    assert (said.code, said.out) == (0, "")
    assert said.err == "canaryctl: there are no Canaries in the namespace elsewhere\n"


def test_the_context_says_the_namespace(say: Type) -> None:
    assert "namespace elsewhere" in say("get", "--context", "other").err


def test_a_misspelt_name_is_answered_with_what_is_near(say: Type) -> None:
    said = say("get", "exma")
    assert said.code == 4
    assert said.err == (
        "canaryctl: there is no Canary 'exma' in the namespace 'exams': did you mean 'exam'?\n"
    )


def test_the_name_of_a_deployment_leads_to_its_canary(cluster: Cluster, say: Type) -> None:
    other = copy.deepcopy(cluster.server.objects[CANARY])
    other["metadata"] |= {"name": "guard", "uid": "uid-guard"}
    other["spec"]["targetRef"]["name"] = "shop-api"
    cluster.put(other)
    assert "did you mean 'guard', the one of the Deployment shop-api?" in say("get", "shop-api").err


def test_a_spec_that_cannot_be_acted_on_is_said_in_the_table(cluster: Cluster, say: Type) -> None:
    found = copy.deepcopy(cluster.server.objects[CANARY])
    found["spec"]["mode"] = "Enforc"
    cluster.put(found)
    assert "cannot be acted on: spec.mode" in say("get").out


def test_canaries_that_are_not_installed(cluster: Cluster, say: Type) -> None:
    cluster.server.missing = True
    for words in (("get",), ("get", "exam"), ("status", "exam")):
        said = say(*words)
        assert said.code == 4
        assert "Canaries are not installed in this cluster" in said.err
        assert "deploy/crd.yaml" in said.err


def test_what_is_forbidden_says_whom_to_ask(cluster: Cluster, say: Type) -> None:
    cluster.server.forbidden = frozenset({CANARIES})
    said = say("get")
    assert said.code == 5
    assert "does not let you: 403" in said.err
    assert "Ask an administrator" in said.err


def test_an_expired_token_says_to_log_in_again(cluster: Cluster, say: Type) -> None:
    cluster.configure(token="expired-secret")
    said = say("get")
    assert said.code == 5
    assert "does not know you" in said.err
    assert "user 'ada'" in said.err
    assert "expired-secret" not in said.err


def test_an_api_server_that_is_away(cluster: Cluster, say: Type) -> None:
    cluster.shut()
    said = say("get")
    assert said.code == 7
    assert f"http://127.0.0.1:{cluster.port} cannot be reached" in said.err
    cluster.open()


def test_an_unknown_context_is_answered_with_those_there_are(say: Type) -> None:
    said = say("get", "--context", "knd")
    assert said.code == 2
    assert "there is no context 'knd'" in said.err
    assert "did you mean 'kind'?" in said.err


def test_no_kubeconfig_says_what_to_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["get", "--kubeconfig", str(tmp_path / "none")]) == 2
    assert "there is no kubeconfig" in capsys.readouterr().err


def test_a_broken_kubeconfig_shows_none_of_its_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config"
    file.write_text("users: [{name: ada, user: {token: hunter2\n")
    assert main(["get", "--kubeconfig", str(file)]) == 2
    said = capsys.readouterr().err
    assert "is not YAML at line" in said
    assert "hunter2" not in said


def test_many_canaries_come_in_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    canary = shop()[0]
    many = [{**canary, "metadata": canary["metadata"] | {"name": f"exam-{i:03}"}} for i in range(3)]
    with clustered(tmp_path, *many) as cluster:
        said = typed(cluster, capsys, "get", "--no-headers")
    assert [line.split()[0] for line in said.out.splitlines()] == [f"exam-{i:03}" for i in range(3)]


def test_the_last_column_is_cut_to_the_terminal() -> None:
    shown = table(("A", "B"), [("x", "a long message for a small terminal")], columns_max=30)
    assert shown.splitlines()[1] == "x   a long message for a smal…"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (119, "119s"), (312, "5m12s"), (3600, "60m"), (86_400 * 3, "3d"), (-5, "0s")],
)
def test_an_age_is_written_as_kubectl_writes_it(seconds: int, words: str) -> None:
    assert ago(timedelta(seconds=seconds)) == words


def test_a_table_does_not_wait_for_what_it_does_not_need(cluster: Cluster) -> None:
    program = (
        "import sys\n"
        "from controller.cli import main\n"
        f"main(['get', '--kubeconfig', {str(cluster.kubeconfig)!r}])\n"
        "slow = {'kubernetes', 'scipy', 'numpy', 'fastapi', 'rich', 'requests'}\n"
        "slow |= {'controller.simulation', 'controller.bootstrap', 'prometheus_api_client'}\n"
        "print(sorted(slow & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("NAME")
    assert done.stderr == "[]\n"
