from django.apps import AppConfig


class MetricsAppConfig(AppConfig):
    name = "metrics_app"
    label = "metrics_app"
    verbose_name = "Usage and cost"

    def ready(self) -> None:
        from agents.bridge_jobs import register_job
        from metrics_app.ingest import ingest_spool
        from metrics_app.turns import update_turns

        register_job("usage ingest", ingest_spool, every_seconds=0.5)
        register_job("turn costs", update_turns, every_seconds=2)
