"""Copies from the test database, whichever it is, to SQLite files. From SQLite to PostgreSQL: tests/e2e."""

import shutil
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, connections

from agents.models import Agent, EventText, SessionEvent
from cam_site import database_copy, databases
from cam_site.database_copy import Contents, CopyError, canonical, copy_database
from metrics_app.models import PriceOverride
from tests.agents.factories import make_agent, make_event, make_session
from voice_app.models import VoiceWorker

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "other"
LONG_AGO = datetime(2020, 2, 3, 4, 5, 6, 789, tzinfo=UTC)


@pytest.fixture
def any_database(db, django_db_blocker):
    """Tests may use the databases of the settings only, unless they say so."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def migrated(tmp_path_factory, django_db_setup, django_db_blocker):
    """A database as migrations leave it, to be copied: they take their time."""
    path = tmp_path_factory.mktemp("migrated") / "cam.sqlite3"
    with django_db_blocker.unblock(), databases.connected(OTHER, f"sqlite:///{path}"):
        call_command("migrate", database=OTHER, verbosity=0)
    return path


@pytest.fixture
def other(migrated, tmp_path, any_database):
    """An empty database beside that of the tests."""
    path = shutil.copy(migrated, tmp_path)
    with databases.connected(OTHER, f"sqlite:///{path}"):
        yield OTHER


@pytest.fixture
def filled(alice):
    """A few rows of many kinds: keys of every type, JSON, amounts, times that are not now."""
    agent = make_agent(alice)
    session = make_session(agent)
    event = make_event(session, 1, payload={"text": "Zeit ist Gold: 5 €", "number": 1e5})
    EventText.objects.create(event=event, agent=agent, text="Zeit ist Gold")
    PriceOverride.objects.create(
        pattern="claude-*",
        starts_at=LONG_AGO,
        **{
            field.name: Decimal("1.250001")
            for field in PriceOverride._meta.concrete_fields
            if field.get_internal_type() == "DecimalField"
        },
    )
    VoiceWorker.objects.create(node="local", loaded="base")
    VoiceWorker.objects.update(changed_at=LONG_AGO)
    return agent


def test_every_row_is_there_with_its_keys_and_times(filled, other):
    told = {}
    copy_database(DEFAULT_DB_ALIAS, other, told.__setitem__)
    assert User.objects.using(other).get().username == "alice"
    copied = Agent.objects.using(other).get()
    assert (copied.pk, copied.created_at) == (filled.pk, filled.created_at)
    assert SessionEvent.objects.using(other).get().payload["text"] == "Zeit ist Gold: 5 €"
    assert VoiceWorker.objects.using(other).get().changed_at == LONG_AGO
    assert told["agents_agent"].rows == 1
    assert Decimal("1.250001") in told["metrics_app_priceoverride"].sums.values()
    assert set(told) == {model._meta.db_table for model in database_copy.all_models()}


def test_new_rows_get_keys_of_their_own(filled, other):
    copy_database(DEFAULT_DB_ALIAS, other)
    bob = User.objects.db_manager(other).create_user("bob")
    assert bob.pk > filled.owner_id


def test_text_can_be_searched_there(filled, other):
    copy_database(DEFAULT_DB_ALIAS, other)
    with connections[other].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM agents_eventtext_index WHERE text MATCH 'gold'")
        assert cursor.fetchone() == (1,)


def test_database_that_is_in_use_is_left_alone(filled, other):
    User.objects.db_manager(other).create_user("somebody")
    with pytest.raises(CopyError, match="not empty"):
        copy_database(DEFAULT_DB_ALIAS, other)
    assert User.objects.using(other).get().username == "somebody"


def test_copy_that_differs_is_undone(filled, other, monkeypatch):
    real = database_copy.contents_of

    def lose_a_row(model, alias):
        found = real(model, alias)
        return Contents() if model is Agent else found

    monkeypatch.setattr(database_copy, "contents_of", lose_a_row)
    with pytest.raises(CopyError, match="agents_agent: 1 rows were copied"):
        copy_database(DEFAULT_DB_ALIAS, other)
    assert not User.objects.using(other).exists()


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (Decimal("1.50"), Decimal("1.5000")),
        (Decimal("0E-10"), Decimal(0)),
        ({"b": 1, "a": [1.0]}, {"a": [1.0], "b": 1}),
        (b"bytes", memoryview(b"bytes")),
        (datetime(2020, 1, 1, tzinfo=UTC), datetime.fromisoformat("2020-01-01T01:00:00+01:00")),
    ],
)
def test_same_values_have_the_same_text(one, same):
    assert canonical(one) == canonical(same)


@pytest.mark.parametrize(
    ("one", "other_one"),
    [(1, "1"), (None, "None"), (Decimal("0.1"), Decimal("0.10001")), (1, True)],
)
def test_other_values_have_another(one, other_one):
    assert canonical(one) != canonical(other_one)


def test_contents_do_not_depend_on_the_order_but_on_every_value():
    def contents(*rows):
        made = Contents()
        for row in rows:
            made.add(["name", "amount"], row)
        return made

    rows = [("a", Decimal(1)), ("b", Decimal(2))]
    assert contents(*rows) == contents(*reversed(rows))
    assert contents(*rows) != contents(("a", Decimal(2)), ("b", Decimal(1)))
    assert contents(*rows).sums == {"amount": Decimal(3)}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:secret@host/name", "no database"),
        ("postgres://u:secret@127.0.0.1:1/name", "nothing was copied"),
        ("", "no database"),
    ],
)
def test_command_refuses_in_words_and_tells_no_password(
    settings, tmp_path, any_database, url, words
):
    settings.CAM_DATA_DIR = tmp_path
    with pytest.raises(CommandError, match=words) as refused:
        call_command("move_database", url)
    assert "secret" not in str(refused.value)
    assert "target" not in connections.settings


def test_command_waits_until_the_portal_is_down(monkeypatch):
    monkeypatch.setattr("agents.management.copying.supervision.processes", lambda _folder: ["web"])
    with pytest.raises(CommandError, match="make down"):
        call_command("move_database", "sqlite:///none")
