"""Programs that are not here to be asked: their subcommands and flags, as the docs use them.

A flag that is missing is added here by whoever looked it up in the program's own reference.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from tests.docs.charted import wrong_values
from tests.docs.pages import ROOT, text
from tests.docs.programs import Check, Reader, Wrong, canaryctl, inside, missing, values_of
from tests.docs.shell import Command

CHART: Final = "helm/canary-controller"
HOSTS: Final = re.compile(
    r"localhost|127\.0\.0\.1|\$\w+|[\w.-]+\.example(\.(com|org|net))?|[\w.-]+\.svc(\.cluster\.local)?"
)
_TARGET: Final = "--kube-context --kubeconfig --namespace -n --debug"
_HELM_VALUES: Final = "--set --set-string --set-json --set-file --values -f --version --devel"
_HELM_WAIT: Final = (
    "--wait --wait-for-jobs --timeout --atomic --rollback-on-failure --dry-run --description"
)
# program -> subcommand -> its flags
KNOWN: Final[dict[str, dict[str, str]]] = {
    "helm": {
        "install": f"{_HELM_VALUES} {_HELM_WAIT} --create-namespace --generate-name --no-hooks",
        "upgrade": f"{_HELM_VALUES} {_HELM_WAIT} --create-namespace --install -i --reuse-values "
        "--reset-values --reset-then-reuse-values --force --history-max --no-hooks",
        "template": f"{_HELM_VALUES} --show-only -s --include-crds --api-versions --kube-version "
        "--output-dir --validate",
        "lint": f"{_HELM_VALUES} --strict",
        "uninstall": "--wait --timeout --keep-history --no-hooks --dry-run",
        "rollback": f"{_HELM_WAIT} --no-hooks",
        "test": "--logs --timeout --filter",
        "status": "--output -o --show-resources",
        "history": "--max --output -o",
        "list": "--all-namespaces -A --output -o",
        "ls": "--all-namespaces -A --output -o",
        "get values": "--all -a --output -o --revision",
        "get manifest": "--revision",
        "show values": "--version",
        "package": "--destination -d --version --app-version",
    },
    "kind": {
        "create cluster": "--name --config --image --wait --kubeconfig",
        "delete cluster": "--name",
        "load docker-image": "--name --nodes",
        "export kubeconfig": "--name",
        "get clusters": "",
    },
    "docker": {
        "build": "-t --tag --build-arg --platform --push -f --file --label --pull --no-cache",
        "buildx build": "-t --tag --build-arg --platform --push -f --file --label --pull",
        "push": "",
        "pull": "",
        "tag": "",
        "run": "--rm -it -i -t -v -p -e --read-only --user --network --name --entrypoint",
    },
    "git": {
        "clone": "--depth --branch",
        "add": "-A",
        "commit": "-m -am -a",
        "push": "",
        "pull": "--rebase",
        "revert": "--no-edit",
        "diff": "--stat",
        "log": "--oneline -1",
        "checkout": "-b",
        "switch": "-c",
        "rev-parse": "HEAD --short",
        "describe": "--tags --always",
    },
    "promtool": {
        "check rules": "--lint",
        "test rules": "",
        "check metrics": "",
        "query instant": "",
    },
    "argocd": {
        "app sync": "--prune --resource --dry-run",
        "app get": "--refresh --hard-refresh",
        "app diff": "",
        "app history": "",
        "app set": "--sync-policy --self-heal --auto-prune",
        "app wait": "--health --sync --timeout",
        "app terminate-op": "",
        "app rollback": "",
        "app resources": "",
    },
    "flux": {
        "reconcile kustomization": "--with-source",
        "reconcile helmrelease": "--with-source --force --reset",
        "reconcile source": "",
        "suspend kustomization": "",
        "suspend helmrelease": "",
        "resume kustomization": "",
        "resume helmrelease": "",
        "get kustomizations": "--all-namespaces -A --watch",
        "get helmreleases": "--all-namespaces -A --watch",
        "diff kustomization": "--path",
    },
    "openssl": {"rand": "-hex -base64"},
    "kustomize": {"build": ""},
}
_GLOBAL: Final = {"helm": _TARGET, "flux": "--namespace -n --context --timeout", "argocd": ""}
_CURL: Final = """
    -H --header -s -S -f -L -N -k -o -X -d -i -I -v -sS -fsS -fsSL -sf --json --fail --silent
    --show-error --location --output --request --data --data-binary --no-buffer --max-time
    --cacert --get --data-urlencode -G --retry -w
