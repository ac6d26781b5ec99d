import signal

import pytest
from celery import current_app
from django.conf import settings
from django.db import OperationalError
from django_celery_beat.models import PeriodicTask

from agents.outages import outages
from cam_site import beat


@pytest.fixture
def away(monkeypatch, db):
    """How many more times the database refuses a connection."""
    left = []

    def ensure_connection():
        if left:
            left.pop()
            raise OperationalError("connection refused")

    for module in ("cam_site.beat", "django_celery_beat.schedulers"):
        monkeypatch.setattr(f"{module}.close_old_connections", lambda: None)
    monkeypatch.setattr("cam_site.beat.connection.ensure_connection", ensure_connection)
    monkeypatch.setattr(beat, "RETRY_SECONDS", 0)
    yield left
    outages.end()


def make_scheduler():
    return beat.PatientScheduler(app=current_app._get_current_object())


def test_it_is_what_the_settings_name():
    assert settings.CELERY_BEAT_SCHEDULER == "cam_site.beat:PatientScheduler"


def test_start_waits_for_a_database_that_is_away_with_one_line(away, caplog):
    away[:] = [1, 1, 1]
    make_scheduler()
    assert away == []
    assert PeriodicTask.objects.filter(name="recover-lost-work").exists()
    assert caplog.text.count("the database is away") == 1


def test_signals_end_the_process_while_it_waits_and_are_as_before_afterwards(away):
    before = signal.getsignal(signal.SIGTERM)
    with beat.ended_by_signals():
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) == before


def test_outage_later_on_changes_nothing_and_is_told_once(away, caplog):
    scheduler = make_scheduler()
    away[:] = [1, 1]
    assert not scheduler.schedule_changed()
    assert not scheduler.schedule_changed()
    assert scheduler.schedule_changed() in {True, False}
    assert caplog.text.count("the database is away") == 1
    assert caplog.text.count("the database is back") == 1
