"""Every row of one database in another one of whichever kind, and the proof that they are the same there."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connections, models, transaction

BATCH_ROWS = 2000


class CopyError(Exception):
    """The copy was not made; `str()` says why. The target is as it was."""


@dataclass
class Contents:
    """What a table holds: how many rows, the sum of each Decimal column, a number that depends on every value.

    The order of the rows does not matter: databases sort texts in their own ways.
    """

    rows: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)
    digest: int = 0

    def __str__(self) -> str:
        sums = "".join(f", {name} {total:f}" for name, total in sorted(self.sums.items()))
        return f"{self.rows:,} rows{sums}"

    def add(self, names: list[str], row: tuple[Any, ...]) -> None:
        self.rows += 1
        text = "\x1f".join(map(canonical, row))
        self.digest = (self.digest + int.from_bytes(sha256(text.encode()).digest())) % (1 << 256)
        for name, value in zip(names, row, strict=True):
            if isinstance(value, Decimal):
                self.sums[name] = self.sums.get(name, Decimal(0)) + value


def canonical(value: Any) -> str:
    """The same text for the same value, whichever database it comes from."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, memoryview):
        value = bytes(value)
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return repr(value)


def copy_database(
    source: str,
    target: str,
    tell: Callable[[str, Contents], object] = lambda _table, _contents: None,
) -> None:
    """Copy between two aliases of `connections`; `tell` hears of each table once it is proven.

    All or nothing. Raises CopyError where the target is not empty, or a table came out otherwise.
    """
    call_command("migrate", database=target, interactive=False, verbosity=0)
    if User.objects.using(target).exists():
        raise CopyError("the database to copy to is not empty: it has users")
    everything = list(all_models())
    with transaction.atomic(using=source), transaction.atomic(using=target):
        clear(everything, target)
        for model in everything:
            copied = copy_rows(model, source, target)
            found = contents_of(model, target)
            if found != copied:
                raise CopyError(
                    f"{model._meta.db_table}: {copied.rows} rows were copied, but what is there differs"
                )
            tell(model._meta.db_table, found)
        reset_sequences(everything, target)


def all_models() -> Iterator[type[models.Model]]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy:
            yield model


def copy_rows(model: type[models.Model], source: str, target: str) -> Contents:
    """Not by `bulk_create`, which would write the times of now."""
    connection = connections[target]
    fields = model._meta.concrete_fields
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(one.column)) for one in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608
    contents, names = Contents(), names_of(model)
    rows = rows_of(model, source)
    with connection.cursor() as cursor:
        while batch := list(islice(rows, BATCH_ROWS)):
            for row in batch:
                contents.add(names, row)
            cursor.executemany(
                statement,
                [
                    [
                        one.get_db_prep_save(value, connection)
                        for one, value in zip(fields, row, strict=True)
                    ]
                    for row in batch
                ],
            )
    return contents


def contents_of(model: type[models.Model], alias: str) -> Contents:
    contents, names = Contents(), names_of(model)
    for row in rows_of(model, alias):
        contents.add(names, row)
    return contents


def names_of(model: type[models.Model]) -> list[str]:
    return [one.attname for one in model._meta.concrete_fields]


def rows_of(model: type[models.Model], alias: str) -> Iterator[tuple[Any, ...]]:
    rows = model._base_manager.using(alias).order_by("pk").values_list(*names_of(model))
    return rows.iterator(chunk_size=BATCH_ROWS)


def clear(everything: list[type[models.Model]], alias: str) -> None:
    """Migrations have put rows of their own there, such as permissions, with other keys."""
    connection = connections[alias]
    tables = [model._meta.db_table for model in everything]
    statements = connection.ops.sql_flush(no_style(), tables, reset_sequences=True)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def reset_sequences(everything: list[type[models.Model]], alias: str) -> None:
    """The next row gets a key of its own."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), everything):
            cursor.execute(statement)
