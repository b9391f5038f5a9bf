"""The Prometheus adapter's contract, kept by a real Prometheus."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.adapters.prometheus import contract, contract_past
from tests.e2e.rig import build
from tests.e2e.rig.metrics import answers
from tests.e2e.rig.processes import Process, free_port


@dataclass(frozen=True)
class Server:
    """A Prometheus that scrapes what `targets` lists, once a second."""

    url: str
    targets: contract.Targets


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    try:
        binary = build.binary(build.PROMETHEUS)
    except build.RigUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(error.reason)
    targets = contract.Targets(folder / "targets.json")
    job = {
        "job_name": "contract",
        "file_sd_configs": [{"files": [str(targets.path)], "refresh_interval": "1s"}],
    }
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{free_port()}"
    argv = [
        binary,
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    process = Process("prometheus", argv, log=folder / "prometheus.log")
    process.wait_until(lambda: answers(f"{url}/-/ready"), seconds=30, what="ready")
    yield Server(url, targets)
    process.stop()


@pytest.mark.parametrize(
    "promise",
    [
        contract.traffic_resets_and_late_starters_are_counted_once,
        contract.a_release_that_looks_once_sees_what_many_looks_see,
        contract.restarts_are_read_from_kube_state_metrics,
        contract.own_counters_and_histograms_are_read_under_the_label_that_names_the_pod,
        contract_past.a_past_is_read_and_guards_are_asked,
    ],
)
def test_counting(promise: Callable[[str, contract.Targets], None], server: Server) -> None:
    promise(server.url, server.targets)


def test_a_question_about_thousands_of_pods_is_understood(server: Server) -> None:
    contract.a_question_about_thousands_of_pods_is_understood(server.url)


def test_an_address_beside_the_api_is_refused(server: Server) -> None:
    contract.an_address_beside_the_api_is_refused(server.url)
