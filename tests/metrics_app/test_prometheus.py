import re
from decimal import Decimal

import pytest
from django.conf import settings
from django.urls import reverse
from prometheus_client.parser import text_string_to_metric_families

from agents.models import Agent, AgentSession, ApiToken, ApprovalRequest
from metrics_app.ingest import ingest_spool
from metrics_app.models import SpoolCheckpoint
from metrics_app.prometheus import expose
from tests.metrics_app.conftest import OPUS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_spool(spool):
    """No test looks at the spool of another."""


def samples():
    """Every sample by its name and the values of its labels, in the order of their names."""
    families = text_string_to_metric_families(expose().decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def make_token(user):
    token = ApiToken(user=user, name="monitoring")
    raw = token.set_secret()
    token.save()
    return raw


def scrape(client, raw=None):
    headers = {"Authorization": f"Bearer {raw}"} if raw else {}
    return client.get(reverse("metrics_prometheus"), headers=headers)


# What it says


def test_agents_are_counted_by_status_and_deleted_ones_are_not(alice, make_agent):
    for status in ("idle", "idle", "failed"):
        make_agent(alice, status=status)
    make_agent(alice, status="idle", deleted_at="2026-11-23T17:00:00Z")
    found = samples()
    assert found["cam_agents", "idle"] == 2
    assert found["cam_agents", "failed"] == 1
    assert found["cam_agents", "working"] == 0


def test_the_ledger_is_counted_by_model(agent, make_record):
    make_record(agent, cost_usd=Decimal("1.5"), cache_read_tokens=5000)
    make_record(agent, cost_usd=Decimal("0.25"), cache_write_1h_tokens=9)
    make_record(agent, kind="count_tokens", cost_usd=None, input_tokens=0, output_tokens=0)
    make_record(agent, model="claude-nobody-9", cost_usd=None, is_unpriced=True)
    found = samples()
    assert found["cam_cost_usd_total", "claude-opus-5-5"] == 1.75
    assert found["cam_calls_total", "claude-opus-5-5"] == 2
    assert found["cam_tokens_total", "input", "claude-opus-5-5"] == 2400
    assert found["cam_tokens_total", "cache_read", "claude-opus-5-5"] == 5000
    assert found["cam_tokens_total", "cache_write_1h", "claude-opus-5-5"] == 9
    assert found["cam_unpriced_calls", "claude-opus-5-5"] == 0
    assert found["cam_unpriced_calls", "claude-nobody-9"] == 1


def test_a_name_that_an_agent_made_up_is_no_label(agent, make_record):
    make_record(agent, status=404, model="", requested_model="made-up", cost_usd=None)
    assert samples()["cam_calls_total", ""] == 1
    assert "made-up" not in expose().decode()


def test_counts_of_unanswered_calls_do_not_fall_when_their_model_answers(agent, make_record):
    for _ in range(5):
        make_record(agent, status=529, model="", requested_model=OPUS, cost_usd=None)
    before = samples()["cam_calls_total", ""]
    make_record(agent)
    found = samples()
    assert (before, found["cam_calls_total", ""], found["cam_calls_total", OPUS]) == (5, 5, 1)


def test_labels_are_escaped(agent, make_record):
    make_record(agent, model='claude"\n\\')
    assert samples()["cam_calls_total", 'claude"\n\\'] == 1


def test_waiting_requests_are_counted(agent):
    session = AgentSession.objects.create(agent=agent, number=1)
    for number, decision in enumerate(("pending", "pending", "allowed")):
        ApprovalRequest.objects.create(
            agent=agent,
            session=session,
            request_id=str(number),
            tool_name="Edit",
            tool_input={},
            decision=decision,
        )
    assert samples()["cam_pending_approvals",] == 2
    Agent.objects.update(deleted_at="2026-11-23T17:00:00Z")
    assert samples()["cam_pending_approvals",] == 0


def test_the_backlog_is_what_is_not_ingested(agent, spool, make_line):
    spool(make_line(agent.pk), name="usage-1.jsonl")
    assert ingest_spool() == 1
    assert samples()["cam_spool_backlog_files",] == 0
    first = spool(make_line(agent.pk), name="usage-1.jsonl")
    second = spool(make_line(agent.pk), name="usage-2.jsonl")
    found = samples()
    assert found["cam_spool_backlog_files",] == 2
    assert found["cam_spool_backlog_bytes",] == first.stat().st_size / 2 + second.stat().st_size
    ingest_spool()
    assert samples()["cam_spool_backlog_bytes",] == 0


def test_another_file_of_a_known_name_is_all_backlog(agent, spool, make_line):
    path = spool(make_line(agent.pk))
    ingest_spool()
    SpoolCheckpoint.objects.update(identity="0:0")
    assert samples()["cam_spool_backlog_bytes",] == path.stat().st_size


def test_lines_that_were_left_out_are_counted(agent, spool, make_line):
    spool(b"no JSON\n", make_line(agent.pk))
    ingest_spool()
    assert samples()["cam_ingest_left_out_lines_total", "not_json"] == 1
    assert samples()["cam_ingest_left_out_lines_total", "torn"] == 0


def test_a_new_portal_has_something_to_say(settings, tmp_path):
    settings.CAM_METRICS_DIR = tmp_path / "missing"
    found = samples()
    assert found["cam_agents", "idle"] == 0
    assert found["cam_spool_backlog_files",] == 0
    assert not any(name == "cam_calls_total" for name, *_ in found)


def test_each_metric_has_its_help_and_type():
    text = expose().decode()
    for name, kind in (("cam_agents", "gauge"), ("cam_cost_usd_total", "counter")):
        assert f"# TYPE {name} {kind}\n" in text
        assert f"# HELP {name} " in text


def test_it_takes_six_queries(alice, make_agent, make_record, django_assert_num_queries):
    for number in range(5):
        make_record(make_agent(alice), model=f"model {number}")
    with django_assert_num_queries(6):
        expose()


def test_the_documentation_names_every_metric_and_no_other(agent, make_record, make_budget):
    make_record(agent)
    make_budget()
    rows = re.findall(r"^\| (`cam_.+?) \|", (settings.BASE_DIR / "docs/api.md").read_text(), re.M)
    named = set(re.findall(r"`(cam_\w+)`", " ".join(rows)))
    assert named == {name for name, *_ in samples()}


def test_budgets_are_gauges(agent, alice, make_record, make_budget, clock):
    budget = make_budget(alice, limit_usd="12.5")
    make_budget(is_active=False)
    make_record(agent, cost_usd=Decimal("1.5"))
    labels = (str(budget.pk), "month", "user", "alice")
    found = samples()
    assert found["cam_budget_limit_usd", *labels] == 12.5
    assert found["cam_budget_spent_usd", *labels] == 1.5
    assert sum(name == "cam_budget_limit_usd" for name, *_ in found) == 1


# Who may read it


def test_the_token_of_staff_reads_it(client, staff):
    response = scrape(client, make_token(staff))
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    assert 'cam_agents{status="idle"} 0.0' in response.text


def test_a_session_of_staff_reads_it(client, staff):
    client.force_login(staff)
    assert scrape(client).status_code == 200


def test_users_do_not(client, alice):
    assert scrape(client, make_token(alice)).status_code == 403
    client.force_login(alice)
    response = scrape(client)
    assert response.status_code == 403
    assert "cam_" not in response.text


@pytest.mark.parametrize("raw", [None, "cam_wrong", "", "x" * 5000])
def test_strangers_do_not(client, raw):
    response = scrape(client, raw)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert "cam_" not in response.text


def test_a_bad_token_is_not_helped_by_a_session(client, staff):
    client.force_login(staff)
    assert scrape(client, "cam_wrong").status_code == 401


def test_a_disabled_user_does_not(client, staff):
    raw = make_token(staff)
    staff.is_active = False
    staff.save()
    assert scrape(client, raw).status_code == 401


def test_it_rejects_post(client, staff):
    client.force_login(staff)
    assert client.post(reverse("metrics_prometheus")).status_code == 405
