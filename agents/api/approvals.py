from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Query, Router

from agents import services
from agents.api.agents import REFUSALS, actable_agent, visible_agent
from agents.api.auth import ApiRequest
from agents.api.schemas import ApprovalFilter, ApprovalOut, ApprovalPage, DecisionBody
from agents.models import ApprovalRequest

router = Router()


@router.get(
    "/{uuid:agent_id}/approvals",
    response={200: ApprovalPage, **REFUSALS},
    summary="List what an agent asks or asked, oldest first, a page at a time.",
)
def list_approvals(
    request: ApiRequest, agent_id: UUID, asked: Query[ApprovalFilter]
) -> dict[str, Any]:
    agent = visible_agent(request, agent_id)
    found = ApprovalRequest.objects.filter(agent=agent, pk__gt=asked.after).select_related(
        "decided_by"
    )
    if asked.state == "pending":
        found = found.pending()
    approvals = list(found.order_by("pk")[: asked.limit + 1])
    has_more = len(approvals) > asked.limit
    return {
        "approvals": approvals[: asked.limit],
        "next_after": approvals[asked.limit - 1].pk if has_more else None,
    }


@router.post(
    "/{uuid:agent_id}/approvals/{int:approval_id}",
    response={200: ApprovalOut, **REFUSALS},
    summary="Allow or deny what an agent asks; the first answer counts.",
)
def decide_approval(
    request: ApiRequest, agent_id: UUID, approval_id: int, body: DecisionBody
) -> ApprovalRequest:
    agent = actable_agent(request, agent_id)
    found = ApprovalRequest.objects.filter(agent=agent).select_related("agent", "decided_by")
    approval = get_object_or_404(found, pk=approval_id)
    if body.decision == "allow":
        services.allow_approval(approval, user=request.auth, scope=body.scope, answers=body.answers)
    else:
        services.deny_approval(approval, user=request.auth, message=body.message)
    return found.get(pk=approval_id)
