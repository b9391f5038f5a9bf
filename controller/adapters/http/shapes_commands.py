"""What a person sends to ask for something, and what is answered about it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from controller.adapters.http.shape import Shape
from controller.domain.records import IntentAction
from controller.engine.commands import REASON_CHARACTERS_MAX

REVISION_CHARACTERS_MAX: Final = 253
STEP_MAX: Final = 1_000
# Line breaks are fine, what moves a terminal's cursor is not.
_TEXT: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_VISIBLE: Final = r"^[!-~]+$"


def _whole(number: object) -> object:
    """JSON knows one kind of numbers: 2.0 is 2."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class OrderShape(BaseModel):
    """What is asked for, and of which revision: the one that the person saw."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    revision: Annotated[
        str,
        Field(
            min_length=1,
            max_length=REVISION_CHARACTERS_MAX,
            pattern=_VISIBLE,
            description="of the release that is meant: `meant.revision` of the Canary as you saw "
            "it. The Deployment's revision number or the ReplicaSet's name will do too",
        ),
    ]
    step: Annotated[
        Annotated[int, Field(ge=1, le=STEP_MAX), BeforeValidator(_whole)] | None,
        Field(description="only at this step, counted from 1 (`meant.step`); left out: at any"),
    ] = None
    reason: Annotated[
        str,
        Field(
            max_length=REASON_CHARACTERS_MAX,
            pattern=_TEXT,
            description="why, for those who read the history later",
        ),
    ] = ""


class PromoteShape(OrderShape):
    """To go on: over this step, or over all that are left."""

    full: Annotated[
        bool, Field(description="over all steps that are left, without another comparison")
    ] = False


class CommandState(StrEnum):
    """What has become of a command."""

    WAITING = "waiting"
    TAKEN = "taken"
    REFUSED = "refused"


class ReceiptShape(Shape):
    """A command was written down on the Canary; it is acted on within a moment."""

    id: str
    action: IntentAction
    state: Annotated[
        CommandState, Field(description="waiting: it is on the Canary, and was not acted on yet")
    ]
    answer: Annotated[str, Field(description="what was done, or why nothing was; empty: it waits")]
    canary: Annotated[str, Field(description="the path of the Canary")]
    command: Annotated[str, Field(description="the path that tells what becomes of it")]


class CommandShape(Shape):
    """What a person asked for: who, how, from where, why; and what became of it."""

    id: str
    action: IntentAction
    state: CommandState
    at: Annotated[datetime | None, Field(description="when it was acted on; null: it waits")]
    by: str
    via: Annotated[str, Field(description="the way it came, and from where")]
    reason: str
    release: Annotated[str, Field(description="the revision that ran then; empty: it waits")]
    answer: Annotated[str, Field(description="what was done, or why nothing was; empty: it waits")]
    url: str


class MeantShape(Shape):
    """What a command has to name to be meant for the release as it is shown."""

    revision: str
    step: int