"""


def tool(command: Command, reader: Reader) -> Wrong:
    """Subcommand and flags are among those that are known."""
    program, *words = command.words
    known = KNOWN[program]
    path = " ".join(words[:2]) if " ".join(words[:2]) in known else "".join(words[:1])
    if path not in known:
        said = " ".join(words[:2])
        yield f"{program} {said}: not among {', '.join(known)} (tests/docs/tools.py)"
        return
    flags = {*known[path].split(), *_GLOBAL.get(program, "").split()}
    for flag in _flags(words[len(path.split()) :]):
        if flag not in flags:
            yield f"{program} {path} has no flag {flag}, or tests/docs/tools.py lacks it"


def _flags(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word == "--":
            return
        if word.startswith("-") and word != "-":
            yield word.partition("=")[0]


def helm(command: Command, reader: Reader) -> Wrong:
    """The chart is there, and takes the values that are given."""
    yield from tool(command, reader)
    words = command.words
    files = [file for file in values_of(words, "-f", "--values") if file != "-"]
    yield from missing(reader, files)
    charts = [word.removeprefix("./") for word in words[1:] if re.match(r"(\./)?helm/", word)]
    for chart in charts:
        if not (ROOT / chart / "Chart.yaml").exists():
            yield f"there is no chart {chart}; ours is {CHART}"
    if not charts:
        return
    given: dict[str, Any] = {}
    for kind in ("--set", "--set-string", "--set-json"):
        for pairs in values_of(words, kind):
            try:
                _set(given, pairs, kind)
            except ValueError as error:
                yield f"{kind} {pairs}: {error}"
    yield from wrong_values(given)


def _set(given: dict[str, Any], pairs: str, kind: str) -> None:
    """As helm reads it: commas between pairs, dots between keys, lists in braces."""
    cut = [pairs] if kind == "--set-json" else re.split(r",(?![^{}]*\})(?<!\\,)", pairs)
    for pair in cut:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair} has no =")
        inner = given
        *parents, last = key.split(".")
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = _value(value, kind)


def _value(value: str, kind: str) -> Any:
    if kind == "--set-json":
        return json.loads(value)
    if value.startswith("{") and value.endswith("}"):
        return [_value(one, kind) for one in value[1:-1].split(",")]
    if kind == "--set" and value in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[value]
    return int(value) if kind == "--set" and re.fullmatch(r"-?\d+", value) else value


def docker(command: Command, reader: Reader) -> Wrong:
    """What is built is ours; what is run in our image is a command of ours."""
    yield from tool(command, reader)
    words = command.words
    if words[1:2] == ["build"]:
        arguments = set(re.findall(r"^ARG (\w+)", text(ROOT / "Dockerfile"), re.MULTILINE))
        for given in values_of(words, "--build-arg"):
            if (argument := given.partition("=")[0]) not in arguments:
                yield f"the Dockerfile has no ARG {argument}; it has {', '.join(sorted(arguments))}"
    if words[1:2] == ["run"]:
        at = next((i for i, word in enumerate(words) if "canary-controller" in word), None)
        if at is not None and words[at + 1 :]:
            yield from canaryctl(inside(command, ["canaryctl", *words[at + 1 :]]), reader)


def curl(command: Command, reader: Reader) -> Wrong:
    """Known flags, and addresses that are nobody's or the reader's own."""
    for flag in _flags(command.words[1:]):
        if flag not in _CURL.split():
            yield f"curl: is {flag} meant? If so, add it to tests/docs/tools.py"
    for word in command.words[1:]:
        if re.match(r"https?://", word):
            host = urlsplit(word).hostname or ""
            if not HOSTS.fullmatch(host, 0):
                yield f"{host}: take localhost, a $VARIABLE or a name under .example"
    for body in values_of(command.words, "--json"):
        if not body.startswith(("@", "$")):
            try:
                json.loads(body)
            except ValueError as error:
                yield f"curl --json: {error}"


def promtool(command: Command, reader: Reader) -> Wrong:
    yield from tool(command, reader)
    if command.words[2:3] == ["rules"]:
        yield from missing(reader, [w for w in command.words[3:] if not w.startswith("-")])


TOOLS: Final[dict[str, Check]] = {
    **dict.fromkeys(KNOWN, tool),
    "helm": helm,
    "docker": docker,
    "curl": curl,
    "promtool": promtool,
}
