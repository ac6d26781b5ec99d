"""The forms of the Config page."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings

from agents import web_push
from agents.models import Channel, EditMode, Kind, LaunchDefaults, NotificationChoice
from agents.outbound import MAX_URL_CHARACTERS, Refused, check_url
from agents.services.own_keys import KEY_PATTERN
from agents.site_settings import current

MIN_SECRET_CHARACTERS = 16
SECRET_INPUT = {"autocomplete": "off", "spellcheck": "false"}


class DefaultsForm(forms.ModelForm):  # type: ignore[type-arg]
    model = forms.ChoiceField(required=False)
    edit_mode = forms.ChoiceField(
        choices=[choice for choice in EditMode.choices if choice[0] != EditMode.TURN],
        label="File edits",
    )

    class Meta:
        model = LaunchDefaults
        fields = ["model", "edit_mode"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models = current("CAM_MODELS")
        field = self.fields["model"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (for the type checker)
        field.choices = [("", f"The site's ({models[0]})"), *((name, name) for name in models)]
        if self.instance.model not in models:
            self.initial["model"] = ""


class ChoicesForm(forms.Form):
    """A box for each kind of event and channel."""

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, chosen: set[tuple[str, str]]
    ) -> None:
        super().__init__(data)
        for kind in Kind:
            for channel in Channel:
                self.fields[f"{kind}-{channel}"] = forms.BooleanField(
                    required=False,
                    initial=(kind, channel) in chosen,
                    label=f"An agent {kind.label}: {channel.label}",
                )

    def rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        """For the table: each kind with its boxes, in the order of the channels."""
        return [
            (f"An agent {kind.label}", [self[f"{kind}-{channel}"] for channel in Channel])
            for kind in Kind
        ]

    def choices(self) -> list[NotificationChoice]:
        return [
            NotificationChoice(kind=kind, channel=channel)
            for kind in Kind
            for channel in Channel
            if self.cleaned_data[f"{kind}-{channel}"]
        ]


class DeviceForm(forms.Form):
    """A browser's subscription, as its PushSubscription says it."""

    endpoint = forms.CharField(max_length=MAX_URL_CHARACTERS)
    p256dh = forms.CharField(max_length=100)
    auth = forms.CharField(max_length=50)
    device = forms.CharField(max_length=100)

    def clean_endpoint(self) -> str:
        url: str = self.cleaned_data["endpoint"]
        _check_url(url)
        if not url.startswith("https://"):
            raise forms.ValidationError("Expected https://.")
        return url

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                web_push.check_keys(self.cleaned_data["p256dh"], self.cleaned_data["auth"])
            except ValueError as exc:
                raise forms.ValidationError("These are no keys of a browser.") from exc
        return self.cleaned_data


class WebhookForm(forms.Form):
    url = forms.CharField(
        label="URL",
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )
    secret = forms.CharField(
        required=False,
        min_length=MIN_SECRET_CHARACTERS,
        max_length=200,
        widget=forms.PasswordInput(attrs=SECRET_INPUT),
        help_text="Left empty: the one there is stays, or one is made.",
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        _check_url(url)
        return url


class KeyForm(forms.Form):
    key = forms.RegexField(
        rf"\A(?:{KEY_PATTERN.pattern})\Z",
        label="Anthropic API key",
        max_length=250,
        widget=forms.PasswordInput(attrs=SECRET_INPUT | {"placeholder": "sk-ant-…"}),
        error_messages={
            "invalid": "This is no key of the Anthropic API: they begin with sk-ant- and have no spaces."
        },
    )


class SiteValueForm(forms.Form):
    value = forms.CharField(required=False, max_length=5_000)


def _check_url(url: str) -> None:
    try:
        check_url(url, settings.CAM_MAY_NOTIFY)
    except Refused as exc:
        raise forms.ValidationError(str(exc)) from exc
