from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from metrics_app.ingest import ingest_spool
from metrics_app.models import (
    BudgetAlert,
    BudgetTopUp,
    CostMail,
    CostMailPreference,
    PriceOverride,
    SpoolCheckpoint,
    TurnCost,
    UsageRecord,
)
from metrics_app.turns import update_turns
from tests.metrics_app.transcripts import Transcript

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, db):
    client.force_login(User.objects.create_superuser("root", "root@example.org", "correct horse"))
    return client


def test_the_list_of_calls_can_be_searched(admin, agent, make_record):
    make_record(agent)
    response = admin.get(reverse("admin:metrics_app_usagerecord_changelist"), {"q": "alice"})
    assert response.status_code == 200
    assert response.context["cl"].result_count == 1


def test_the_list_does_not_query_for_each_call(
    admin, agent, make_record, django_assert_max_num_queries
):
    for _ in range(10):
        make_record(agent)
    with django_assert_max_num_queries(15):
        admin.get(reverse("admin:metrics_app_usagerecord_changelist"))


def test_a_call_can_be_looked_at_and_not_changed(admin, agent, make_record):
    record = make_record(agent)
    url = reverse("admin:metrics_app_usagerecord_change", args=[record.pk])
    assert admin.get(url).status_code == 200
    assert admin.post(url, {"cost_usd": "0"}).status_code == 403


@pytest.mark.parametrize("model", ["usagerecord", "spoolcheckpoint"])
def test_nothing_can_be_added(admin, model):
    assert admin.get(reverse(f"admin:metrics_app_{model}_add")).status_code == 403


def test_nothing_can_be_deleted(admin, agent, make_record):
    record = make_record(agent)
    checkpoint = SpoolCheckpoint.objects.create(node="local", name="usage-1.jsonl")
    for row in (record, checkpoint):
        url = reverse(f"admin:metrics_app_{row._meta.model_name}_delete", args=[row.pk])
        assert admin.post(url, {"post": "yes"}).status_code == 403


def test_the_list_of_checkpoints_shows_how_far_a_file_is_read(admin):
    SpoolCheckpoint.objects.create(node="local", name="usage-1.jsonl", offset=4711)
    response = admin.get(reverse("admin:metrics_app_spoolcheckpoint_changelist"))
    assert "4711" in response.text


def test_a_price_override_is_added_and_changed(admin):
    fields = {
        "pattern": "Claude-Mythos-*",
        "starts_at_0": "2026-11-01",
        "starts_at_1": "00:00:00",
        "input_price": "10",
        "output_price": "50",
        "cache_write_5m_price": "12.5",
        "cache_write_1h_price": "20",
        "cache_read_price": "1",
        "multiplier": "0.9",
        "note": "our discount",
    }
    admin.post(reverse("admin:metrics_app_priceoverride_add"), fields)
    override = PriceOverride.objects.get()
    assert (override.pattern, override.multiplier) == ("claude-mythos-*", Decimal("0.9"))
    url = reverse("admin:metrics_app_priceoverride_change", args=[override.pk])
    admin.post(url, fields | {"multiplier": "0.8"})
    override.refresh_from_db()
    assert override.multiplier == Decimal("0.8")
    listed = admin.get(reverse("admin:metrics_app_priceoverride_changelist"))
    assert "our discount" in listed.text


def test_a_bad_price_override_is_sent_back(admin):
    response = admin.post(
        reverse("admin:metrics_app_priceoverride_add"), {"pattern": "a b", "input_price": "-1"}
    )
    assert {"pattern", "input_price", "starts_at"} <= response.context["adminform"].errors.keys()
    assert not PriceOverride.objects.exists()


def test_a_price_override_needs_the_permission(client, staff):
    client.force_login(staff)
    assert client.get(reverse("admin:metrics_app_priceoverride_add")).status_code == 403


@pytest.mark.parametrize("model", ["turncost", "transcriptcursor", "messagenote"])
def test_what_the_bridge_keeps_is_shown_and_not_added(
    admin, agent, model, django_assert_max_num_queries
):
    transcript = Transcript(agent)
    for number in range(5):
        transcript.answer(f"msg_{number}", "Bash")
        transcript.end_turn(number / 100)
    update_turns()
    with django_assert_max_num_queries(15):
        response = admin.get(reverse(f"admin:metrics_app_{model}_changelist"), {"q": "fixer"})
    assert response.context["cl"].result_count >= 1
    assert admin.get(reverse(f"admin:metrics_app_{model}_add")).status_code == 403


