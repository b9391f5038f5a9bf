"""What the parts of a scenario file have in common, as a person writes them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from controller.domain.naming import camel
from controller.simulation.scenarios.spans import wrong


class Written(BaseModel):
    """A part of the file: a field that nobody knows is refused, and so is a wrong type."""

    model_config = ConfigDict(
        alias_generator=camel, extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )


def one_of(record: Written) -> None:
    """Refuse a record in which not exactly one of the fields is given."""
    fields = type(record).model_fields
    names = [str(field.alias) for field in fields.values()]
    given = [str(fields[name].alias) for name in fields if getattr(record, name) is not None]
    if not given:
        raise wrong("names nothing", f"Write one of {', '.join(names)}, with its fields below it")
    if len(given) > 1:
        raise wrong(
            f"names {' and '.join(given)} at once", "Begin a new item of the list, with a dash"
        )


Rate = Annotated[float, Field(ge=0, le=1)]
"""A probability, or a share of what there is."""
RouteName = Annotated[str, Field(min_length=1, max_length=200)]
