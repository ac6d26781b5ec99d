"""The checks of gateway and ingest, for `manage.py doctor`."""

import os

from django.conf import settings

from agents.diagnosis import Trouble
from agents.health_checks import check_heartbeat
from metrics_app.spool_state import SpoolState

LARGE_BACKLOG_BYTES = 1_000_000


def check_gateway() -> str:
    return check_heartbeat(settings.CAM_GATEWAY_HEARTBEAT)


def check_spool() -> str:
    folder = settings.CAM_METRICS_DIR
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Trouble(f"{folder} cannot be written: the gateway would stop calls; chown or make it")
    state = SpoolState.read()
    if state.backlog_bytes > LARGE_BACKLOG_BYTES:
        raise Trouble(
            f"{state.backlog_bytes:,} bytes are not ingested: see the bridge by make logs"
        )
    return f"{state.files} files, {state.backlog_bytes:,} bytes to ingest"
