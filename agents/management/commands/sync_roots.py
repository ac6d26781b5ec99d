from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agents.models import WorkspaceRoot
from agents.sample_workspace import agent_owner, make_default_root


class Command(BaseCommand):
    help = "Offers each directory of CAM_BROWSE_ROOTS as a workspace root; keeps what the admin page holds."

    def handle(self, *_args: Any, **_options: Any) -> None:
        default_root: Path = settings.CAM_DATA_DIR / "workspaces"
        if default_root in settings.CAM_BROWSE_ROOTS and not default_root.exists():
            make_default_root(default_root, owner=agent_owner(settings.BASE_DIR))
        missing = [str(root) for root in settings.CAM_BROWSE_ROOTS if not root.is_dir()]
        if missing:
            raise CommandError(f"CAM_BROWSE_ROOTS: no such directory: {', '.join(missing)}")
        for root in settings.CAM_BROWSE_ROOTS:
            _, is_new = WorkspaceRoot.objects.get_or_create(path=str(root))
            if is_new:
                self.stdout.write(f"offering {root}")
