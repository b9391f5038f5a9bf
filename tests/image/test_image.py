"""The image as it would run: another user, nothing to write to, no shell, no program but Python."""

import json
import re
import stat
from pathlib import Path
from signal import Signals
from threading import Timer
from typing import Final
from urllib.request import urlopen

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tests.image.context import ROOT, context
from tests.image.replay import Made

MEGABYTES_MAX: Final = 350
_LINE: Final = re.compile(r"^([\w.-]+)==([^ \\;]+)(?: ; ([^\\]+?))? \\$", re.MULTILINE)
_LOAD_ALL: Final = """
import importlib, pkgutil, controller
for found in pkgutil.walk_packages(controller.__path__, "controller."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""
_WRITE: Final = "from pathlib import Path; Path('/app/anything').write_text('')"
_WHO: Final = "import os; print(os.getuid(), os.getgid(), os.getgroups())"
_INSTALLED: Final = """
import json
from importlib.metadata import distributions
print(json.dumps({one.name: one.version for one in distributions()}))
"""


SERVING_SECONDS_MAX: Final = 60
_PORT: Final = re.compile(r"dashboard, the API, probes and metrics are on port (\d+)")
_NOWHERE: Final = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "nowhere",
    "clusters": [{"name": "nowhere", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "nobody", "user": {"token": "none"}}],
    "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
}


def asked(port: str, path: str) -> int:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        status: int = answer.status
        return status


def packages(image: Made) -> Path:
    (found,) = image.inside("/app/lib").glob("python3.*/site-packages")
    return found


def test_it_says_its_version(image: Made) -> None:
    said = image.command(["canaryctl", "version"])
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("canary-controller ")


def test_started_as_it_is_it_says_what_it_lacks_and_what_to_do(image: Made) -> None:
    words = [*image.stage.last("ENTRYPOINT").words, *image.stage.last("CMD").words]
    said = image.command(words)
    assert said.returncode == 1
    assert "Traceback" not in said.stderr, said.stderr
    assert "automountServiceAccountToken" in said.stderr
    assert "--kubeconfig" in said.stderr


def test_it_serves_people_and_ends_well_by_its_signal(image: Made) -> None:
    """With an API server that is away, as it may be at any start."""
    (image.root / "kubeconfig").write_text(json.dumps(_NOWHERE))
    words = [*image.stage.last("ENTRYPOINT").words, *image.stage.last("CMD").words]
    process = image.start([*words, "--kubeconfig", "/kubeconfig", "--listen-port", "0"])
    assert process.stderr is not None
    over = Timer(SERVING_SECONDS_MAX, process.kill)
    over.start()
    try:
        port = next((found[1] for line in process.stderr if (found := _PORT.search(line))), "")
        assert port, "it ended, or said no port in time"
        pages = [
            asked(port, path) for path in ("/healthz", "/metrics", "/openapi.json", "/sign-in")
        ]
        process.send_signal(Signals[image.stage.last("STOPSIGNAL").value])
        rest = process.stderr.read()
        assert process.wait() == 0, rest
    finally:
        over.cancel()
        process.kill()
        process.stderr.close()
    assert pages == [200, 200, 200, 200]
    assert "Traceback" not in rest


def test_every_module_of_ours_can_be_loaded_so_no_development_package_is_needed(
    image: Made,
) -> None:
    said = image.command(["python", "-W", "error", "-c", _LOAD_ALL])
    assert (said.returncode, said.stdout) == (0, ""), said.stderr


def test_it_decides_with_the_numbers_that_its_libraries_give(image: Made) -> None:
    said = image.command(["canaryctl", "simulate", "crash-on-start", "--seeds", "1"])
    assert said.returncode == 0, said.stderr
    assert "rolled back (expected)" in said.stdout


def test_it_runs_as_the_user_that_the_file_names_in_no_other_group(image: Made) -> None:
    said = image.command(["python", "-c", _WHO])
    user, group = image.user.split(":")
    assert said.stdout.split() == [user, group, "[]"], said.stderr


def test_nothing_of_it_can_be_written(image: Made) -> None:
    said = image.command(["python", "-c", _WRITE])
    assert "Read-only file system" in said.stderr or "Permission denied" in said.stderr
    for path in image.inside("/app").rglob("*"):
        found = path.lstat()
        if not stat.S_ISLNK(found.st_mode):
            assert not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH), path
            assert not found.st_mode & (stat.S_ISUID | stat.S_ISGID), path


def test_there_is_no_shell_and_it_needs_none(image: Made) -> None:
    """The tests above ran without one: here it is shown that there was none."""
    said = image.command(["sh", "-c", "true"])
    assert "FileNotFoundError" in said.stderr


def test_it_holds_what_the_lock_names_and_nothing_else(image: Made) -> None:
    text = (ROOT / ".ci" / "runtime.lock").read_text(encoding="utf-8")
    wanted = {
        canonicalize_name(name): version
        for name, version, marker in _LINE.findall(text)
        if not marker or Marker(marker).evaluate()
    }
    said = image.command(["python", "-c", _INSTALLED])
    found = {canonicalize_name(name): version for name, version in json.loads(said.stdout).items()}
    found.pop("canary-controller")
    assert found == wanted


def test_every_file_of_the_package_is_in_it(image: Made) -> None:
    """Pages, vendored scripts, scenarios and tables among them: not only what Python imports."""
    ours = [path for path in context() if path.parts[0] == "controller"]
    assert {path.suffix for path in ours} >= {".py", ".html", ".css", ".mjs", ".yaml", ".j2"}
    for path in ours:
        inside = packages(image) / path
        assert inside.read_bytes() == (ROOT / path).read_bytes(), path


def test_our_bytecode_is_there_and_is_taken_without_a_look_at_the_source(image: Made) -> None:
    for source in (packages(image) / "controller").rglob("*.py"):
        (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
        # Bytes 4 to 8 are the flags: bit 0 by hash, bit 1 to be checked against the source.
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == 1, compiled


def test_it_is_no_larger_than_was_thought(image: Made) -> None:
    sizes = {
        folder.name: sum(f.lstat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
        for folder in packages(image).iterdir()
    }
    largest = sorted(sizes.items(), key=lambda pair: -pair[1])[:5]
    assert sum(sizes.values()) < MEGABYTES_MAX, f"largest, in MB: {largest}"
