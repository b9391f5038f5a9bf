"""How a command ends: what its exit code says, and how its last words are told."""

import sys
from typing import Final

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNEXPECTED: Final = 3
EXIT_NOT_FOUND: Final = 4
EXIT_FORBIDDEN: Final = 5
EXIT_MOVED: Final = 6
EXIT_UNREACHABLE: Final = 7
EXIT_TIMED_OUT: Final = 8
EXIT_UNDER_WAY: Final = 10
EXIT_WAITS: Final = 11
EXIT_ROLLED_BACK: Final = 12
EXIT_LEFT: Final = 13
EXIT_UNSEEN: Final = 14
EXIT_INTERRUPTED: Final = 130

EXIT_CODES: Final = """\
exit codes:
    0  done, or ended as asked (SIGTERM, SIGINT)
    1  failed: the reason is the last line; lint: a file has a problem
    2  a flag or a setting is wrong, or a file: the message says which, and the remedy
    3  simulate: runs ended otherwise than the scenario expects, or a promise was broken;
       explain: the replay decides otherwise
    4  there is no such Canary, or Canaries are not installed in this cluster
    5  the API server does not know you, or you may not do this
    6  the command was not taken: the release moved on, or it is not possible now
    7  the API server cannot be reached
    8  time ran out: no controller has answered the command (it stays on the Canary), or
       status --wait-for did not see what it waited for
   10  status --exit-code: a release is under way
   11  status --exit-code: a person is needed
   12  status --exit-code, --wait-for: the release was rolled back, or is held as rejected before
   13  uninstall-check: a Deployment would be left paused, unjudged or marked
   14  uninstall-check: nothing was found, but not everything could be seen
  130  interrupted (Ctrl-C, or SIGTERM before the end)"""


def say(error: BaseException) -> None:
    """Tell a person on standard error what was wrong, one line each."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            say(inner)
        return
    tell(str(error))


def tell(text: str) -> None:
    """Say something beside the answer, on standard error."""
    for line in text.splitlines():
        print(f"canaryctl: {line}", file=sys.stderr)  # noqa: T201 - there may be no log yet
