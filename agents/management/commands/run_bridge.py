import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from agents.bridge import Bridge
from cam_site.locks import only_one


class Command(BaseCommand):
    help = "Carry output, prompts and decisions between this node's containers and the database."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        # Two bridges would record every line twice: the second waits until the first is gone.
        with only_one(settings.CAM_DATA_DIR / "bridge.lock"):
            asyncio.run(self._run())

    async def _run(self) -> None:
        bridge = Bridge(settings.CAM_NODE_NAME)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, bridge.stop)
        await bridge.run()
