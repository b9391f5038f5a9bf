"""How a command gets at the cluster: the flags that kubectl has, and an end for every failure."""

import argparse
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.cli.reached import Reach


def add_place_flags(parser: argparse.ArgumentParser, *, everywhere: bool = False) -> None:
    """Which cluster and namespace; `everywhere`: all namespaces may be asked for."""
    group = parser.add_argument_group("which cluster")
    add = group.add_argument
    add("--kubeconfig", metavar="FILE", help="instead of KUBECONFIG and ~/.kube/config")
    add("--context", metavar="NAME", help="of the kubeconfig, instead of its current one")
    add("-n", "--namespace", metavar="NAME", help="instead of the context's own")
    if everywhere:
        add("-A", "--all-namespaces", action="store_true", help="in all namespaces")


def add_name(parser: argparse.ArgumentParser, **more: str) -> None:
    """Which Canary."""
    what = "of the Canary (canary/NAME is the same)"
    parser.add_argument("name", metavar="NAME", help=what, **more)  # type: ignore[arg-type]


def bare(name: str) -> str:
    """The name in `canary/NAME`, as kubectl takes it and prints it."""
    kind, slash, rest = name.partition("/")
    kinds = {"canary", "canaries", "can", "canary.canary-controller.io"}
    return rest if slash and kind.lower() in kinds else name


def run_at(arguments: argparse.Namespace, body: Callable[["Reach"], Awaitable[int]]) -> int:
    """Run `body` with a connection to the cluster that the flags mean; gives the exit code.

    Everything that can go wrong out there ends in words on standard error and an exit code.
    """
    # Imported only here: it brings the Kubernetes client along.
    from controller.cli.reached import reach  # noqa: PLC0415

    # What the parts below have to say in between is for a service's log.
    logging.getLogger("controller").addHandler(logging.NullHandler())
    return reach(arguments, body)
