from django.apps import AppConfig


class MetricsAppConfig(AppConfig):
    name = "metrics_app"
    label = "metrics_app"
    verbose_name = "Usage and cost"

    def ready(self) -> None:
        from agents.bridge_jobs import register_job
        from metrics_app.ingest import ingest_spool

        register_job("usage ingest", ingest_spool, every_seconds=0.5)
