from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from metrics_app.mails import REQUESTS_AN_HOUR, last_month
from metrics_app.models import CostMail, CostMailPreference
from metrics_app.models.mails import MAX_ATTEMPTS

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 1, 5, 10, tzinfo=UTC)


@pytest.fixture
def as_alice(client, alice, queue):
    client.force_login(alice)
    return client


@pytest.fixture
def make_mail():
    def make(user, **fields):
        defaults = {"kind": "monthly_report", "occasion": "2026-10", "due_at": NOW}
        return CostMail.objects.create(
            user=user, title="Report of October 2026", **(defaults | fields)
        )

    return make


def page(client):
    return client.get(reverse("metrics_mails")).text


def test_everything_is_off_at_first(as_alice):
    text = page(as_alice)
    assert "alice@example.org" in text
    assert "checked" not in text
    assert "None yet." in text


def test_choices_are_kept_and_can_be_taken_back(as_alice, alice):
    url = reverse("metrics_mails_choose")
    response = as_alice.post(url, {"monthly_report": "on"}, follow=True)
    assert "Saved." in response.text
    wishes = CostMailPreference.objects.get(user=alice)
    assert (wishes.monthly_report, wishes.budget_alerts) == (True, False)
    as_alice.post(url, {"budget_alerts": "on"})
    wishes.refresh_from_db()
    assert (wishes.monthly_report, wishes.budget_alerts) == (False, True)


def test_one_chooses_for_oneself_only(as_alice, alice, bob):
    as_alice.post(reverse("metrics_mails_choose"), {"monthly_report": "on", "user": bob.pk})
    assert CostMailPreference.objects.get().user == alice


def test_last_months_report_is_sent_on_request(as_alice, alice, queue):
    with queue.committed():
        response = as_alice.post(reverse("metrics_mails_send"), follow=True)
    mail = CostMail.objects.get()
    assert queue == [mail.pk]
    assert (mail.user, mail.facts) == (alice, {"month": last_month(timezone.now()).slug})
    assert "on its way" in response.text


def test_more_than_an_hour_allows_is_refused(as_alice):
    for _ in range(REQUESTS_AN_HOUR + 1):
        response = as_alice.post(reverse("metrics_mails_send"), follow=True)
    assert "At most 3 reports an hour" in response.text
    assert CostMail.objects.count() == REQUESTS_AN_HOUR


def test_without_an_address_the_page_leads_to_where_it_is_set(as_alice):
    User.objects.update(email="")
    text = page(as_alice)
    assert f'href="{reverse("account_email")}"' in text
    assert reverse("metrics_mails_send") not in text
    response = as_alice.post(reverse("metrics_mails_send"), follow=True)
    assert "Set an address first." in response.text


def test_an_address_is_used_once_it_is_the_primary_one(as_alice):
    User.objects.update(email="")
    as_alice.post(reverse("account_email"), {"action_add": "", "email": "new@example.org"})
    assert "make it your primary one" in page(as_alice)
    as_alice.post(reverse("account_email"), {"action_primary": "", "email": "new@example.org"})
    assert "Mails go to <strong>new@example.org" in page(as_alice)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sent_at": NOW, "address": "old@example.org"}, "sent to old@example.org"),
        ({}, "on its way"),
        ({"error": "It broke.", "attempts": 1}, "It broke. Next attempt"),
        ({"error": "It broke.", "attempts": MAX_ATTEMPTS}, "Given up. It broke."),
    ],
)
def test_it_says_what_became_of_a_mail(as_alice, alice, make_mail, fields, words):
    make_mail(alice, **fields)
    assert words in page(as_alice)


def test_nobody_sees_anothers_mails_not_even_staff(client, alice, staff, make_mail):
    make_mail(alice)
    client.force_login(staff)
    assert "Report of October 2026<" not in page(client)
    assert "None yet." in page(client)


def test_a_site_without_a_mail_server_says_so(as_alice, settings):
    assert "no mail server" not in page(as_alice)
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "no mail server" in page(as_alice)


def test_queries_do_not_grow_with_mails(as_alice, alice, make_mail, django_assert_num_queries):
    for number in range(20):
        make_mail(alice, occasion=str(number))
    with django_assert_num_queries(5):  # session, user, wishes, mails, alerts of budgets
        page(as_alice)


@pytest.mark.parametrize("view", ["metrics_mails", "metrics_mails_choose", "metrics_mails_send"])
def test_it_asks_for_login_and_refuses_the_wrong_method(client, alice, view):
    is_page = view == "metrics_mails"
    right, wrong = (client.get, client.post) if is_page else (client.post, client.get)
    assert reverse("account_login") in right(reverse(view)).url
    client.force_login(alice)
    assert wrong(reverse(view)).status_code == 405
