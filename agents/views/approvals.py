from django.shortcuts import get_object_or_404

from agents import services
from agents.approval_cards import parse_questions
from agents.forms import AnswersForm, DecisionForm, first_error
from agents.models import Agent, ApprovalRequest
from agents.views.answers import Request, agent_action


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
