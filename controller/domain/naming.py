"""How the fields of our records are spelled in the Kubernetes API."""

from typing import Final


def camel(name: str) -> str:
    """The API's spelling of a field's name."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


API: Final = {"alias_generator": camel, "populate_by_name": True}
