"""A user's own choices."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from agents.forms import first_error
from agents.views.answers import Request, signed_in
from voice_app.forms import VoiceForm
from voice_app.models import VoiceChoices


@require_POST
@signed_in
def voice_save(request: Request) -> HttpResponse:
    row = VoiceChoices.objects.filter(user=request.user).first()
    form = VoiceForm(request.POST, instance=row or VoiceChoices(user=request.user))
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
    else:
        messages.error(request, first_error(form))
    return redirect(f"{reverse('config_home')}#voice")
