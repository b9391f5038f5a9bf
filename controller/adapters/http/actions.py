"""The REST API's writes: a person's command becomes an intent on the Canary, and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Header, Request, Response

from controller.adapters.http.answers import HEADERS, JSON
from controller.adapters.http.api import ONE, Name, Namespace, shown
from controller.adapters.http.bodies import read
from controller.adapters.http.kinds import Kind
from controller.adapters.http.paths import API, canary_path, command_path
from controller.adapters.http.problems import Trouble
from controller.adapters.http.shapes_commands import (
    CommandState,
    OrderShape,
    PromoteShape,
    ReceiptShape,
)
from controller.adapters.http.sight import Calling, Door, not_there, unavailable
from controller.domain.records import IntentAction, Ref
from controller.engine.commands import Absent, Asked, Forbidden, KeyReused, Moved, Receipt
from controller.engine.ports import Conflict, Refused, Unavailable

KEY_CHARACTERS_MAX: Final = 128
ACCEPTED: Final = 202
_ERRORS: Final = (
    Kind.FORBIDDEN,
    Kind.NOT_FOUND,
    Kind.MOVED,
    Kind.BUSY,
    Kind.TOO_SLOW,
    Kind.TOO_LARGE,
    Kind.WRONG_MEDIA_TYPE,
    Kind.WRONG_INPUT,
    Kind.KEY_REUSED,
    Kind.REFUSED,
)


class Asking(Protocol):
    """Where commands are taken: the Desk, or who hands them on to it."""

    async def ask(self, asked: Asked) -> Receipt:
        """See Desk.ask."""
        ...


Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_CHARACTERS_MAX,
        pattern=r"^[!-~]+$",
        description="your own word for this command, visible ASCII. Said again, it is the same "
        "command: it is carried out once, however often you had to send it",
        examples=["promote-exam-api-42-step-2"],
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Action:
    """One path to post to."""

    word: str
    shape: type[OrderShape]
    action: Callable[[OrderShape], IntentAction]
    example: str
    summary: str
    says: str


def _promotion(order: OrderShape) -> IntentAction:
    full = isinstance(order, PromoteShape) and order.full
    return IntentAction.PROMOTE_FULL if full else IntentAction.PROMOTE


def _always(action: IntentAction) -> Callable[[OrderShape], IntentAction]:
    return lambda _order: action


_ACTIONS: Final = (
    _Action(
        word="promote",
        shape=PromoteShape,
        action=_promotion,
        example="promote",
        summary="Go on with the release",
        says="To the next step without waiting for this one's comparison, or with `full` over all "
        "steps that are left. Needs the verb `promote`.",
    ),
    _Action(
        word="rollback",
        shape=OrderShape,
        action=_always(IntentAction.ROLLBACK),
        example="order",
        summary="Roll the release back",
        says="The stable template is written back, and the canary's is quarantined. It takes the "
        "place of any other command that waits. Needs the verb `rollback`.",
    ),
    _Action(
        word="hold",
        shape=OrderShape,
        action=_always(IntentAction.HOLD),
        example="order",
        summary="Hold the release at its step",
        says="It is still watched, and rolled back if it turns bad, but it does not go on before "
        "somebody says so. Needs the verb `hold`.",
    ),
    _Action(
        word="resume",
        shape=OrderShape,
        action=_always(IntentAction.RESUME),
        example="order",
        summary="Let a held release go on by itself",
        says="Its comparison goes on where it was. Needs the verb `promote`.",
    ),
    _Action(
        word="retry",
        shape=OrderShape,
        action=_always(IntentAction.RETRY),
        example="order",
        summary="Try a template again that was rolled back",
        says="Lifts its quarantine: the same template may be released again, as a canary from the "
        "first step. Needs the verb `promote`.",
    ),
)


def build_actions(door: Door, desk: Asking) -> APIRouter:
    """A router to be included in the application, for what people may ask for."""
    router = APIRouter(prefix=API, tags=["commands"])
    for action in _ACTIONS:
        _add(router, action, door, desk)
    return router


def _add(router: APIRouter, action: _Action, door: Door, desk: Asking) -> None:
    async def take(
        request: Request,
        calling: Annotated[Calling, Depends(door.caller)],
        namespace: Namespace,
        name: Name,
        idempotency_key: Key,
    ) -> Response:
        order = await read(request, action.shape)
        asked = Asked(
            ref=Ref(namespace, name),
            action=action.action(order),
            person=calling.person,
            via=calling.via,
            revision=order.revision,
            step=order.step,
            reason=order.reason,
            key=idempotency_key,
        )
        return _accepted(asked, await _ask(desk, asked))

    router.add_api_route(
        f"{ONE}/{action.word}",
        take,
        methods=["POST"],
        status_code=ACCEPTED,
        name=action.word,
        summary=action.summary,
        description=f"{action.says}\n\n{_HOW}",
        response_model=ReceiptShape,
        response_description="written down on the Canary; look at `command` for what comes of it",
        responses=_answers(),
        openapi_extra={"requestBody": _body(action)},
    )


_HOW: Final = (
    "Nothing is done at once: the command is written on the Canary object, and the next look at "
    "it, a moment later, decides. `revision` is what you saw; if another one runs by then, the "
    "answer is 409 and nothing is done."
)


async def _ask(desk: Asking, asked: Asked) -> Receipt:
    try:
        return await desk.ask(asked)
    except Absent as error:
        raise not_there(asked.ref) from error
    except Forbidden as error:
        raise Trouble(Kind.FORBIDDEN, str(error)) from error
    except KeyReused as error:
        raise Trouble(Kind.KEY_REUSED, str(error)) from error
    except Moved as error:
        raise Trouble(Kind.MOVED, str(error)) from error
    except Conflict as error:
        raise Trouble(Kind.BUSY, str(error)) from error
    except Unavailable as error:
        raise unavailable(error) from error
    except Refused as error:
        detail = f"the Kubernetes API server refused the write: {error}"
        raise Trouble(Kind.REFUSED, detail) from error


def _accepted(asked: Asked, receipt: Receipt) -> Response:
    canary = canary_path(asked.ref)
    command = command_path(asked.ref, receipt.id)
    done = receipt.done
    state = CommandState.WAITING
    if done is not None:
        state = CommandState.TAKEN if done.taken else CommandState.REFUSED
    shape = ReceiptShape(
        id=receipt.id,
        action=receipt.action,
        state=state,
        answer=done.answer if done else "",
        canary=canary,
        command=command,
    )
    return Response(
        shape.model_dump_json(by_alias=True),
        status_code=ACCEPTED,
        media_type=JSON,
        headers={**HEADERS, "location": command},
    )


def _answers() -> dict[int | str, dict[str, Any]]:
    answers = shown("receipt", *_ERRORS, code=ACCEPTED)
    answers[ACCEPTED]["headers"] = {
        "Location": {
            "description": "the path that tells what becomes of it",
            "schema": {"type": "string"},
        }
    }
    return answers


def _body(action: _Action) -> Mapping[str, Any]:
    """Read by hand, after the caller is known: nobody else's body is looked at."""
    return {
        "required": True,
        "content": {
            JSON: {
                "schema": {"$ref": f"#/components/schemas/{action.shape.__name__}"},
                "examples": {action.example: {"$ref": f"#/components/examples/{action.example}"}},
            }
        },
    }
