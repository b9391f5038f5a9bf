"""Where things are, for answers that say where to look."""

from typing import Final

from controller.domain.records import Ref

VERSION: Final = "/api/v1"
API: Final = f"{VERSION}/canaries"
# A browser knows these without a name; the shapes of Kubernetes names need no escaping.
DOCS: Final = "/docs"
OPENAPI: Final = "/openapi.json"


def canary_path(ref: Ref) -> str:
    """Of one Canary."""
    return f"{API}/{ref.namespace}/{ref.name}"


def command_path(ref: Ref, command_id: str) -> str:
    """Of one command."""
    return f"{canary_path(ref)}/commands/{command_id}"


def entry_path(ref: Ref, number: int) -> str:
    """Of one entry of the flight recorder."""
    return f"{canary_path(ref)}/journal/{number}"
