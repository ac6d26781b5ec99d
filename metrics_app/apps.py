from django.apps import AppConfig


class MetricsAppConfig(AppConfig):
    name = "metrics_app"
    label = "metrics_app"
    verbose_name = "Usage and cost"

    def ready(self) -> None:
        from agents.bridge_jobs import register_job
        from agents.diagnosis import register_check
        from metrics_app.budgets.alerts import keep_budgets
        from metrics_app.egress import forget_egress, ingest_egress
        from metrics_app.health_checks import check_gateway, check_spool
        from metrics_app.ingest import ingest_spool
        from metrics_app.turns import update_turns

        register_check("gateway", check_gateway)
        register_check("spool", check_spool)
        register_job("usage ingest", ingest_spool, every_seconds=0.5)
        register_job("egress log", ingest_egress, every_seconds=1)
        register_job("old egress", forget_egress, every_seconds=3600)
        register_job("turn costs", update_turns, every_seconds=2)
        register_job("budgets", keep_budgets, every_seconds=1)
