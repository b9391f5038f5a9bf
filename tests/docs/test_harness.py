"""The checks of the pages find what is wrong, say where, and leave in peace what is right."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.docs.languages import wrong_in
from tests.docs.pages import ROOT, Block, anchors_of, blocks_of, links_of
from tests.docs.programs import Reader
from tests.docs.shell import commands_of
from tests.docs.test_links import wrong_link
from tests.docs.test_spans import wrong_span

CANARY = """\
apiVersion: canary-controller.io/v1alpha1
kind: Canary
metadata:
  name: exam
spec:
  targetRef: {name: exam}
"""
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: canary-controller}
spec:
  chart: {spec: {chart: helm/canary-controller}}
  values: {replicas: REPLICAS}
"""


def said(info: str, body: str, reader: Reader | None = None) -> str:
    language, *marks = info.split() or [""]
    block = Block(
        page=ROOT / "docs" / "page.md",
        line=10,
        language=language,
        marks=tuple(marks),
        body=dedent(body),
    )
    return "\n".join(wrong_in(block, reader or Reader()))


@pytest.mark.parametrize(
    ("info", "body", "expected"),
    [
        ("", "make setup", "a block is one of"),
        ("ruby", "puts 1", "a block is one of"),
        ("yaml vlaues", "a: 1", "no mark 'vlaues'"),
        ("sh", "make everything", "no target everything"),
        ("sh", "mkae demo", "no program that the docs use"),
        ("sh", "canaryctl statsu exam", "no command 'statsu'"),
        ("sh", "canaryctl status exam --wait-for-ever", "--wait-for-ever"),
        ("sh", "kubectl canary promote exam --reasn x", "--reasn"),
        ("sh", "kubectl -n exams canary status exam", "no flags before a plugin's name"),
        ("sh", "kubectl rollout resmue deployment/exam", "no such subcommand"),
        ("sh", "kubectl get pods --watc", "unknown flag: --watc"),
        ("sh", "kubectl get canarys", "no type that we know"),
        ("sh", "kubectl creat ns exams", "unknown command"),
        ("sh", "kubectl create gizmo exams", "can create no such thing"),
        ("sh", "kubectl apply -f deploy/nothing.yaml", "no file deploy/nothing.yaml"),
        ("sh", "kubectl annotate canary exam canary-controller.io/intent=jump", "is refused"),
        ("sh", "kubectl annotate deployment exam canary-controller.io/skpi=x", "we read no"),
        ("sh", "kubectl exec deploy/exam -- canaryctl statsu", "no command 'statsu'"),
        ("sh", "kubectl get pods -n <namespace>", "<namespace> is no value"),
        ("sh", "echo 'open", "unexpected EOF"),
        ("sh", "export A=$(kubectl get gizmos)", "gizmos is no type"),
        ("sh", "kubectl get pods | kubectl bogus", "unknown command"),
        ("sh", "helm upgrade c helm/canary-controller --set replicsa=3", "replicsa"),
        ("sh", "helm install c helm/canary-controller --set replicas=many", "value replicas"),
        ("sh", "helm install c helm/canary-controler", "there is no chart"),
        ("sh", "helm install c helm/canary-controller --wiat", "no flag --wiat"),
        ("sh", "helm install c helm/canary-controller -f values-prod.yaml", "begin its name"),
        ("sh", "docker build --build-arg VERSOIN=1 .", "no ARG VERSOIN"),
        ("sh", "docker run --rm canary-controller:1 statsu", "no command 'statsu'"),
        ("sh", "curl https://somewhere.com/", "under .example"),
        ("sh", "curl --josn '{}' http://localhost:8080", "is --josn meant"),
        ("sh", "pip install canary-controller", "by a path"),
        ("sh", "kind create clutser", "not among"),
        ("console", "$ canaryctl statsu\nwhatever", "no command 'statsu'"),
        ("text", "$ make demo", "make it ```console"),
        ("yaml", CANARY.replace("targetRef", "targetref"), "targetref"),
        ("yaml", CANARY + "---\n" + CANARY.replace("spec:", "spce:"), "spce"),
        ("yaml", "replicas: 3", "no whole object"),
        ("yaml", "a: [", "page.md:11"),
        ("yaml", "", "empty"),
        ("yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {conainers: []}", "Pod in"),
        ("yaml", "apiVersion: v9\nkind: Pod\nmetadata: {name: a}", "knows no v9 Pod"),
        ("yaml", RELEASE.replace("REPLICAS", "many"), "value replicas"),
        ("yaml values", "replicsa: 2", "replicsa"),
        ("yaml values", "prometheus: {url: 5}", "value prometheus.url"),
        ("text", "# values.yaml\nreplicsa: 2", "replicsa"),
        ("yaml in=Canary:spec.analysis", "reqests: {}", "reqests"),
        ("yaml in=Canary", "a: 1", "write in=KIND:PATH"),
        ("yaml in=Deployment:spec", "replcas: 1", "Deployment in"),
        ("json", "{'a': 1}", "Expecting property name"),
        ("python", "def f(:", "page.md:11: invalid syntax"),
        ("python", "import nothing_of_this_name", "ModuleNotFoundError"),
        ("promql", "sum(rate(a[5m])", "sum(rate(a[5m])"),
        ("promql", "canary_controller_gizmos_total", "no metric canary_controller_gizmos_total"),
        ("mermaid", "statediagram", "begins with 'statediagram'"),
    ],
)
def test_what_is_wrong_is_found_and_its_place_is_said(info: str, body: str, expected: str) -> None:
    found = said(info, body)
    assert expected in found
    assert found.startswith("docs/page.md:1")


