from typing import Any

from django import forms

from agents.site_settings import current
from voice_app.models import VoiceChoices
from voice_app.whisper import ModelName

LANGUAGES = (
    *(("de", "German"), ("en", "English"), ("es", "Spanish"), ("fr", "French"), ("it", "Italian")),
    *(("ja", "Japanese"), ("ko", "Korean"), ("nl", "Dutch"), ("pl", "Polish")),
    *(("pt", "Portuguese"), ("ru", "Russian"), ("sv", "Swedish"), ("tr", "Turkish")),
    *(("uk", "Ukrainian"), ("zh", "Chinese")),
)
AS_THE_SITE = "As the site has it"


class VoiceForm(forms.ModelForm):  # type: ignore[type-arg]
    model = forms.ChoiceField(
        required=False,
        label="Speech model",
        choices=[("", AS_THE_SITE), *((name.value, name.value) for name in ModelName)],
    )
    language = forms.ChoiceField(
        required=False,
        choices=[("", AS_THE_SITE), ("auto", "Find out"), *LANGUAGES],
        help_text="Naming it is faster than finding out.",
    )
    auto_send = forms.TypedChoiceField(
        required=False,
        label="What was said",
        choices=[("", AS_THE_SITE), ("no", "goes into the prompt box"), ("yes", "is sent at once")],
        coerce=lambda word: word == "yes",
        empty_value=None,
    )
    silence_threshold_ms = forms.IntegerField(
        required=False,
        min_value=200,
        max_value=30_000,
        label="Silence that ends a recording, ms",
        widget=forms.NumberInput(attrs={"step": 100}),
    )

    class Meta:
        model = VoiceChoices
        fields = ["model", "language", "auto_send", "silence_threshold_ms"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Another form of the Config page has a field of the name `model`, too.
        super().__init__(*args, **kwargs | {"auto_id": "id_voice_%s"})
        field = self.fields["silence_threshold_ms"]
        field.widget.attrs["placeholder"] = current("CAM_VOICE_SILENCE_THRESHOLD_MS")
        chosen = self.instance.auto_send
        self.initial["auto_send"] = "" if chosen is None else ("yes" if chosen else "no")
