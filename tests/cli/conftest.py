"""A cluster that a person's kubeconfig points to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.clusters import Cluster, clustered, shop
from tests.cli.leftovers import Type, held
from tests.cli.typing_in import typed


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """With a release at its second step that waits for a person."""
    with clustered(tmp_path, *shop()) as running:
        yield running


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path, *held()) as running:
        yield running


@pytest.fixture
def ask(trial: Cluster, capsys: pytest.CaptureFixture[str]) -> Type:
    return lambda *words: typed(trial, capsys, "uninstall-check", *words)
