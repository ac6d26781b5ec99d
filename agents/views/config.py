"""The Config page: a user's own settings, and for staff those of the site."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from agents import site_settings, web_push
from agents.config_forms import (
    ChoicesForm,
    DefaultsForm,
    DeviceForm,
    KeyForm,
    SiteValueForm,
    WebhookForm,
)
from agents.errors import AgentError, InvalidRequest
from agents.forms import TokenForm, first_error
from agents.models import (
    ApiToken,
    Channel,
    Dispatch,
    LaunchDefaults,
    NotificationChoice,
    OwnKey,
    PushSubscription,
    SiteSetting,
    SiteSettingChange,
    Webhook,
)
from agents.services.config import add_device, choose_notifications, save_webhook
from agents.services.notifications import send_test
from agents.services.own_keys import remove_own_key, set_own_key
from agents.views.answers import Request, signed_in

LOG_SHOWN = 15


@require_safe
@signed_in
def config_home(request: Request) -> HttpResponse:
    return render_config(request)


def render_config(request: Request, *, status: int = 200, **changes: Any) -> HttpResponse:
    """The whole page; `changes` are forms with errors, or a secret that is shown this once."""
    user = request.user
    webhook = Webhook.objects.filter(user=user).first()
    context = {
        "defaults_form": DefaultsForm(instance=LaunchDefaults.objects.filter(user=user).first()),
        "choices_form": ChoicesForm(chosen=_chosen(request)),
        "channels": Channel.labels,
        "devices": PushSubscription.objects.visible_to(user),
        "push_key": web_push.public_key(),
        "webhook": webhook,
        "webhook_form": WebhookForm(initial={"url": webhook.url if webhook else ""}),
        "dispatches": Dispatch.objects.visible_to(user).select_related(
            "notification__agent", "subscription"
        )[:LOG_SHOWN],
        "own_key": OwnKey.objects.filter(user=user).first(),
        "key_form": KeyForm(),
        "form": TokenForm(),
        "tokens": ApiToken.objects.visible_to(user),
        **(_site_context() if user.is_staff else {}),
    }
    return render(request, "agents/config_home.html", context | changes, status=status)


def _chosen(request: Request) -> set[tuple[str, str]]:
    rows = NotificationChoice.objects.filter(user=request.user)
    return set(rows.values_list("kind", "channel"))


def _site_context() -> dict[str, object]:
    changed = set(SiteSetting.objects.values_list("name", flat=True))
    return {
        "site_settings": [
            {
                "name": name,
                "about": about,
                "value": site_settings.show(site_settings.current(name)),
                "default": site_settings.show(getattr(settings, name)),
                "is_changed": name in changed,
            }
            for name, about in site_settings.changeable().items()
        ],
        "site_changes": SiteSettingChange.objects.select_related("changed_by")[:LOG_SHOWN],
    }


def _back(section: str) -> HttpResponse:
    return redirect(f"{reverse('config_home')}#{section}")


# Launch defaults and notifications


@require_POST
@signed_in
def defaults_save(request: Request) -> HttpResponse:
    row = LaunchDefaults.objects.filter(user=request.user).first()
    form = DefaultsForm(request.POST, instance=row or LaunchDefaults(user=request.user))
    if not form.is_valid():
        return render_config(request, defaults_form=form, status=422)
    form.save()
    messages.success(request, "Saved: your next launch begins with this.")
    return _back("defaults")


@require_POST
@signed_in
def choices_save(request: Request) -> HttpResponse:
    form = ChoicesForm(request.POST, chosen=set())
    if not form.is_valid():
        return render_config(request, choices_form=form, status=422)
    choose_notifications(request.user, form.choices())
    messages.success(request, "Saved: you are told what is ticked.")
    return _back("notifications")


@require_POST
@signed_in
def device_add(request: Request) -> HttpResponse:
    """From the page's script, with what the browser's push service gave it."""
    form = DeviceForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"error": first_error(form)}, status=422)
    try:
        device = add_device(request.user, form.cleaned_data)
    except AgentError as exc:
        return JsonResponse({"error": str(exc)}, status=422)
    return JsonResponse({"id": device.pk}, status=201)


@require_POST
@signed_in
def device_remove(request: Request, device_id: int) -> HttpResponse:
    device = get_object_or_404(PushSubscription.objects.visible_to(request.user), pk=device_id)
    device.delete()
    messages.success(request, f"{device.device} gets no more pushes.")
    return _back("notifications")


@require_POST
@signed_in
def device_test(request: Request) -> HttpResponse:
    send_test(request.user, Channel.PUSH)
    messages.success(request, "A push is on its way to each device.")
    return _back("notifications")


# Webhook


@sensitive_post_parameters("secret")
@require_POST
@signed_in
@never_cache
def webhook_save(request: Request) -> HttpResponse:
    form = WebhookForm(request.POST)
    if not form.is_valid():
        return render_config(request, webhook_form=form, status=422)
    made = save_webhook(request.user, **form.cleaned_data)
    if made:
        return render_config(request, webhook_secret=made)
    messages.success(request, "Saved.")
    return _back("webhook")


@require_POST
@signed_in
def webhook_remove(request: Request) -> HttpResponse:
    Webhook.objects.visible_to(request.user).delete()
    messages.success(request, "The webhook is removed.")
    return _back("webhook")


@require_POST
@signed_in
def webhook_test(request: Request) -> HttpResponse:
    if not Webhook.objects.visible_to(request.user).exists():
        messages.error(request, "Set a webhook first.")
    else:
        send_test(request.user, Channel.WEBHOOK)
        messages.success(request, "A test is on its way. Its outcome shows below: reload the page.")
    return _back("webhook")


# Own key


@sensitive_post_parameters("key")
@require_POST
@signed_in
def key_save(request: Request) -> HttpResponse:
    form = KeyForm(request.POST)
    if not form.is_valid():
        return render_config(request, key_form=form, status=422)
    set_own_key(request.user, form.cleaned_data["key"])
    messages.success(request, "Saved: from their next call on your agents use this key.")
    return _back("key")


@require_POST
@signed_in
def key_remove(request: Request) -> HttpResponse:
    remove_own_key(request.user)
    messages.success(request, "Removed: your agents use the site's credentials from now on.")
    return _back("key")


# The site's settings


def _check_site_setting(request: Request, name: str) -> None:
    """404 for all but staff, and for what may not be changed while the portal runs."""
    if not request.user.is_staff or name not in site_settings.changeable():
        raise Http404


@require_POST
@signed_in
def site_save(request: Request, name: str) -> HttpResponse:
    _check_site_setting(request, name)
    form = SiteValueForm(request.POST)
    try:
        if not form.is_valid():
            raise InvalidRequest(first_error(form))
        site_settings.change(name, form.cleaned_data["value"], user=request.user)
    except AgentError as exc:
        error = {"name": name, "text": str(exc), "value": request.POST.get("value", "")[:5_000]}
        return render_config(request, site_error=error, status=422)
    messages.success(request, f"{name} is in force.")
    return _back("site")


@require_POST
@signed_in
def site_reset(request: Request, name: str) -> HttpResponse:
    _check_site_setting(request, name)
    site_settings.reset(name, user=request.user)
    messages.success(request, f"{name} is what .env says again.")
    return _back("site")
