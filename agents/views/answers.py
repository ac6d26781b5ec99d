"""Who is let in, and how actions answer: a partial to htmx, a redirect with a message otherwise."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.middleware import HtmxDetails

from agents.errors import AgentError
from agents.models import Agent
from agents.services.sharing import ONLY_LOOK, ONLY_THE_OWNER, may_act

P = ParamSpec("P")


class Request(HttpRequest):
    """What the middleware makes of a request once somebody is signed in."""

    user: User
    htmx: HtmxDetails


SignedInView = Callable[Concatenate[Request, P], HttpResponseBase]


def signed_in(view: SignedInView[P]) -> Callable[Concatenate[Request, P], HttpResponseBase]:
    """Send strangers to the login page; where htmx asks, answer 401, and its page says so itself.

    A redirect would take away the page with all that was typed on it.
    """

    @wraps(view)
    def checked(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.htmx:
            return HttpResponse(status=401)
        return redirect_to_login(request.get_full_path())

    return checked


def get_agent(request: Request, agent_id: UUID) -> Agent:
    """The agent, or 404 where the user may not see it."""
    return get_object_or_404(Agent.objects.visible_to(request.user), pk=agent_id)


def get_own_agent(request: Request, agent_id: UUID) -> Agent:
    """The user's own agent; 403 for who only sees it, 404 for strangers."""
    agent = get_agent(request, agent_id)
    if agent.owner_id != request.user.pk:
        raise PermissionDenied(ONLY_THE_OWNER)
    return agent


def check_may_act(request: Request, agent: Agent) -> None:
    """403 for who may only look at an agent that is seen."""
    if not may_act(request.user, agent):
        raise PermissionDenied(ONLY_LOOK)


def agent_action(
    act: Callable[Concatenate[Request, Agent, P], str | None],
) -> Callable[..., HttpResponseBase]:
    """A POST view of an agent around `act`, which does one thing and returns an error's words.

    An AgentError is an error too; who may only look at the agent gets a 403. The page itself changes
    by its socket, or by the redirect.
    """

    def view(
        request: Request, /, agent_id: UUID, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        agent = get_agent(request, agent_id)
        check_may_act(request, agent)
        try:
            error = act(request, agent, *args, **kwargs) or ""
        except AgentError as exc:
            error = str(exc)
        return answer(request, reverse("agent_detail", args=[agent.pk]), error)

    return wraps(act)(require_POST(signed_in(view)))


def answer(request: Request, url: str, error: str = "") -> HttpResponse:
    """422 with the error's partial (200 with an empty one) to htmx; else a redirect to `url`."""
    if request.htmx:
        context = {"error": error}
        return render(request, "agents/_error.html", context, status=422 if error else 200)
    if error:
        messages.error(request, error)
    return redirect(url)
