from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.diagnosis import checks, diagnose


class Command(BaseCommand):
    help = "Looks at everything that CAM needs; each line says that it is well, or what to do."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        findings = [diagnose(name, check) for name, check in checks.items()]
        for finding in findings:
            mark = "ok     " if finding.is_well else "TROUBLE"
            self.stdout.write(f"{mark} {finding.name:<12} {finding.words}")
        troubles = sum(not finding.is_well for finding in findings)
        if troubles:
            raise CommandError(f"{troubles} of {len(findings)} need you")
