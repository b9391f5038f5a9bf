"""What a sentence names in the type of a machine is there: commands, flags, settings, values."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from controller.adapters.kube.names import GROUP
from controller.cli import COMMANDS
from controller.cli.command import Command
from controller.settings import Settings, variable
from tests.docs.pages import PAGES, ROOT, name, spans_of, text
from tests.docs.programs import OUR_KEYS

OURS: Final = re.compile(r"(?:canaryctl|kubectl[ -]canary) (?P<rest>[a-z-]+.*)")
KEY: Final = re.compile(rf"(?<![\w./-]){re.escape(GROUP)}/([a-z][\w-]*)")
VARIABLE: Final = re.compile(r"CANARY_CONTROLLER_[A-Z][A-Z_]*[A-Z]")
VERSION: Final = re.compile(r"v\d\w*")


def wrong_span(span: str) -> Iterator[str]:
    """What is wrong with one span; a command in a sentence may leave out what it acts on."""
    if made := re.match(r"make ([a-z][a-z-]*)", span):
        targets = re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE)
        if made[1] not in targets:
            yield f"the Makefile has no target {made[1]}"
    if ours := OURS.match(span):
        yield from wrong_command(ours["rest"].split())
    for key in KEY.findall(span):
        if f"{GROUP}/{key}" not in OUR_KEYS and not VERSION.fullmatch(key):
            yield f"we read no {GROUP}/{key}; there are {', '.join(sorted(OUR_KEYS))}"
    for found in VARIABLE.findall(span):
        if found not in {variable(setting) for setting in Settings.model_fields}:
            yield f"there is no setting {found}"


def wrong_command(words: list[str]) -> Iterator[str]:
    known = {command.name: command for command in COMMANDS}
    if words[0] not in known:
        yield f"canaryctl has no command {words[0]}; it has {', '.join(known)}"
        return
    flags = flags_of(known[words[0]])
    for word in words[1:]:
        if (flag := word.partition("=")[0]).startswith("--") and flag not in flags:
            yield f"canaryctl {words[0]} has no flag {flag}; it has {', '.join(sorted(flags))}"


def flags_of(command: Command) -> set[str]:
    from controller.cli import parser_of  # noqa: PLC0415 - beside what it is for

    actions = parser_of(command)._actions
    return {text for action in actions for text in action.option_strings if text[:2] == "--"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_sentence_names_is_there(page: Path) -> None:
    wrong = [
        f"{name(page)}:{line}: `{span}`: {one}"
        for line, span in spans_of(page)
        for one in wrong_span(span)
    ]
    assert not wrong, "\n" + "\n".join(wrong)
