from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        from agents.bridge_jobs import register_job
        from agents.diagnosis import register_check
        from agents.health_checks import CHECKS
        from agents.policies import keep_policies

        for name, check in CHECKS.items():
            register_check(name, check)
        register_job("policies", keep_policies, every_seconds=1)
