"""An agent's page, and what its transcript is read by: portions, links to lines, images, search."""

from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.errors import WorkspaceProblem
from agents.forms import SearchForm
from agents.fragments import make_rows, region_context
from agents.models import Agent, EventImage, LiveText, SessionEvent
from agents.numbers import parse_seq
from agents.search import search_lines
from agents.services.git import confine_to_roots
from agents.services.sharing import may_act
from agents.views.answers import Request, get_agent, signed_in

PAGE_ROWS = 300
ROWS_AFTER_A_LINK = 50


@require_safe
@signed_in
def agent_detail(request: Request, agent_id: UUID) -> HttpResponse:
    """The newest lines, live. A link to an older line, `?at=<seq>`, leads to the page that has it."""
    agent = get_agent(request, agent_id)
    events = _events_before(agent, None)
    at, earlier = parse_seq(request.GET.get("at", "")), events["earlier"]
    if at is not None and isinstance(earlier, int) and at < earlier:
        return redirect(f"{reverse('agent_events', args=[agent.pk])}?at={at}#event-{at}")
    live_text = LiveText.objects.filter(agent=agent).values_list("text", flat=True).first()
    context = region_context(agent) | events | {"live_text": live_text, "at": at}
    is_owner = agent.owner_id == request.user.pk
    context |= {
        "may_act": may_act(request.user, agent),
        "is_owner": is_owner,
        "sees_folder": is_owner or sees_folder(request.user, agent.workspace),
    }
    context["shares"] = agent.shares.select_related("user", "group")
    return render(request, "agents/agent_detail.html", context)


@require_safe
@signed_in
def agent_events(request: Request, agent_id: UUID) -> HttpResponse:
    """The rows before `?before=<seq>`, or those around `?at=<seq>`: for htmx to put in front, or a page."""
    agent = get_agent(request, agent_id)
    at = parse_seq(request.GET.get("at", ""))
    before = parse_seq(request.GET.get("before", "")) if at is None else at + ROWS_AFTER_A_LINK
    context = {"agent": agent, "at": at} | _events_before(agent, before)
    template = "agents/_earlier_rows.html" if request.htmx else "agents/agent_events.html"
    return render(request, template, context)


@require_safe
@signed_in
def event_image(request: Request, agent_id: UUID, seq: int, number: int) -> HttpResponse:
    """An image of a line. Its media type is one of four, by its content, and nothing in it can run."""
    images = EventImage.objects.visible_to(request.user).filter(agent=agent_id, event__seq=seq)
    image = get_object_or_404(images, number=number)
    return picture_response(image.media_type, bytes(image.data))


@require_safe
@signed_in
def line_search(request: Request) -> HttpResponse:
    """Lines of all agents that the user sees, or of one, that have the words of `?q=`."""
    form = SearchForm(request.GET, user=request.user)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        asked, agent = form.cleaned_data["q"], form.cleaned_data["agent"]
        context["asked"] = asked
        context["result"] = search_lines(request.user, asked, agent_id=agent.pk if agent else None)
    return render(request, "agents/line_search.html", context)


def picture_response(media_type: str, data: bytes) -> HttpResponse:
    response = HttpResponse(data, content_type=media_type)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


def sees_folder(user: User, path: str) -> bool:
    """Is the folder there, beneath one of the user's roots?"""
    try:
        confine_to_roots(user, path)
    except WorkspaceProblem:
        return False
    return True


def _events_before(agent: Agent, before: int | None) -> dict[str, object]:
    """The last PAGE_ROWS events (before a seq), the last one's number, and where more begin."""
    events = SessionEvent.objects.filter(agent=agent).order_by("-seq")
    if before is not None:
        events = events.filter(seq__lt=before)
    page = list(events[: PAGE_ROWS + 1])
    shown = page[:PAGE_ROWS][::-1]
    return {
        "rows": make_rows(shown),
        "last_seq": shown[-1].seq if shown else 0,
        "earlier": shown[0].seq if len(page) > PAGE_ROWS else None,
    }
