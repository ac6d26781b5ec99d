import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from agents.bridge import Bridge


class Command(BaseCommand):
    help = "Carry output, prompts and decisions between this node's containers and the database."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        asyncio.run(self._run())

    async def _run(self) -> None:
        bridge = Bridge(settings.CAM_NODE_NAME)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, bridge.stop)
        await bridge.run()