@pytest.mark.parametrize(
    ("info", "body"),
    [
        ("sh", "make demo ARGS=--once"),
        ("sh", "kubectl get pods -n exams --watch   # until all are there"),
        ("sh", "kubectl apply -f deploy/crd.yaml -f my-canary.yaml"),
        ("sh", "kubectl -n a exec deploy/canary-controller -- canaryctl version"),
        ("sh", "kubectl annotate deployment exam canary-controller.io/skip-"),
        ("sh", 'curl -H "Authorization: Bearer $TOKEN" "$CANARY/api/v1/canaries"'),
        ("sh", "watch -n 2 kubectl get canaries"),
        ("sh", "KUBECONFIG=my-config canaryctl get -A \\\n  --output json | jq ."),
        (
            "sh",
            "helm upgrade --install c helm/canary-controller -n c --create-namespace "
            "--set replicas=3,prometheus.url=http://prometheus:9090 "
            "--set 'watch.namespaces={exams,shop}'",
        ),
        ("sh", f"kubectl apply -f - <<EOF\n{CANARY}EOF\n"),
        ("console", "$ canaryctl version\ncanary-controller 0.1.0"),
        ("yaml", CANARY),
        ("yaml", RELEASE.replace("REPLICAS", "3")),
        ("yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: exams}"),
        ("yaml values", "replicas: 3\nprometheus: {url: 'http://prometheus:9090'}"),
        ("yaml in=Canary:spec.analysis", "requests: {disabled: true}"),
        ("yaml in=Deployment:metadata.annotations", "canary-controller.io/skip: because"),
        ("json", '{"a": 1}\n{"a": 2}'),
        ("python compile", "import nothing_of_this_name"),
        ("promql", "# how much\nsum(rate(a[5m]))\n\nup == 0"),
        ("text", "anything at all"),
    ],
)
def test_what_is_right_is_left_in_peace(info: str, body: str) -> None:
    assert said(info, body) == ""


def test_a_file_that_the_page_makes_is_there_from_then_on() -> None:
    reader = Reader()
    assert "no file config.yaml" in said("sh", "kubectl apply -f config.yaml", reader)
    assert said("yaml file=config.yaml", CANARY, reader) == ""
    assert said("sh", "kubectl apply -f config.yaml", reader) == ""
    assert said("sh", "canaryctl get -o yaml > seen.yaml\nkubectl apply -f seen.yaml", reader) == ""


def test_what_a_here_document_hands_over_is_checked() -> None:
    body = f"kubectl apply -f - <<'EOF'\n{CANARY.replace('targetRef', 'target')}EOF\n"
    assert "target" in said("sh", body)


def test_commands_are_found_wherever_they_stand() -> None:
    body = 'A=1 one "two three" | four && five; six $(seven $(eight))  # nine\nten \\\n  eleven > f'
    assert [(each.line, each.words[0]) for each in commands_of(body)] == [
        *[(1, "one"), (1, "four"), (1, "five"), (1, "six"), (1, "seven"), (1, "eight")],
        (2, "ten"),
    ]


def test_blocks_links_and_anchors_are_read_as_markdown_has_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        dedent("""\
        # A `code` & more

        ## Again
        ## Again

        1. In a list:

           ```yaml values
           a: 1
           ```

        `[no](link)` and [one](other.md#x) ![two](picture.png)

        <a id="own"></a>

            indented
        """)
    )
    assert [(b.line, b.language, b.marks) for b in blocks_of(page)] == [
        (8, "yaml", ("values",)),
        (16, "", ()),
    ]
    assert [link.target for link in links_of(page)] == ["other.md#x", "picture.png"]
    assert anchors_of(page) == {"a-code--more", "again", "again-1", "own"}


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = ROOT / "docs" / "operations.md"
    copy = tmp_path / "operations.md"
    copy.write_text(
        "[a](nothing.md) [b](operations.md#nothing) [c](http://kubernetes.io/docs) "
        "[d](https://somewhere.example/x) [e](/docs/operations.md)\n"
    )
    for link in links_of(copy):
        assert wrong_link(type(link)(page=page, line=1, target=link.target)), link.target


@pytest.mark.parametrize(
    "span",
    [
        "make everything",
        "canaryctl statsu",
        "kubectl canary status --wiat",
        "canary-controller.io/skpi",
        "CANARY_CONTROLLER_GIZMO",
    ],
)
def test_what_a_sentence_names_wrongly_is_found(span: str) -> None:
    assert list(wrong_span(span))


@pytest.mark.parametrize(
    "span",
    [
        "make demo",
        "canaryctl run --listen-port",
        "kubectl canary status exam --watch",
        "canary-controller.io/v1alpha1",
        "canary-controller.io/intent",
        "commands.canary-controller.io",
        "CANARY_CONTROLLER_LISTEN_PORT",
    ],
)
def test_what_a_sentence_names_rightly_is_left_in_peace(span: str) -> None:
    assert not list(wrong_span(span))
