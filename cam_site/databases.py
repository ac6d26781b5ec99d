"""Databases by URL, and further ones beside that of the settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import environ
from django.db import DEFAULT_DB_ALIAS, connections

SCHEMES = ("sqlite", "postgres", "postgresql")
SQLITE = "django.db.backends.sqlite3"
SQLITE_JOURNAL = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"


def config_of(url: str) -> dict[str, Any]:
    """What Django's DATABASES wants. Raises ValueError, without the URL, where it is none of a database."""
    if urlsplit(url).scheme not in SCHEMES:
        raise ValueError(f"expected a URL that starts with {'://, '.join(SCHEMES)}://")
    config: dict[str, Any] = environ.Env.db_url_config(url)
    if config["ENGINE"] == SQLITE:
        # IMMEDIATE: a deferred transaction that reads and then writes fails under concurrent writers.
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": SQLITE_JOURNAL,
        }
    return config


@contextmanager
def connected(alias: str, url: str, *, is_journalled: bool = True) -> Iterator[None]:
    """One more database for this process. Without a journal all of it is in one file."""
    config = config_of(url)
    if not is_journalled:
        config["OPTIONS"]["init_command"] = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
    with _added(alias, config):
        yield


@contextmanager
def snapshot(alias: str) -> Iterator[None]:
    """The settings' database once more: a transaction reads all as of one moment, and stops no writer."""
    config = connections.settings[DEFAULT_DB_ALIAS]
    own: dict[str, Any]
    if config["ENGINE"] == SQLITE:
        own = {"transaction_mode": "DEFERRED"}
    else:
        from psycopg import IsolationLevel

        own = {"isolation_level": IsolationLevel.REPEATABLE_READ}
    with _added(alias, config | {"OPTIONS": config["OPTIONS"] | own}):
        yield


@contextmanager
def _added(alias: str, config: dict[str, Any]) -> Iterator[None]:
    known = {DEFAULT_DB_ALIAS: connections.settings[DEFAULT_DB_ALIAS], alias: config}
    connections.settings[alias] = connections.configure_settings(known)[alias]
    try:
        yield
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]
