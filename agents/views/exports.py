from uuid import UUID

from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from agents.session_export import Format, export_agent
from agents.views.answers import Request, get_agent, signed_in


@require_GET
@signed_in
def agent_export(request: Request, agent_id: UUID, file_format: Format) -> HttpResponseBase:
    """The whole conversation as a file."""
    return export_agent(get_agent(request, agent_id), file_format)
