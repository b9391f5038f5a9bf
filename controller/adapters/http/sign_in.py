"""Signing in and out with a browser. Works without script; a token is never in an address."""

import logging
import re
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from controller.adapters.http.anybody import Anybody
from controller.adapters.http.csrf import is_unprotected
from controller.adapters.http.doorway import Doorway
from controller.adapters.http.doorway_places import UNKNOWN, place_of
from controller.adapters.http.kinds import Kind
from controller.adapters.http.pagetemplates import answer
from controller.adapters.http.problems import Trouble
from controller.adapters.http.sessions import clear_session, session_id, set_session
from controller.engine.access import TOKEN_CHARACTERS_MAX, expiry_of

PATH: Final = "/sign-in"
BODY_BYTES_MAX: Final = 65_536
FIELDS_MAX: Final = 8
NEXT_CHARACTERS_MAX: Final = 2_000
TEMPLATE: Final = "sign-in.html"
_FORM: Final = "application/x-www-form-urlencoded"
# A path of ours: one slash, then what a browser reads in no other way. It takes a backslash for a
# slash, and drops tabs and line breaks.
_PATH: Final = re.compile(r"/(?:[!-.0-\[\]-~][!-\[\]-~]*)?")
_NOWHERE: Final = ("/sign-in", "/session")

audit = logging.getLogger("controller.audit")


def build_sign_in(doorway: Doorway) -> APIRouter:
    """A router to be included in the application."""
    router = APIRouter(include_in_schema=False)
    desk = _SignIn(doorway)
    router.add_api_route(PATH, desk.show, methods=["GET"])
    router.add_api_route("/session", desk.show, methods=["GET"])
    router.add_api_route("/session", desk.begin, methods=["POST"])
    router.add_api_route("/session/end", desk.end, methods=["POST"])
    return router


def safe_next(text: str | None) -> str:
    """Where to go after signing in: a path of ours, whatever was asked for."""
    if not text or len(text) > NEXT_CHARACTERS_MAX or not _PATH.fullmatch(text):
        return "/"
    return "/" if text.startswith(_NOWHERE) else text


class _SignIn:
    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self._bodies = Anybody(BODY_BYTES_MAX, "form")

    async def show(self, request: Request) -> Response:
        """The page; whoever is signed in goes on at once."""
        following = safe_next(request.query_params.get("next"))
        if await self._is_signed_in(request):
            return RedirectResponse(following, HTTPStatus.SEE_OTHER)
        again = "again" in request.query_params
        if not again and request.headers.get("sec-fetch-site") == "cross-site":
            # Who follows a link in a message comes without the cookie, signed in or not. From a
            # page of ours, the browser sends it.
            query = urlencode({"next": following, "again": "1"})
            return self._page(following, HTTPStatus.OK, bounce=f"{PATH}?{query}")
        ended = "ended" in request.query_params
        return self._page(following, HTTPStatus.OK, said="You are signed out." if ended else "")

    async def begin(self, request: Request) -> Response:
        """Review the token, and hand out a session for it."""
        following, place = "/", place_of(request, self._doorway.premises.trusted_proxies)
        try:
            form = await _form(request, self._bodies)
            following = safe_next(form.get("next"))
            if is_unprotected(request.headers):
                return self._page(following, HTTPStatus.BAD_REQUEST, problem=_UNPROTECTED)
            self._doorway.check_own(request)
            token = "".join(form.get("token", "").split())
            if not token:
                return self._page(
                    following, HTTPStatus.UNPROCESSABLE_ENTITY, problem="Paste a token first."
                )
            person = await self._doorway.owner(token[: TOKEN_CHARACTERS_MAX + 1], place)
        except Trouble as trouble:
            return self._refused(following, trouble)
        self._end(request)
        name, lasts = self._doorway.sessions.begin(person, token, expiry_of(token))
        audit.info("%s signed in at the dashboard from %s", person.name, place or UNKNOWN)
        response = RedirectResponse(following, HTTPStatus.SEE_OTHER)
        set_session(response, name, lasts)
        return _unkept(response)

    async def end(self, request: Request) -> Response:
        """End the session, here and in the browser."""
        try:
            self._doorway.check_own(request)
        except Trouble as trouble:
            return self._refused("/", trouble)
        person = self._end(request)
        if person is not None:
            place = place_of(request, self._doorway.premises.trusted_proxies)
            audit.info("%s signed out at the dashboard from %s", person, place or UNKNOWN)
        response = RedirectResponse(f"{PATH}?ended=1", HTTPStatus.SEE_OTHER)
        clear_session(response)
        return _unkept(response)

    def _end(self, request: Request) -> str | None:
        """End the session that the browser has, if any; whose it was."""
        name = session_id(request)
        ended = self._doorway.sessions.end(name) if name is not None else None
        return ended.person.name if ended is not None else None

    async def _is_signed_in(self, request: Request) -> bool:
        if session_id(request) is None:
            return False
        try:
            await self._doorway.caller(request)
        except Trouble:
            return False
        return True

    def _refused(self, following: str, trouble: Trouble) -> Response:
        said = {
            Kind.UNAUTHENTICATED: "The cluster does not take this token. It is wrong, expired, "
            "revoked, or made for another audience: make a new one as described below.",
            Kind.CROSS_SITE: "The form was not sent from this page. Fill it in here. If you did, "
            "tell an administrator to set dashboard_url to the address that your browser shows.",
        }.get(trouble.kind, _sentence(str(trouble.detail)))
        response = self._page(following, trouble.status_code, problem=said)
        response.headers.update(trouble.headers or {})
        return response

    def _page(self, following: str, code: int, **facts: Any) -> Response:
        blank = {"problem": "", "said": "", "bounce": ""}
        response = answer(
            TEMPLATE,
            code,
            person=None,
            following=following,
            audience=self._doorway.premises.audience,
            characters_max=TOKEN_CHARACTERS_MAX,
            **(blank | facts),
        )
        # With a stricter one a browser hides from us that its form is ours.
        response.headers["referrer-policy"] = "same-origin"
        return response


async def _form(request: Request, bodies: Anybody) -> dict[str, str]:
    """The fields of the form; of one that is there twice, the first."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise Trouble(Kind.WRONG_MEDIA_TYPE, "this is not the form of the sign-in page: use it")
    body = await bodies.body(request)
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=FIELDS_MAX)
    except ValueError:
        detail = "the form cannot be read: fill it in again"
        raise Trouble(Kind.WRONG_INPUT, detail) from None
    return {name: values[0] for name, values in fields.items()}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _unkept(response: Response) -> Response:
    response.headers["cache-control"] = "no-store"
    return response


_UNPROTECTED: Final = (
    "This page was reached over plain HTTP: your token travelled unprotected, and your browser "
    "would not keep the session. Open the dashboard by its https address, or forward its port to "
    "your own machine (kubectl port-forward) and use http://localhost. Do not use that token again."
)
