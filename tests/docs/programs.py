"""What a shell command may say: each program's arguments, held against the real program.

A check gives what is wrong, in words that say what would be right; nothing means all is well.
"""

import io
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from controller.adapters.kube.intents import read_intent
from controller.adapters.kube.names import (
    GATE_MARK,
    GROUP,
    INTENT_ANNOTATION,
    OPT_IN_LABEL,
    PLURAL,
    SKIP_ANNOTATION,
)
from controller.cli import COMMANDS, parser_of_all
from controller.domain.records import Intent
from tests.docs.pages import ROOT, text
from tests.docs.shell import Command

Wrong = Iterator[str]
KUBECTL: Final = ROOT / ".venv" / "bin" / "kubectl"
KUBECTL_SECONDS_MAX: Final = 20
OWN: Final = "my-"
"""A file whose name begins so is the reader's own, and need not exist."""

_TYPES: Final = """
    all node nodes no pod pods po deployment deployments deploy replicaset replicasets rs service
    services svc configmap configmaps cm secret secrets namespace namespaces ns event events ev
    lease leases serviceaccount serviceaccounts sa ingress ingresses ing hpa crd crds pvc pdb
    poddisruptionbudget poddisruptionbudgets customresourcedefinition customresourcedefinitions
    role roles rolebinding rolebindings clusterrole clusterroles clusterrolebinding
    clusterrolebindings networkpolicy networkpolicies mutatingadmissionpolicy
    mutatingadmissionpolicies mutatingadmissionpolicybinding mutatingadmissionpolicybindings
    validatingadmissionpolicy validatingadmissionpolicies validatingadmissionpolicybinding
    validatingadmissionpolicybindings statefulset statefulsets daemonset daemonsets job jobs cronjob
    servicemonitor servicemonitors prometheusrule prometheusrules rollout rollouts application
    applications application.argoproj.io applications.argoproj.io helmrelease helmreleases
    kustomization kustomizations canaries.flagger.app
"""
TYPES: Final = {*_TYPES.split(), "canary", PLURAL, f"{PLURAL}.{GROUP}", f"canary.{GROUP}"}
_TYPED: Final = frozenset(
    {"get", "describe", "delete", "annotate", "label", "patch", "edit", "wait", "scale"}
)
OUR_KEYS: Final = {INTENT_ANNOTATION, SKIP_ANNOTATION, OPT_IN_LABEL, GATE_MARK}
"""Labels and annotations of ours that people set or see."""


@dataclass(slots=True)
class Reader:
    """What a person has who works through a page from its top: the checkout, and these files."""

    files: set[str] = field(default_factory=set)

    def has(self, path: str) -> bool:
        return (
            path.startswith((OWN, f"./{OWN}", "$", "http", "/dev/", "-"))
            or path in self.files
            or (ROOT / path).exists()
        )


def values_of(words: Sequence[str], *flags: str) -> Iterator[str]:
    """What was given with one of these flags, as `--flag value` or `--flag=value`."""
    for at, word in enumerate(words):
        head, equals, value = word.partition("=")
        if word in flags and at + 1 < len(words):
            yield words[at + 1]
        elif equals and head in flags:
            yield value


def missing(reader: Reader, paths: Iterable[str]) -> Wrong:
    for given in paths:
        for path in given.split(","):
            if not reader.has(path):
                yield (
                    f"there is no file {path}: name one of the checkout, one that an earlier "
                    f"command of the page writes, or begin its name with {OWN}"
                )


def canaryctl(command: Command, reader: Reader) -> Wrong:
    """Parsed by the program's own parser, after its name."""
    typed = command.words[1:]
    name = typed[0] if typed else ""
    known = sorted(one.name for one in COMMANDS)
    if name not in known and not name.startswith("-"):
        yield f"canaryctl has no command {name!r}; it has {', '.join(known)}"
        return
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        try:
            arguments = parser_of_all(name).parse_args(typed)
        except SystemExit as ended:
            if ended.code:
                yield said.getvalue().strip().rpartition("error: ")[2]
            return
    if name == "lint":
        yield from missing(reader, arguments.files)


def make(command: Command, reader: Reader) -> Wrong:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    for word in command.words[1:]:
        if "=" not in word and not word.startswith("-") and word not in targets:
            yield f"the Makefile has no target {word}; it has {', '.join(sorted(targets))}"


def kubectl(command: Command, reader: Reader) -> Wrong:
    """Flags and subcommands are judged by kubectl itself, which is asked for their --help."""
    words = command.words[1:]
    if words[:1] == ["canary"]:
        yield from canaryctl(inside(command, ["canaryctl", *words[1:]]), reader)
        return
    if "canary" in words and words[0].startswith("-") and words[words.index("canary") - 1] != "get":
        verbs = _TYPED | {"create", "explain"}
        if not verbs & set(words[: words.index("canary")]):
            yield "kubectl takes no flags before a plugin's name: kubectl canary ... -n NAMESPACE"
            return
    if "--" in words:
        inner = words[words.index("--") + 1 :]
        words = words[: words.index("--")]
        yield from check(inside(command, inner), reader)
    yield from _asked_kubectl(tuple(words))
    yield from missing(reader, values_of(words, "-f", "--filename", "-k", "--kustomize"))
    yield from _of_our_own(words)
    yield from _types(words)


