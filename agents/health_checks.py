"""The checks of the portal itself, for `manage.py doctor`."""

import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from redis import RedisError

from agents import containers
from agents.diagnosis import Check, Trouble
from cam_site import heartbeats
from cam_site.health import open_broker

LEAST_FREE_BYTES = 2_000_000_000
CLOCK_TOLERANCE_SECONDS = 5
GIGABYTE = 1_000_000_000


def check_engine() -> str:
    return f"Docker {_engine()['ServerVersion']}"


def check_image() -> str:
    try:
        made = containers.image_created(settings.CAM_AGENT_IMAGE)
    except containers.ContainerError as exc:
        raise Trouble(str(exc)) from exc
    return f"{settings.CAM_AGENT_IMAGE}, built {made[:10]}"


def check_clock() -> str:
    """An engine or a database on another clock would put times out of order."""
    clocks = {"the engine": datetime.fromisoformat(_engine()["SystemTime"])}
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            clocks["the database"] = cursor.fetchone()[0]
    now = datetime.now(UTC)
    for name, time in clocks.items():
        seconds = abs((time - now).total_seconds())
        if seconds > CLOCK_TOLERANCE_SECONDS:
            raise Trouble(f"{name} is {seconds:.0f} s off this machine: run a time service on both")
    return f"as that of {' and '.join(clocks)}"


def check_disk() -> str:
    free = shutil.disk_usage(settings.CAM_DATA_DIR).free
    words = f"{free / GIGABYTE:.1f} GB free in {settings.CAM_DATA_DIR}"
    if free < LEAST_FREE_BYTES:
        raise Trouble(f"{words}: make room, or move the data directory")
    return words


def check_permissions() -> str:
    """What is private is only ours, and we can write it."""
    data_dir: Path = settings.CAM_DATA_DIR
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise Trouble(f"{data_dir} cannot be written by this user: chown -R it to whom CAM runs as")
    for path in (data_dir, settings.BASE_DIR / ".env"):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Trouble(f"{path} can be read by others: chmod go= {path}")
    return "private"


def check_broker() -> str:
    try:
        with open_broker() as broker:
            info = broker.info()
    except (RedisError, OSError) as exc:
        raise Trouble(
            f"does not answer at CAM_REDIS_URL ({exc}): start it, or make restart"
        ) from exc
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Trouble(f"forgets tasks when it is full ({policy}): set maxmemory-policy noeviction")
    return f"{info.get('server_name', 'redis')} {info['redis_version']}"


def check_database() -> str:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as exc:
        raise Trouble(
            f"does not answer ({str(exc).strip()}): start it, or see CAM_DATABASE_URL"
        ) from exc
    if missing:
        raise Trouble(f"{len(missing)} migrations are not applied: make up applies them")
    return f"{connection.vendor}, every migration applied"


def check_heartbeat(path: Path) -> str:
    age = heartbeats.age_seconds(path)
    if age is None:
        raise Trouble("was never seen here: make up starts it")
    if age > heartbeats.STALE_SECONDS:
        raise Trouble(f"gave its last sign of life {age:.0f} s ago: make logs shows why")
    return f"alive {age:.0f} s ago"


def heartbeat_check(process: str) -> Check:
    return lambda: check_heartbeat(heartbeats.path_of(process))


def _engine() -> dict[str, str]:
    try:
        return containers.engine_info()
    except containers.ContainerError as exc:
        raise Trouble(str(exc)) from exc


CHECKS: dict[str, Check] = {
    "engine": check_engine,
    "image": check_image,
    "broker": check_broker,
    "database": check_database,
    "clock": check_clock,
    "disk": check_disk,
    "permissions": check_permissions,
    **{process: heartbeat_check(process) for process in heartbeats.PROCESSES},
}
