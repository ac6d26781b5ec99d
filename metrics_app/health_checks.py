"""The checks of gateway and ingest, for `manage.py doctor`."""

import os
import time

from django.conf import settings

from agents.diagnosis import Trouble
from cam_site.heartbeats import STALE_SECONDS
from metrics_app.spool_state import SpoolState

LARGE_BACKLOG_BYTES = 1_000_000


def check_gateway() -> str:
    try:
        age = time.time() - settings.CAM_GATEWAY_HEARTBEAT.stat().st_mtime
    except OSError:
        raise Trouble("was never seen here: make up starts it") from None
    if age > STALE_SECONDS:
        raise Trouble(f"gave its last sign of life {age:.0f} s ago: make logs shows why")
    return f"alive {age:.0f} s ago"


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
