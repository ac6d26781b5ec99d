from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from agents import services
from agents.errors import AgentError
from agents.forms import ShareForm
from agents.views.answers import Request, get_agent, get_own_agent, signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def agent_sharing(request: Request, agent_id: UUID) -> HttpResponse:
    """Who else sees the agent; its owner lets others in."""
    if request.method != "POST":
        agent = get_agent(request, agent_id)
        form = ShareForm(owner=agent.owner)
    else:
        agent = get_own_agent(request, agent_id)
        form = ShareForm(request.POST, owner=agent.owner)
        if form.is_valid():
            try:
                services.share_agent(
                    agent, form.person, form.cleaned_data["level"], by=request.user
                )
                return redirect("agent_sharing", agent.pk)
            except AgentError as exc:
                form.add_error(None, str(exc))
    context = {
        "agent": agent,
        "form": form,
        "is_owner": agent.owner_id == request.user.pk,
        "shares": agent.shares.select_related("user", "group"),
    }
    return render(request, "agents/agent_sharing.html", context, status=422 if form.errors else 200)


@require_POST
@signed_in
def share_withdraw(request: Request, agent_id: UUID, share_id: int) -> HttpResponse:
    agent = get_own_agent(request, agent_id)
    share = get_object_or_404(agent.shares.select_related("user", "group"), pk=share_id)
    services.withdraw_share(share, by=request.user)
    messages.success(request, f"{share.who} does not see {agent.name} any more.")
    return redirect("agent_sharing", agent.pk)
