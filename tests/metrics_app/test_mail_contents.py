"""What a report's mail says, and that it is what the ledger says, to the last digit."""

import csv
import io
import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from agents.models import Agent
from metrics_app.ledger import Grouping, Selection
from metrics_app.mail_contents import make_csv, make_report_message, one_line, sum_month
from metrics_app.ranges import DayRange

pytestmark = pytest.mark.django_db

NOVEMBER = DayRange.parse_month("2026-11")
OCTOBER = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def spent(alice, bob, make_agent, make_record):
    """alice spent 3.25 and bob 2 in November, alice 1 in October."""
    fixer = make_agent(alice, "fixer")
    make_record(fixer, cost_usd=Decimal("1.25"))
    make_record(make_agent(alice, "writer"), cost_usd=Decimal(2))
    make_record(make_agent(bob, "tester"), cost_usd=Decimal(2))
    make_record(fixer, cost_usd=Decimal(1), started_at=OCTOBER)


def text_of(reader):
    return make_report_message(reader, NOVEMBER).body


def html_of(reader):
    return make_report_message(reader, NOVEMBER).alternatives[0].content


def rows_of(reader):
    return list(csv.DictReader(io.StringIO(make_csv(sum_month(reader, NOVEMBER)), newline="")))


def test_a_user_reads_of_his_own_agents_only(spent, alice):
    message = make_report_message(alice, NOVEMBER)
    whole = message.subject + message.body + message.alternatives[0].content
    assert message.subject == "Cost of your agents in November 2026: $3.2500"
    assert "tester" not in whole
    assert "By user" not in whole
    assert "tester" not in make_csv(sum_month(alice, NOVEMBER))


def test_staff_read_of_everyone_by_user_too(spent, staff):
    text = text_of(staff)
    assert "(exactly $5.25)" in text
    assert "By user\n  $3.2500  alice\n  $2.0000  bob\n" in text
    assert "  $2.0000  tester of bob\n" in text


def test_a_stranger_reads_of_nothing(spent, charlie):
    text = text_of(charlie)
    assert "cost $0.00\n(exactly $0) in 0 calls" in text
    assert "By agent" not in text


@pytest.mark.parametrize("seed", range(3))
def test_totals_are_the_ledgers_to_the_last_digit(seed, staff, alice, make_agent, make_record):
    dice = random.Random(seed)
    agents = [make_agent(alice, f"agent {number}") for number in range(15)]
    costs = [Decimal(dice.randrange(1, 10**14)) / 10**10 for _ in range(60)]
    for cost in costs:
        make_record(dice.choice(agents), cost_usd=cost, model=dice.choice(["a", "b", "c"]))
    exact = f"{sum(costs).normalize():f}"
    for reader in (staff, alice):
        ledger = Selection(NOVEMBER, Grouping.MODEL).report(reader).total
        assert ledger.cost_usd == sum(costs)
        assert f"(exactly ${exact})" in text_of(reader)
        rows = rows_of(reader)
        assert (rows[0]["by"], rows[0]["cost_usd"]) == ("total", exact)
        for by in ("agent", "model", "workspace"):
            group = [Decimal(row["cost_usd"]) for row in rows if row["by"] == by]
            assert sum(group) == sum(costs)


def test_ten_are_named_and_the_rest_is_one_line(alice, make_agent, make_record):
    for number in range(13):
        make_record(make_agent(alice, f"agent-{number}"), cost_usd=Decimal(number + 1))
    text = text_of(alice)
    assert "agent-3\n" in text
    assert "agent-2\n" not in text
    assert "  $6.0000  and 3 more\n" in text
    assert len([row for row in rows_of(alice) if row["by"] == "agent"]) == 13


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (Decimal(1), "$2.2500 more than in October 2026 ($1.0000), 225.0%."),
        (Decimal("3.25"), "The same as in October 2026."),
        (Decimal("6.5"), "$3.2500 less than in October 2026 ($6.5000), 50.0%."),
        (Decimal(0), "$3.2500 more than in October 2026 ($0.00)."),
        (None, "It cannot be compared with October 2026: calls lack a price."),
    ],
)
def test_the_change_against_the_month_before(agent, alice, make_record, before, change):
    make_record(agent, cost_usd=Decimal("3.25"))
    make_record(agent, cost_usd=before, is_unpriced=before is None, started_at=OCTOBER)
    assert change in text_of(alice)


def test_a_month_before_without_calls_is_said(agent, alice, make_record):
    make_record(agent)
    assert "October 2026 had no calls." in text_of(alice)


def test_unpriced_and_estimated_calls_are_counted_and_never_0(agent, alice, make_record):
    make_record(agent, cost_usd=None, is_unpriced=True)
    message = make_report_message(alice, NOVEMBER)
    assert message.subject.endswith("unpriced")
    assert "$0" not in message.body
    assert "Calls without a known price: 1." in message.body
    assert rows_of(alice)[0]["cost_usd"] == ""
    make_record(agent, is_estimated=True)
    assert "Estimated calls: 1." in text_of(alice)
    assert "Estimated calls: 1." in html_of(alice)


def test_it_links_the_report_and_the_preferences(spent, alice, staff, settings):
    settings.CAM_PUBLIC_URL = "https://cam.example.org"
    for reader, by in ((alice, "agent"), (staff, "user")):
        url = f"https://cam.example.org/metrics/reports/?month=2026-11&by={by}"
        assert f"{url}\n" in text_of(reader)
        assert url.replace("&", "&amp;") in html_of(reader)
        assert "https://cam.example.org/metrics/mails/" in text_of(reader)


def test_html_is_escaped_and_text_is_not(alice, make_agent, make_record):
    make_record(make_agent(alice, "<script>alert(1)</script> & co"))
    assert "<script" not in html_of(alice)
    assert "&lt;script&gt;" in html_of(alice)
    assert "<script>alert(1)</script> & co\n" in text_of(alice)


def test_a_name_cannot_add_a_line_or_a_header(alice, make_agent, make_record):
    evil = "x\r\nBcc: eve@example.org\r\n\r\nYou owe"
    make_record(make_agent(alice, evil))
    User.objects.filter(pk=alice.pk).update(username=evil)
    alice.refresh_from_db()
    message = make_report_message(alice, NOVEMBER)
    assert "x Bcc: eve@example.org You owe\n" in message.body
    assert "\nBcc:" not in message.body
    assert message.message()["Bcc"] is None
    assert message.message()["To"] == "alice@example.org"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a\nb\tc\x1b[2Jd", "a b c [2Jd"),
        ("a\u202eb\u2028c\0", "a b c"),
        ("x" * 500, "x" * 100),
        ("\n", ""),
        ("Żółw 1", "Żółw 1"),
    ],
)
def test_one_line(name, line):
    assert one_line(name) == line


def test_no_cell_of_the_file_is_a_formula(alice, make_agent, make_record):
    make_record(make_agent(alice, "=HYPERLINK(1)"), model="@SUM(1)")
    cells = [cell for row in rows_of(alice) for cell in row.values()]
    assert {"'=HYPERLINK(1)", "'@SUM(1)"} <= set(cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_a_deleted_agent_stays_in_the_report(spent, alice):
    Agent.objects.update(deleted_at=OCTOBER)
    assert "fixer (deleted)" in text_of(alice)


def test_queries_do_not_grow_with_calls(spent, alice, staff, django_assert_num_queries):
    with django_assert_num_queries(4):
        sum_month(alice, NOVEMBER)
    with django_assert_num_queries(5):
        sum_month(staff, NOVEMBER)
