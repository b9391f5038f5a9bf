"""A cluster that a person's kubeconfig points to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.clusters import Cluster, clustered, shop


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """With a release at its second step that waits for a person."""
    with clustered(tmp_path, *shop()) as running:
        yield running
