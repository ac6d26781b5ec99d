import csv
import io
import json
from datetime import datetime
from decimal import Decimal

import pytest
from django.urls import reverse

from agents.models import Agent
from metrics_app.ledger import Grouping

pytestmark = [
    pytest.mark.django_db,
    # The test client reads the stream at once; the web server does not.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous"),
]

NOVEMBER = {"month": "2026-11"}
VIEWS = ("metrics_reports", "metrics_calls_csv", "metrics_report_json")
WRONG = [
    {"month": "2026-13"},
    {"month": "x" * 500},
    {"month": "\0"},
    {"month": "2026-11", "from": "2026-11-01", "to": "2026-11-02"},
    {"from": "2026-11-01"},
    {"to": "2026-11-01"},
    {"from": "2026-11-02", "to": "2026-11-02"},
    {"from": "2026-11-03", "to": "2026-11-02"},
    {"from": "2026-02-30", "to": "2026-03-02"},
    {"from": "0001-01-01", "to": "9999-12-31"},
    {"from": "=1", "to": "\0"},
    {"month": "2026-11", "by": "nothing"},
]


@pytest.fixture
def get(client):
    def get(user, view="metrics_reports", /, **query):
        client.force_login(user)
        return client.get(reverse(view), query)

    return get


@pytest.fixture
def spent(alice, bob, make_agent, make_record):
    """alice spent 3.25 and bob 2 in November, alice 7 in October."""
    fixer = make_agent(alice, "fixer")
    make_record(fixer, cost_usd=Decimal("1.25"))
    make_record(make_agent(alice, "writer"), cost_usd=Decimal(2))
    make_record(make_agent(bob, "tester"), cost_usd=Decimal(2))
    make_record(
        fixer, cost_usd=Decimal(7), started_at=datetime.fromisoformat("2026-10-31T23:59:59Z")
    )


def text_of(response):
    return b"".join(response).decode()


def rows_of(response):
    return list(csv.DictReader(io.StringIO(text_of(response), newline="")))


def test_it_shows_ones_own_month(get, spent, alice):
    response = get(alice, **NOVEMBER, by="agent")
    assert response.status_code == 200
    assert "November 2026: alice" in response.text
    assert response.context["report"].total.cost_usd == Decimal("3.25")
    assert 'title="exactly $3.25"' in response.text
    assert [line.label for line in response.context["report"].lines] == ["writer", "fixer"]


def test_a_stranger_sees_nothing_of_it(get, spent, charlie):
    response = get(charlie, **NOVEMBER)
    assert "No calls in this range" in response.text
    assert "alice" not in response.text
    assert rows_of(get(charlie, "metrics_calls_csv", **NOVEMBER)) == []
    assert get(charlie, "metrics_report_json", **NOVEMBER).json()["groups"] == []


@pytest.mark.parametrize("view", VIEWS)
def test_asking_for_somebody_else_does_not_help(get, spent, charlie, view):
    response = get(charlie, view, **NOVEMBER, by="model", user="alice")
    assert response.status_code == 200
    text = text_of(response)
    assert "/srv/code" not in text
    assert "claude-opus-5-5" not in text
    assert "3.25" not in text


def test_staff_see_everyone(get, spent, staff):
    response = get(staff, **NOVEMBER)
    assert [line.label for line in response.context["report"].lines] == ["alice", "bob"]
    assert response.context["report"].total.cost_usd == Decimal("5.25")
    assert '<select name="user"' in response.text


def test_staff_may_choose_a_user(get, spent, staff):
    response = get(staff, **NOVEMBER, user="bob")
    assert response.context["report"].total.cost_usd == 2
    assert "November 2026: bob" in response.text


@pytest.mark.parametrize("username", ["nobody", "\0", "x" * 500])
def test_staff_who_choose_nobody_are_told(get, spent, staff, username):
    response = get(staff, **NOVEMBER, user=username)
    assert "errorlist" in response.text
    assert "report" not in response.context
    assert get(staff, "metrics_calls_csv", **NOVEMBER, user=username).status_code == 400


def test_days_are_half_open(get, spent, alice):
    response = get(alice, **{"from": "2026-10-31", "to": "2026-11-23"})
    assert response.context["report"].total.cost_usd == 7
    assert 'value="2026-10-31"' in response.text


def test_without_a_range_it_is_this_month(get, alice):
    response = get(alice)
    assert response.context["report"].days.is_month
    assert response.context["report"].grouping == Grouping.USER


@pytest.mark.parametrize("query", WRONG)
def test_a_wrong_question_is_told(get, spent, alice, query):
    response = get(alice, **query)
    assert response.status_code == 200
    assert "errorlist" in response.text
    assert "<table" not in response.text


