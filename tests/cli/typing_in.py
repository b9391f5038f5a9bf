"""A person who types commands: what they read, and with which code it ended."""

import sys
from typing import NamedTuple

import pytest

from controller.cli import main
from tests.cli.clusters import Cluster


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def typed(cluster: Cluster, capsys: pytest.CaptureFixture[str], *words: str) -> Said:
    """Type a command against this cluster."""
    capsys.readouterr()
    code = main([words[0], "--kubeconfig", str(cluster.kubeconfig), *words[1:]])
    sys.stdout.flush()
    said = capsys.readouterr()
    return Said(code, said.out, said.err)
