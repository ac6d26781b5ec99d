from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from agents.forms import TokenForm
from agents.models import ApiToken
from agents.views.answers import Request, signed_in


@require_safe
@signed_in
def account_home(request: Request) -> HttpResponse:
    return _render_account(request, TokenForm())


@require_POST
@signed_in
@never_cache
def token_create(request: Request) -> HttpResponse:
    """Make an API token and show it, this once."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _render_account(request, form, status=422)
    token = ApiToken(user=request.user, name=form.cleaned_data["name"])
    secret = token.set_secret()
    token.save()
    return _render_account(request, TokenForm(), secret=secret)


@require_POST
@signed_in
def token_revoke(request: Request, token_id: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.visible_to(request.user), pk=token_id)
    token.delete()
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect("account_home")


def _render_account(
    request: Request, form: TokenForm, *, secret: str = "", status: int = 200
) -> HttpResponse:
    tokens = ApiToken.objects.visible_to(request.user)
    context = {"form": form, "tokens": tokens, "secret": secret}
    return render(request, "agents/account_home.html", context, status=status)