def test_a_turns_cost_cannot_be_changed_or_deleted(admin, agent):
    Transcript(agent).end_turn(0.01)
    update_turns()
    turn = TurnCost.objects.get()
    for action in ("change", "delete"):
        url = reverse(f"admin:metrics_app_turncost_{action}", args=[turn.pk])
        assert admin.post(url, {"post": "yes"}).status_code == 403


def test_mails_are_shown_and_only_what_users_want_is_changed(admin, alice):
    wishes = CostMailPreference.objects.create(user=alice)
    mail = CostMail.objects.create(
        user=alice, kind="budget_alert", occasion="1", title="Low", due_at=timezone.now()
    )
    listed = admin.get(reverse("admin:metrics_app_costmail_changelist"), {"q": "alice"})
    assert listed.context["cl"].result_count == 1
    url = reverse("admin:metrics_app_costmail_change", args=[mail.pk])
    assert admin.post(url, {"title": "x"}).status_code == 403
    url = reverse("admin:metrics_app_costmailpreference_change", args=[wishes.pk])
    assert admin.post(url, {"user": alice.pk, "monthly_report": "on"}).status_code == 302
    wishes.refresh_from_db()
    assert wishes.monthly_report


def test_budgets_are_shown_and_changed_elsewhere(admin, make_budget, alice):
    budget = make_budget(alice)
    start = date(2026, 11, 1)
    top_up = BudgetTopUp.objects.create(budget=budget, period_start=start, amount_usd=1)
    alert = BudgetAlert.objects.create(
        budget=budget, period_start=start, threshold=50, spent_usd=5, limit_usd=10
    )
    for row in (budget, top_up, alert):
        name = f"admin:metrics_app_{row._meta.model_name}"
        listed = admin.get(reverse(f"{name}_changelist"), {"q": "alice"})
        assert listed.context["cl"].result_count == 1
        assert admin.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
        assert admin.post(reverse(f"{name}_delete", args=[row.pk]), {}).status_code == 403


def run_action(admin, model, name, *rows):
    body = {"action": name, "_selected_action": [row.pk for row in rows]}
    return admin.post(reverse(f"admin:metrics_app_{model}_changelist"), body, follow=True).text


def test_chosen_calls_are_priced_again(admin, agent, make_line, spool):
    spool(*(make_line(agent.pk) for _ in range(2)))
    ingest_spool()
    UsageRecord.objects.update(cost_usd=Decimal(99))
    chosen, other = UsageRecord.objects.all()
    told = run_action(admin, "usagerecord", "price_again", chosen)
    chosen.refresh_from_db()
    other.refresh_from_db()
    assert (chosen.cost_usd, other.cost_usd) == (Decimal("0.00914"), 99)
    assert "1 calls" in told
    assert "No price changes." in run_action(admin, "usagerecord", "price_again", chosen)


def test_spool_file_is_read_again_from_its_beginning(admin):
    checkpoint = SpoolCheckpoint.objects.create(
        node="local", name="usage-1", identity="1:2", offset=9
    )
    assert "reads again: 1 files" in run_action(admin, "spoolcheckpoint", "read_again", checkpoint)
    checkpoint.refresh_from_db()
    assert checkpoint.offset == 0


@pytest.mark.parametrize(
    ("model", "action"), [("usagerecord", "price_again"), ("spoolcheckpoint", "read_again")]
)
def test_actions_need_more_than_the_right_to_look(client, staff, agent, make_record, model, action):
    record = make_record(agent, cost_usd=Decimal("99"))
    checkpoint = SpoolCheckpoint.objects.create(
        node="local", name="usage-1", identity="1:2", offset=9
    )
    staff.user_permissions.add(Permission.objects.get(codename=f"view_{model}"))
    client.force_login(staff)
    run_action(client, model, action, record if model == "usagerecord" else checkpoint)
    record.refresh_from_db()
    checkpoint.refresh_from_db()
    assert (record.cost_usd, checkpoint.offset) == (99, 9)
