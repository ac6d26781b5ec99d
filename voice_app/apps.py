from django.apps import AppConfig


class VoiceAppConfig(AppConfig):
    name = "voice_app"
    label = "voice_app"
    verbose_name = "Speech"

    def ready(self) -> None:
        from agents.diagnosis import register_check
        from voice_app.health_checks import check_model

        register_check("speech model", check_model)
