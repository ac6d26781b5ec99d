from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from agents.forms import TokenForm
from agents.models import ApiToken
from agents.views.answers import Request, signed_in
from agents.views.config import render_config


@require_POST
@signed_in
@never_cache
def token_create(request: Request) -> HttpResponse:
    """Make an API token and show it, this once."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return render_config(request, form=form, status=422)
    token = ApiToken(user=request.user, name=form.cleaned_data["name"])
    secret = token.set_secret()
    token.save()
    return render_config(request, secret=secret)


@require_POST
@signed_in
def token_revoke(request: Request, token_id: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.visible_to(request.user), pk=token_id)
    token.delete()
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect(f"{reverse('config_home')}#tokens")
