"""Databases by URL."""

from typing import Any

import environ
from django.db import DEFAULT_DB_ALIAS, connections

SQLITE = "django.db.backends.sqlite3"


def config_of(url: str) -> dict[str, Any]:
    """What Django's DATABASES wants."""
    config: dict[str, Any] = environ.Env.db_url_config(url)
    if config["ENGINE"] == SQLITE:
        # IMMEDIATE: a deferred transaction that reads and then writes fails under concurrent writers.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    return config


def connect(alias: str, url: str) -> None:
    """Give this process one more database."""
    known = {DEFAULT_DB_ALIAS: connections.settings[DEFAULT_DB_ALIAS], alias: config_of(url)}
    connections.settings[alias] = connections.configure_settings(known)[alias]