@pytest.mark.parametrize("view", ["metrics_calls_csv", "metrics_report_json"])
@pytest.mark.parametrize("query", WRONG)
def test_no_file_answers_a_wrong_question(get, spent, alice, view, query):
    response = get(alice, view, **query)
    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")
    assert response.content


def test_the_files_are_of_the_very_same_calls(get, spent, staff):
    page = get(staff, **NOVEMBER, by="model", user="alice")
    query = page.context["form"].query
    assert f"?{query}".replace("&", "&amp;") in page.text
    asked = dict(pair.split("=") for pair in query.split("&"))
    total = page.context["report"].total.cost_usd
    rows = rows_of(get(staff, "metrics_calls_csv", **asked))
    assert sum(Decimal(row["cost_usd"]) for row in rows) == total == Decimal("3.25")
    report = get(staff, "metrics_report_json", **asked).json()
    assert (report["total"]["cost_usd"], report["by"], report["user"]) == ("3.25", "model", "alice")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (NOVEMBER, "cam-calls-alice-2026-11.csv"),
        (
            {"from": "2026-11-03", "to": "2026-11-10"},
            "cam-calls-alice-2026-11-03-until-2026-11-10.csv",
        ),
    ],
)
def test_a_file_is_named_for_user_and_range(get, alice, query, name):
    response = get(alice, "metrics_calls_csv", **query)
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["Content-Type"] == "text/csv; charset=utf-8"


def test_files_of_staff_say_whose_they_are(get, staff, alice):
    everyone = get(staff, "metrics_report_json", **NOVEMBER)["Content-Disposition"]
    chosen = get(staff, "metrics_report_json", **NOVEMBER, user="alice")["Content-Disposition"]
    assert 'filename="cam-report-everyone-2026-11.json"' in everyone
    assert 'filename="cam-report-alice-2026-11.json"' in chosen


def test_unpriced_calls_are_told_and_never_0(get, agent, alice, make_record):
    make_record(agent, cost_usd=None, is_unpriced=True)
    text = get(alice, **NOVEMBER).text
    assert "cost unknown" in text
    assert "$0" not in text
    report = get(alice, "metrics_report_json", **NOVEMBER).json()
    assert (report["total"]["cost_usd"], report["total"]["unpriced"]) == (None, 1)


def test_months_are_next_to_each_other(get, alice):
    text = get(alice, month="2026-12", by="model").text
    assert 'rel="prev" href="?month=2026-11&amp;by=model"' in text
    assert 'rel="next" href="?month=2027-01&amp;by=model"' in text


def test_tabs_keep_the_range(get, alice):
    text = get(alice, **NOVEMBER, by="day").text
    assert '<a href="?month=2026-11&amp;by=day" aria-current="page">By day</a>' in text
    assert '<a href="?month=2026-11&amp;by=workspace">By workspace</a>' in text


def test_names_are_escaped(get, alice, make_agent, make_record):
    make_record(make_agent(alice, "<script>alert(1)</script>"))
    assert "<script>alert" not in get(alice, **NOVEMBER, by="agent").text


def test_a_deleted_agent_stays_in_the_report(get, spent, alice):
    Agent.objects.filter(name="fixer").update(deleted_at="2026-11-23T18:00:00Z")
    text = get(alice, **NOVEMBER, by="agent").text
    assert "fixer" in text
    assert "(deleted)" in text


def test_queries_do_not_grow_with_calls(get, spent, alice, client, django_assert_num_queries):
    client.force_login(alice)
    # Session, user, the report, and alerts of budgets.
    with django_assert_num_queries(4):
        client.get(reverse("metrics_reports"), NOVEMBER | {"by": "agent"})


@pytest.mark.parametrize("view", VIEWS)
def test_it_asks_for_login(client, view):
    response = client.get(reverse(view))
    assert response.status_code == 302
    assert reverse("account_login") in response.url


@pytest.mark.parametrize("view", VIEWS)
def test_it_rejects_post(client, alice, view):
    client.force_login(alice)
    assert client.post(reverse(view)).status_code == 405


def test_the_json_is_a_report(get, spent, alice):
    report = json.loads(get(alice, "metrics_report_json", **NOVEMBER, by="agent").content)
    assert (report["from"], report["to"], report["by"]) == ("2026-11-01", "2026-12-01", "agent")
    assert [group["label"] for group in report["groups"]] == ["writer", "fixer"]
    assert sum(group["input_tokens"] for group in report["groups"]) == 2400
