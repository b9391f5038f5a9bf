"""What presses the nodes on which pods run; a controller that may not see nodes goes on without."""

from typing import Final

from controller.adapters.kube import objects

PRESSURES: Final = frozenset({"MemoryPressure", "DiskPressure", "PIDPressure"})
NOT_READY: Final = "NotReady"


def pressure(node: objects.Node) -> tuple[str, ...]:
    """The conditions of a node that are bad now; none of a healthy one."""
    return tuple(sorted(filter(None, map(_bad, node.status.conditions or ()))))


def _bad(condition: objects.NodeCondition) -> str:
    if condition.type == "Ready":
        return "" if condition.status == "True" else NOT_READY
    pressed = condition.type in PRESSURES and condition.status == "True"
    return condition.type if pressed else ""
