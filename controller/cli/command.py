"""One command of `canaryctl`: a row of the table in `controller.cli`."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person types, and what happens then.

    `add_flags` gets the command's own parser and may set its description and epilog. `run` gives
    the exit code; what it needs beyond the standard library is imported when it runs, because a
    person who asks for help need not wait for it.
    """

    name: str
    summary: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
