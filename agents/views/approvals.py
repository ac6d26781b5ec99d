from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from agents import services
from agents.approval_cards import whole_input
from agents.forms import AnswersForm, DecisionForm, first_error
from agents.models import Agent, ApprovalRequest
from agents.questions import parse_questions
from agents.views.answers import Request, agent_action, signed_in


@agent_action
def approval_decide(request: Request, agent: Agent, approval_id: int) -> str | None:
    found = ApprovalRequest.objects.visible_to(request.user).filter(agent=agent)
    approval = get_object_or_404(found, pk=approval_id)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return first_error(form)
    if form.is_denial:
        message = form.cleaned_data["message"]
        services.deny_approval(approval, user=request.user, message=message)
        return None
    answers: dict[str, str] = {}
    if questions := parse_questions(approval.tool_name, approval.tool_input):
        answers_form = AnswersForm(request.POST, questions)
        if not answers_form.is_valid():
            return first_error(answers_form)
        answers = answers_form.answers
    services.allow_approval(approval, user=request.user, scope=form.scope, answers=answers)
    return None


@require_safe
@signed_in
def approval_input(request: Request, agent_id: UUID, approval_id: int) -> HttpResponse:
    """The whole of what is asked, as plain text: cards leave out what is too long."""
    found = ApprovalRequest.objects.visible_to(request.user).filter(agent=agent_id)
    text = whole_input(get_object_or_404(found, pk=approval_id))
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
