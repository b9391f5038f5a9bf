"""What `canaryctl lint` does once its flags are read."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from controller.cli.exits import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from controller.cli.linted import API_VERSION, Checked, Remark, check, targets_in
from controller.cli.unwise import requests_needed
from controller.domain.policy import OnInconclusive, Policy
from controller.domain.wording import duration

STANDARD_INPUT: Final = "-"
BYTES_MAX: Final = 16 * 1024 * 1024
HEAD_COLUMNS: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file that was checked."""

    name: str
    canaries: tuple[Checked, ...]


class Unusable(Exception):
    """A file cannot be read; the message says which, and why."""


def lint(arguments: argparse.Namespace) -> int:
    """Check files; gives the exit code."""
    try:
        texts = {_shown(name): _text(name) for name in arguments.files}
    except Unusable as error:
        print(f"canaryctl: {error}", file=sys.stderr)  # noqa: T201 - no log
        return EXIT_USAGE
    targets = {key: one for text in texts.values() for key, one in targets_in(text).items()}
    files = [File(name=name, canaries=tuple(check(text, targets))) for name, text in texts.items()]
    canaries = [(file.name, canary) for file in files for canary in file.canaries]
    if not canaries:
        where = ", ".join(arguments.files)
        said = f"no object of kind Canary and apiVersion {API_VERSION} in {where}"
        print(f"canaryctl: {said}", file=sys.stderr)  # noqa: T201
        return EXIT_FAILED
    _print(arguments, files)
    wrong = any(one.problems or (arguments.strict and one.warnings) for _, one in canaries)
    return EXIT_FAILED if wrong else EXIT_OK


def _shown(name: str) -> str:
    return "<stdin>" if name == STANDARD_INPUT else name


