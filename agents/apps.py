from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        from agents.bridge_jobs import register_job
        from agents.diagnosis import checks
        from agents.health_checks import CHECKS
        from agents.policies import keep_policies

        checks.update(CHECKS)
        register_job("policies", keep_policies, every_seconds=1)
