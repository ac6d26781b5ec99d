"""Every failure leaves the API as `{"reason": "..."}` with the status that fits."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from agents.errors import (
    AgentError,
    AlreadyDecided,
    AlreadyRunning,
    LimitReached,
    NotRunning,
)

logger = logging.getLogger(__name__)

CONFLICTS = (AlreadyDecided, AlreadyRunning, LimitReached, NotRunning)
MAX_VALUE_CHARACTERS = 100
MAX_NAMED_PROBLEMS = 5

View = Callable[..., HttpResponse]


def refuse(reason: str, *, status: int, headers: Mapping[str, str] | None = None) -> JsonResponse:
    return JsonResponse({"reason": reason}, status=status, headers=headers)


def not_found(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:  # noqa: ARG001
    return refuse("There is no such thing, or it is not yours.", status=404)


def describe_problem(error: Mapping[str, Any]) -> str:
    """Say where a value is wrong and why: `body.mode: Input should be ...`."""
    source, *place = error["loc"]
    # The name of the operation's own argument means nothing to the caller.
    path = [source, *place[1:]] if source == "body" and place else [source, *place]
    where = ".".join(str(step)[:MAX_VALUE_CHARACTERS] for step in path)
    return f"{where}: {error['msg']}"


def describe_problems(errors: Sequence[Mapping[str, Any]]) -> str:
    named = "; ".join(describe_problem(error) for error in errors[:MAX_NAMED_PROBLEMS])
    more = len(errors) - MAX_NAMED_PROBLEMS
    return f"{named}; and {more} more" if more > 0 else named


def add_error_handlers(api: NinjaAPI) -> None:
    """Give `api` an answer to each kind of exception; the most derived class wins."""

    @api.exception_handler(AgentError)
    def on_agent_error(request: HttpRequest, exc: AgentError) -> HttpResponse:  # noqa: ARG001
        return refuse(str(exc), status=409 if isinstance(exc, CONFLICTS) else 400)

    @api.exception_handler(ValidationError)
    def on_invalid(request: HttpRequest, exc: ValidationError) -> HttpResponse:  # noqa: ARG001
        return refuse(describe_problems(exc.errors), status=422)

    @api.exception_handler(RequestDataTooBig)
    def on_too_big(request: HttpRequest, exc: RequestDataTooBig) -> HttpResponse:  # noqa: ARG001
        return refuse("The request is too large.", status=413)

    @api.exception_handler(AuthenticationError)
    def on_stranger(request: HttpRequest, exc: AuthenticationError) -> HttpResponse:  # noqa: ARG001
        reason = "Sign in or send a token." if str(exc) == "Unauthorized" else str(exc)
        return refuse(reason, status=401, headers={"WWW-Authenticate": "Bearer"})

    @api.exception_handler(HttpError)
    def on_http_error(request: HttpRequest, exc: HttpError) -> HttpResponse:  # noqa: ARG001
        return refuse(str(exc), status=exc.status_code)

    @api.exception_handler(Http404)
    def on_not_found(request: HttpRequest, exc: Http404) -> HttpResponse:  # noqa: ARG001
        return not_found(request)

    @api.exception_handler(OperationalError)
    @api.exception_handler(InterfaceError)
    def on_outage(request: HttpRequest, exc: Exception) -> HttpResponse:
        logger.warning("%s %s: the database is away: %.100s", request.method, request.path, exc)
        reason = "The portal's database is away. Try again in a moment."
        return refuse(reason, status=503, headers={"Retry-After": "2"})

    @api.exception_handler(Exception)
    def on_bug(request: HttpRequest, exc: Exception) -> HttpResponse:
        logger.error("%s %s failed", request.method, request.path, exc_info=exc)
        return refuse("The portal failed; its log says why.", status=500)


def answer_in_json(view: View) -> View:
    """Wrap a view of the API whose own 404 or 405 would not be JSON."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            return not_found(request)
        if response.status_code == 405:
            reason = f"{request.method} is not possible here."[:MAX_VALUE_CHARACTERS]
            return refuse(reason, status=405, headers={"Allow": response["Allow"]})
        return response

    return inner
