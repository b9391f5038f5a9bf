"""The image made without an engine: each stage a folder, each RUN in a chroot with its own paths.

In the place of the base image stand this machine's libraries, and the Python that the tests run
on. A stage that builds sees this machine's programs too; the finished image sees none of them: no
shell, nothing but Python. Needs root and a mount namespace, as an engine would.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from tests.image.context import ROOT, context
from tests.image.dockerfile import Instruction, Stage, stages_of

RUN_SECONDS_MAX: Final = 600
PYTHON: Final = Path(sys.base_prefix).resolve()
VERSIONED: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARIES: Final = ("/usr/lib", "/usr/lib64")
PROGRAMS: Final = ("/usr/bin", "/usr/share/python-wheels")
LINKS: Final = ("bin", "lib", "lib64")
NEEDED: Final = ("/etc/ssl", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")
NETWORK: Final = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/pip.conf")
DEVICES: Final = ("/dev/null", "/dev/urandom")
BASE_PATH: Final = "/python/bin:/usr/bin:/bin"
_OURS: Final = ("PIP_INDEX_URL", "PIP_CERT", "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE")
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy")


def can_replay() -> str:
    """Empty when it can be done here, else why not."""
    if os.geteuid() != 0:
        return "mounting and changing the root folder needs root"
    if shutil.which("unshare") is None or shutil.which("chroot") is None:
        return "unshare and chroot (util-linux, coreutils) are not installed"
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "--bind", "/", "/"],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    return tried.stderr.strip() and f"no mount namespace here: {tried.stderr.strip()}"


@dataclass(slots=True)
class Made:
    """A stage as far as it has been made."""

    stage: Stage
    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": BASE_PATH})
    folder: str = "/"
    user: str = "0:0"

    def inside(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / (PurePosixPath(self.folder) / path).relative_to("/")

    def command(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run one program as the image would: its user, its folder, everything read-only."""
        return _ran(_in_root(self, words, sealed=True))

    def start(self, words: Sequence[str]) -> subprocess.Popen[str]:
        """The same for one that goes on; its log is its `stderr`. A signal reaches it itself."""
        return subprocess.Popen(
            _in_root(self, words, sealed=True),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


def replay(dockerfile: str, work: Path) -> Made:
    """Make every stage in folders under `work`; gives the last one."""
    made: dict[str, Made] = {}
    last: Made | None = None
    for number, stage in enumerate(stages_of(dockerfile)):
        last = Made(stage=stage, root=work / f"stage-{number}")
        final = stage.name == ""
        _base(last.root, with_programs=not final)
        made[stage.name] = last
        for instruction in stage.instructions:
            _carry_out(last, instruction, made)
    assert last is not None, "the Dockerfile has no stage"
    return last


def _carry_out(at: Made, instruction: Instruction, made: Mapping[str, Made]) -> None:
    match instruction.keyword:
        case "ENV":
            for key, value in instruction.pairs.items():
                at.environment[key] = value.replace("$PATH", at.environment["PATH"])
        case "WORKDIR":
            at.folder = instruction.value
            at.inside(".").mkdir(parents=True, exist_ok=True)
        case "USER":
            at.user = instruction.value
        case "COPY":
            _copy(at, instruction.value.split(), made)
        case "RUN":
            ran = _ran(_in_root(at, ["/bin/sh", "-ec", instruction.value], sealed=False))
            assert ran.returncode == 0, f"line {instruction.line}: {ran.stdout}\n{ran.stderr}"
        case "ARG" | "LABEL" | "EXPOSE" | "STOPSIGNAL" | "ENTRYPOINT" | "CMD":
            pass
        case other:
            raise AssertionError(f"line {instruction.line}: {other} is not replayed yet")


def _copy(at: Made, words: list[str], made: Mapping[str, Made]) -> None:
    *sources, target = [word for word in words if not word.startswith("--")]
    to = at.inside(target)
    if origin := next((word for word in words if word.startswith("--from=")), ""):
        for source in sources:
            # Hard links: the tree is large, and neither stage changes it any more.
            inside = made[origin.removeprefix("--from=")].inside(source)
            subprocess.run(["cp", "-alT", inside, to], check=True, timeout=RUN_SECONDS_MAX)
        return
    files = context()
    for source in sources:
        taken = [path for path in files if path == Path(source) or Path(source) in path.parents]
        assert taken, f"COPY {source}: .dockerignore leaves nothing of it"
        for path in taken:
            single = path == Path(source)
            place = to / path.name if single else to / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, place)


