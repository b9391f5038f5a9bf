"""By which name this program was started."""

import sys
from pathlib import Path


def program() -> str:
    """`kubectl canary` when it is kubectl's plugin, else `canaryctl`."""
    name = Path(sys.argv[0]).name
    return (
        "kubectl canary" if name in {"kubectl-canary", "kubectl_complete-canary"} else "canaryctl"
    )