def _text(name: str) -> str:
    try:
        if name == STANDARD_INPUT:
            content = sys.stdin.buffer.read(BYTES_MAX + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(BYTES_MAX + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise Unusable(f"{name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Unusable(
            f"{name}: it is not text in UTF-8, from byte {error.start + 1} on"
        ) from error
    if len(content) > BYTES_MAX:
        raise Unusable(f"{name}: it is larger than {BYTES_MAX} bytes")
    return text


def _print(arguments: argparse.Namespace, files: list[File]) -> None:
    match arguments.output:
        case "json":
            print(json.dumps([_as_json(file) for file in files], indent=2))  # noqa: T201
        case "yaml":
            _print_lines(files, sys.stderr, quiet=arguments.quiet)
            whole = [_manifest(one) for file in files for one in file.canaries if one.spec]
            print(yaml.safe_dump_all(whole, sort_keys=False), end="")  # noqa: T201
        case _:
            _print_lines(files, sys.stdout, quiet=arguments.quiet)
            if not arguments.quiet:
                _print_tables(files)


def _print_lines(files: list[File], stream: Any, *, quiet: bool) -> None:
    """As compilers write it, so that editors find the place."""
    for file in files:
        for one in file.canaries:
            for kind, remarks in (("error", one.problems), ("warning", one.warnings)):
                for remark in remarks:
                    line = f"{file.name}:{remark.line}: {kind}: {remark}"
                    print(line, file=stream)
            if not (one.problems or one.warnings or quiet):
                print(f"{file.name}:{one.line}: {one.title} is fine", file=stream)


def _print_tables(files: list[File]) -> None:
    for file in files:
        for one in file.canaries:
            if one.spec is not None:
                print(f"\n{one.title}: what holds")  # noqa: T201
                for head, said, path in _told(one.spec.policy()):
                    default = "" if _is_given(one.spec, path) else "   (default)"
                    print(f"  {head:{HEAD_COLUMNS}} {said}{default}")  # noqa: T201


Row = tuple[str, str, tuple[str, ...]]
"""What it is called, what holds, and the field that says so."""


def _told(policy: Policy) -> Iterator[Row]:
    """The whole policy in words."""
    yield "Deployment", policy.target, ("target_ref",)
    yield "mode", policy.mode.value, ("mode",)
    for number, step in enumerate(policy.steps, start=1):
        pods = f"{step.canary} of the pods" if step.canary.percent else f"{step.canary} pods"
        approval = ", and a person's approval" if step.approval else ""
        yield (
            f"step {number}",
            f"{'1 pod' if step.canary.pods == 1 else pods}, at least {duration(step.min_duration)}"
            f"{approval}, at most {duration(step.max_duration)}",
            ("steps",),
        )
    yield "bake", f"{duration(policy.bake)} of watching after the last step", ("bake",)
    yield from _judged(policy)
    asks = policy.on_inconclusive is OnInconclusive.HOLD
    yield (
        "undecided in time",
        "a person is asked" if asks else "the release goes on",
        ("on_inconclusive",),
    )
    again = f"the last {policy.rollback_window} revisions are let through at once"
    yield "rollback", f"{policy.rollback.value}; {again}", ("rollback",)


def _judged(policy: Policy) -> Iterator[Row]:
    yield from _requests(policy)
    slow = policy.slow_requests
    said = "not compared" if slow is None else f"longer than {slow.threshold.total_seconds():g} s"
    yield "slow requests", said, ("analysis", "slow_requests")
    causes = ", ".join(cause.value for cause in policy.restarts.counted)
    more = f"{policy.restarts.extra_per_pod_day:g} more per pod and day is tolerated"
    yield "crashes", f"{causes}; {more}", ("analysis", "restarts")
    for guard in policy.guards:
        said = f"out of bounds for {duration(guard.lasting)}: {guard.query}"
        yield f"guard {guard.name}", said, ("analysis", "guards")
    yield "stable's past", f"{duration(policy.history)} of it", ("analysis", "history")
    wrong = f"at most {policy.false_rollback_max:.2%} of good releases"
    yield "false rollbacks", wrong, ("analysis", "false_rollback_max")


def _requests(policy: Policy) -> Iterator[Row]:
    source = policy.requests
    if source is None:
        yield "requests", "not compared", ("analysis", "requests")
        return
    counted = "your own query" if source.query is not None else f"preset {source.preset}"
    split = f"by {source.segment_by}" if source.segment_by else "by route"
    split = "not split" if source.segment_by == "" else split
    yield "requests", f"{counted}, {split}", ("analysis", "requests")
    rate = policy.error_rate
    ratio = "a learned ratio" if rate.ratio is None else f"{rate.ratio:g} times stable's"
    worse = f"worse above {ratio} and {rate.difference:.3%} more"
    yield "errors", worse, ("analysis", "error_rate")
    rule = policy.coverage
    about = f" (about {requests_needed(policy):,.0f} in all)" if rule.ignorable_share else ""
    yield (
        "coverage",
        f"{rule.min_requests} requests on each route{about}; the rarest, that make "
        f"{rule.ignorable_share:.2%} together, may be missing",
        ("analysis", "coverage"),
    )


def _is_given(spec: BaseModel, path: tuple[str, ...]) -> bool:
    """Whether the file says something of it."""
    first, *rest = path
    if first not in spec.model_fields_set:
        return False
    return not rest or _is_given(getattr(spec, first), tuple(rest))


def _manifest(one: Checked) -> dict[str, Any]:
    assert one.spec is not None, "asked for only where there is one"
    spec = one.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    source = one.spec.policy().requests
    if source is not None and source.query is None:
        spec["analysis"]["requests"]["preset"] = source.preset
    metadata = {"name": one.name} | ({"namespace": one.namespace} if one.namespace else {})
    return {
        "apiVersion": API_VERSION,
        "kind": "Canary",
        "metadata": metadata,
        "spec": spec,
    }


def _as_json(file: File) -> dict[str, Any]:
    return {
        "file": file.name,
        "canaries": [
            {
                "namespace": one.namespace,
                "name": one.name,
                "line": one.line,
                "problems": [_remark(remark) for remark in one.problems],
                "warnings": [_remark(remark) for remark in one.warnings],
                "effective": _manifest(one)["spec"] if one.spec is not None else None,
            }
            for one in file.canaries
        ],
    }


def _remark(remark: Remark) -> dict[str, Any]:
    return asdict(remark)