def _base(root: Path, *, with_programs: bool) -> None:
    """Empty places for what is mounted, and the links that Debian has."""
    for path in _mounted(with_programs=with_programs):
        place = root / path.lstrip("/")
        if Path(path).is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    for link in LINKS:
        if Path("/", link).is_symlink() and (link != "bin" or with_programs):
            (root / link).symlink_to(Path("/", link).readlink())
    (root / "python" / "bin").mkdir(parents=True)
    for program in ("python", "python3"):
        (root / "python" / "bin" / program).symlink_to(PYTHON / "bin" / VERSIONED)
    if with_programs:
        (root / "tmp").mkdir()
        (root / "dev" / "shm").mkdir()


def _mounted(*, with_programs: bool) -> list[str]:
    # Debian's own Python lies among all the other programs: then it alone is let in.
    python = PYTHON / "bin" / VERSIONED if str(PYTHON) == "/usr" else PYTHON
    wanted: Iterable[str] = (*LIBRARIES, *NEEDED, *DEVICES, str(python))
    if with_programs:
        wanted = (*wanted, *PROGRAMS, *NETWORK)
    found = [path for path in wanted if Path(path).exists()]
    # A folder that another one holds comes with it.
    return [p for p in found if not any(p != q and Path(q) in Path(p).parents for q in found)]


def _in_root(at: Made, words: Sequence[str], *, sealed: bool) -> list[str]:
    """`sealed`: nothing can be written and nobody is root; else as a RUN."""
    lines = ["set -e", "mount --make-rprivate /"]
    place = shlex.quote(str(at.root))
    if sealed:
        lines += [f"mount --bind {place} {place}", f"mount -o remount,ro,bind {place}"]
    for path in _mounted(with_programs=not sealed):
        quoted = shlex.quote(path)
        lines += [f"mount --bind {quoted} {place}{quoted}"]
        if not path.startswith("/dev"):
            lines += [f"mount -o remount,ro,bind {place}{quoted}"]
    environment = dict(at.environment)
    if not sealed:
        # The engine's build would fetch afresh; here what pip has kept may be taken.
        del environment["PIP_NO_CACHE_DIR"]
        environment |= {key: os.environ[key] for key in _OURS if key in os.environ}
        for key in _PROXIES:
            environment |= {k: os.environ[k] for k in (key, key.upper()) if k in os.environ}
        environment |= {"HOME": "/tmp", "TMPDIR": "/tmp"}
    user, _, group = at.user.partition(":")
    become = [_found("setpriv"), "--no-new-privs"] if sealed else []
    become += [_found("chroot"), *(["--groups="] if sealed else [])]
    become += [f"--userspec={user}:{group}", str(at.root)]
    inner = ["/python/bin/python", "-c", _STEP, at.folder, *words]
    lines += [f"exec env -i {_given(environment)} {shlex.join([*become, *inner])}"]
    return ["unshare", "--mount", "sh", "-c", "\n".join(lines)]


def _ran(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS_MAX,
        stdin=subprocess.DEVNULL,
    )


# chroot begins at the top; the engine begins in the WORKDIR.
_STEP: Final = "import os, sys; os.chdir(sys.argv[1]); os.execvp(sys.argv[2], sys.argv[2:])"


def _found(program: str) -> str:
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert path is not None, f"{program} is not installed"
    return path


def _given(environment: Mapping[str, str]) -> str:
    return shlex.join(f"{key}={value}" for key, value in environment.items())
