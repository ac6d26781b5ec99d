from django.apps import AppConfig


class MetricsAppConfig(AppConfig):
    name = "metrics_app"
    label = "metrics_app"