def inside(command: Command, words: list[str]) -> Command:
    """A command that another one runs."""
    return Command(line=command.line, words=words, stdin=command.stdin)


@cache
def _asked_kubectl(words: tuple[str, ...]) -> tuple[str, ...]:
    asked = subprocess.run(
        [str(KUBECTL), *words, "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=KUBECTL_SECONDS_MAX,
        cwd=ROOT,
    )
    if asked.returncode:
        return (asked.stderr.strip().splitlines()[0],)
    usage = re.search(r"^Usage:\n +(.+)$", asked.stdout, re.MULTILINE)
    if usage is None or "SUBCOMMAND" in usage[1]:
        return (f"kubectl knows no such subcommand: kubectl {' '.join(words)}",)
    if usage[1].startswith("kubectl create -f") and not {"-f", "-k"} & set(words):
        return (f"kubectl can create no such thing: kubectl {' '.join(words)}",)
    return ()


def _of_our_own(words: Sequence[str]) -> Wrong:
    """Annotations and labels of our group exist, and a command in one can be read."""
    for word in words:
        key, equals, value = word.partition("=")
        if not key.startswith(f"{GROUP}/"):
            continue
        if key.removesuffix("-") not in OUR_KEYS:
            yield f"we read no {key}; there are {', '.join(sorted(OUR_KEYS))}"
        elif key == INTENT_ANNOTATION and equals and "$" not in value:
            intent = read_intent({INTENT_ANNOTATION: value})
            if not isinstance(intent, Intent):
                yield f"the command {value!r} is refused: {intent}"


def _types(words: Sequence[str]) -> Wrong:
    plain = [word for word in words if not word.startswith("-")]
    verb = next((at for at, word in enumerate(plain) if word in _TYPED), None)
    if verb is None or {"-f", "-k"} & set(words) or plain[0] in {"config", "auth"}:
        return
    for word in plain[verb + 1 : verb + 2]:
        for kind in word.split("/")[0].split(","):
            if kind.lower() not in TYPES and not kind.startswith("$"):
                yield f"{kind} is no type that we know of (tests/docs/programs.py: TYPES)"


def python(command: Command, reader: Reader) -> Wrong:
    words = command.words[1:]
    if words[:1] == ["-m"]:
        yield from pip(inside(command, words[1:]), reader) if words[1:2] == ["pip"] else ()
    elif words[:1] == ["-c"]:
        compile(words[1], "-c", "exec")
    elif words and not words[0].startswith("-"):
        yield from missing(reader, words[:1])


def pip(command: Command, reader: Reader) -> Wrong:
    """Only from the checkout: under our name, the registry may have somebody else's package."""
    if command.words[1:2] == ["install"]:
        for word in command.words[2:]:
            if not word.startswith("-") and not (ROOT / word).exists():
                yield f"pip install {word}: install from the checkout, by a path"


def followed(command: Command, reader: Reader) -> Wrong:
    """A program that runs another one: watch, time, xargs."""
    rest = command.words[1:]
    while rest and (rest[0].startswith("-") or rest[0].isdigit()):
        rest = rest[1:]
    if rest:
        yield from check(inside(command, rest), reader)


def anything(command: Command, reader: Reader) -> Wrong:
    return iter(())


_PLAIN: Final = """
    cd echo cat export unset set sleep uuidgen jq grep head tail sort wc base64 tee true mkdir
    cp mv rm test printf column less sed awk tr cut date diff source . open ls command
"""
Check = Callable[[Command, Reader], Wrong]
CHECKS: Final[dict[str, Check]] = {
    "canaryctl": canaryctl,
    "kubectl-canary": canaryctl,
    "make": make,
    "kubectl": kubectl,
    "python": python,
    "python3": python,
    "pip": pip,
    **dict.fromkeys(("watch", "time", "xargs", "sudo"), followed),
    **dict.fromkeys(_PLAIN.split(), anything),
}


def check(command: Command, reader: Reader) -> Wrong:
    """What is wrong with one command of a page."""
    from tests.docs.tools import TOOLS  # noqa: PLC0415 - the tools look at files as we do

    known: Mapping[str, Check] = CHECKS | TOOLS
    program = command.words[0]
    if program.startswith((".venv/bin/", "./.venv/bin/")):
        program = Path(program).name
    if program not in known:
        yield (
            f"{program} is no program that the docs use; they use {', '.join(sorted(known))} "
            "(tests/docs/programs.py, tools.py)"
        )
        return
    yield from known[program](command, reader)
    reader.files |= set(command.writes)
