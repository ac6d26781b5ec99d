from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from agents.audit import AuditSelection, paginate_entries, read_entries
from agents.forms import AuditForm
from agents.views.answers import Request, signed_in


@require_safe
@signed_in
def audit_home(request: Request) -> HttpResponse:
    """Who decided and said what, of all agents that the user sees, or of one; a page at a time."""
    form = AuditForm(request.GET, user=request.user)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        selection = AuditSelection(**form.cleaned_data)
        page = paginate_entries(request.user, selection).get_page(request.GET.get("page"))
        context |= {"page": page, "entries": read_entries(page)}
    return render(request, "agents/audit_home.html", context)
