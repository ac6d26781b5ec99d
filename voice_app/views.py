"""What the recorder on a page talks to, in JSON, and a user's own choices."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from agents.errors import AgentError
from agents.forms import first_error
from agents.views.answers import Request, signed_in
from voice_app.forms import RecordingForm, VoiceForm
from voice_app.models import Recording, VoiceChoices
from voice_app.services import add_recording


@require_POST
@signed_in
def recording_add(request: Request) -> HttpResponse:
    """Keep a recording; answers with the address to ask what became of it, or 422 and the reason."""
    form = RecordingForm(request.POST, request.FILES, user=request.user)
    if not form.is_valid():
        return JsonResponse({"error": first_error(form)}, status=422)
    try:
        recording = add_recording(
            request.user, form.cleaned_data["file"], agent=form.cleaned_data["agent"]
        )
    except AgentError as exc:
        return JsonResponse({"error": str(exc)}, status=422)
    url = reverse("recording_state", args=[recording.pk])
    return JsonResponse({"url": url}, status=202)


@require_safe
@never_cache
@signed_in
def recording_state(request: Request, recording_id: UUID) -> HttpResponse:
    recording = get_object_or_404(Recording.objects.visible_to(request.user), pk=recording_id)
    return JsonResponse(
        {
            "state": recording.state,
            "text": recording.text,
            "error": recording.error,
            "seconds": recording.seconds,
            "seconds_done": recording.seconds_done,
        }
    )


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
