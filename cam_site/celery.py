import os
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent, setup_logging

from cam_site import heartbeats

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cam_site.settings")

app = Celery("cam")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Without this, only the thread that imports us knows which app is current.
app.set_default()


@setup_logging.connect
def _keep_logging(**_kwargs: Any) -> None:
    """The log is as the settings have it: connecting to this keeps Celery from setting up its own."""


@heartbeat_sent.connect
def _touch(sender: Any, **_kwargs: Any) -> None:
    node = sender.eventer.hostname.partition("@")[0]
    heartbeats.touch("voice" if node == "voice" else "worker")
