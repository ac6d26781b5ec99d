from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from ninja import Query, Router

from agents.api.agents import REFUSALS, visible_agent
from agents.api.auth import ApiRequest
from agents.api.schemas import ExportFormat
from agents.session_export import CONTENT_TYPES, export_agent

router = Router()

FILE: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The whole conversation",
            "content": {kind: {"schema": {"type": "string"}} for kind in CONTENT_TYPES.values()},
        }
    }
}


@router.get(
    "/{uuid:agent_id}/export",
    response=REFUSALS,
    openapi_extra=FILE,
    summary="Download an agent's whole conversation as Markdown or JSON Lines.",
)
def export_conversation(
    request: ApiRequest, agent_id: UUID, asked: Query[ExportFormat]
) -> StreamingHttpResponse:
    return export_agent(visible_agent(request, agent_id), asked.format)
