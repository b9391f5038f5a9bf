"""How a command gets at the cluster: the flags that kubectl has, and an end for every failure."""

import argparse
import logging
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from controller.cli.reached import Reach

KINDS: Final = frozenset({"canary", "canaries", "can", "canary.canary-controller.io"})
NAME_CHARACTERS_MAX: Final = 253
NAMESPACE_CHARACTERS_MAX: Final = 63
# As the API server has it: nothing else may get into a path.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def add_place_flags(parser: argparse.ArgumentParser, *, everywhere: bool = False) -> None:
    """Which cluster and namespace; `everywhere`: all namespaces may be asked for."""
    group = parser.add_argument_group("which cluster")
    add = group.add_argument
    add("--kubeconfig", metavar="FILE", help="instead of KUBECONFIG and ~/.kube/config")
    add("--context", metavar="NAME", help="of the kubeconfig, instead of its current one")
    add(
        "-n",
        "--namespace",
        type=namespace_name,
        metavar="NAME",
        help="instead of the context's own",
    )
    if everywhere:
        add("-A", "--all-namespaces", action="store_true", help="in all namespaces")


def add_name(parser: argparse.ArgumentParser, **more: str) -> None:
    """Which Canary."""
    what = "of the Canary (canary/NAME is the same)"
    parser.add_argument("name", metavar="NAME", type=canary_name, help=what, **more)  # type: ignore[arg-type]


def canary_name(text: str) -> str:
    """The name in `canary/NAME`, as kubectl takes it and prints it."""
    kind, slash, rest = text.partition("/")
    name = rest if slash and kind.lower() in KINDS else text
    if not _NAME.fullmatch(name) or len(name) > NAME_CHARACTERS_MAX:
        there = f"; for a Canary in another namespace: {rest} -n {kind}" if rest else ""
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a Canary{there}")
    return name


def namespace_name(text: str) -> str:
    """The name of a namespace."""
    if "." in text or not _NAME.fullmatch(text) or len(text) > NAMESPACE_CHARACTERS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a namespace")
    return text


def run_at(arguments: argparse.Namespace, body: Callable[["Reach"], Awaitable[int]]) -> int:
    """Run `body` with a connection to the cluster that the flags mean; gives the exit code.

    Everything that can go wrong out there ends in words on standard error and an exit code.
    """
    # Imported only here: it brings the Kubernetes client along.
    from controller.cli.reached import reach  # noqa: PLC0415

    # What the parts below have to say in between is for a service's log.
    logging.getLogger("controller").addHandler(logging.NullHandler())
    return reach(arguments, body)
