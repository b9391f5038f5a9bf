"""How a command ends: what its exit code says, and how its last words are told."""

import sys
from typing import Final

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNEXPECTED: Final = 3
EXIT_INTERRUPTED: Final = 130

EXIT_CODES: Final = """\
exit codes:
    0  done, or ended as asked (SIGTERM, SIGINT)
    1  failed: the reason is the last line of the log
    2  a flag or a setting is wrong, or a file: the message says which, and the remedy
    3  simulate: runs ended otherwise than the scenario expects, or a promise was broken
  130  simulate, demo: interrupted (Ctrl-C) before the end"""


def say(error: BaseException) -> None:
    """Tell a person on standard error what was wrong, one line each."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            say(inner)
        return
    for line in str(error).splitlines():
        print(f"canaryctl: {line}", file=sys.stderr)  # noqa: T201 - there may be no log yet
