"""The image, made once for all tests that look into it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.context import ROOT
from tests.image.replay import Made, can_replay, replay


@pytest.fixture(scope="session")
def image() -> Iterator[Made]:
    if why := can_replay():
        pytest.skip(f"the Dockerfile is not replayed: {why}")
    # Not pytest's folder: another user has to get through to it.
    work = Path(tempfile.mkdtemp(prefix="canary-image-"))
    work.chmod(0o755)
    try:
        yield replay((ROOT / "Dockerfile").read_text(encoding="utf-8"), work)
    finally:
        shutil.rmtree(work)
