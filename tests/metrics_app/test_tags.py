from decimal import Decimal

import pytest
from django.template import Context, Template

from metrics_app.querysets import UsageTotals
from metrics_app.templatetags.usage import agent_cost_value, compact, exact_usd, grouped, usd


def render(source, **context):
    return Template("{% load usage %}" + source).render(Context(context))


def words(html):
    return " ".join(html.split())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "$0.00"),
        ("0E-10", "$0.00"),
        ("0.00914", "$0.0091"),
        ("0.5", "$0.5000"),
        ("9.99", "$9.9900"),
        ("10", "$10.00"),
        ("1234.567", "$1,234.57"),
        ("0.0001", "$0.0001"),
        ("0.00001234", "$0.000012"),
        ("0.0000000001", "$0.00000000010"),
    ],
)
def test_usd_shows_small_sums_too(value, text):
    assert usd(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"), [("0.0091400000", "0.00914"), ("10.0000000000", "10"), ("0E-10", "0")]
)
def test_exact_usd_keeps_the_digits_that_count(value, text):
    assert exact_usd(Decimal(value)) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (1234, "1.2k"),
        (999_949, "999.9k"),
        (999_999, "1.0M"),
        (5_300_000, "5.3M"),
        (2 * 10**9, "2.0G"),
        (5 * 10**15, "5,000.0T"),
    ],
)
def test_compact_counts(count, text):
    assert compact(count) == text


def test_grouped_counts():
    assert grouped(1234567) == "1,234,567"


@pytest.mark.django_db
def test_an_agent_without_calls_says_so(agent, django_assert_num_queries):
    with django_assert_num_queries(1):
        html = render("{% agent_cost agent %}", agent=agent)
    assert html.startswith('<span id="agent-cost"')
    assert "no calls yet" in html


@pytest.mark.django_db
def test_an_agents_cost_shows_sum_calls_and_tokens(agent, make_record):
    make_record(agent, cache_read_tokens=5000, cache_write_5m_tokens=300)
    html = words(render("{% agent_cost agent %}", agent=agent))
    assert 'title="exactly $0.00914">$0.0091<' in html
    assert "1 call," in html
    assert 'title="1,200 input tokens outside the cache">1.2k</data> input' in html
    assert ">300</data> cache write" in html
    assert ">5.0k</data> cache read" in html
    assert ">77</data> output" in html
    assert "unpriced" not in html
    assert "estimated" not in html


@pytest.mark.django_db
def test_unpriced_and_estimated_calls_are_shown(agent, make_record):
    make_record(agent, is_estimated=True)
    make_record(agent, cost_usd=None, is_unpriced=True)
    html = render("{% agent_cost agent %}", agent=agent)
    assert "$0.0091" in html
    assert "unpriced calls: 1" in html
    assert "estimated calls: 1" in html


@pytest.mark.django_db
def test_a_cost_that_nobody_knows_is_not_shown_as_zero(agent, make_record):
    make_record(agent, cost_usd=None, is_unpriced=True)
    html = render("{% agent_cost agent %}", agent=agent)
    assert "cost unknown" in html
    assert "$0" not in html


@pytest.mark.django_db
def test_the_cost_can_replace_the_one_on_the_page(agent):
    assert "hx-swap-oob" not in render("{% agent_cost agent %}", agent=agent)
    assert 'hx-swap-oob="true"' in render("{% agent_cost agent oob=True %}", agent=agent)


@pytest.mark.django_db
def test_a_list_has_its_costs_in_one_query(
    alice, make_agent, make_record, django_assert_num_queries
):
    agents = [make_agent(alice) for _ in range(4)]
    make_record(agents[0])
    source = (
        "{% costs_of agents as costs %}"
        "{% for agent in agents %}{% agent_cost_value agent.pk costs %};{% endfor %}"
    )
    with django_assert_num_queries(1):
        html = render(source, agents=agents)
    assert html == "$0.0091;no calls yet;no calls yet;no calls yet;"


def test_a_value_tells_of_unpriced_calls():
    costs = {
        1: UsageTotals(calls=3, cost_usd=Decimal(20), unpriced=2),
        2: UsageTotals(calls=1, unpriced=1),
        3: UsageTotals(),
    }
    assert agent_cost_value(1, costs) == "$20.00 + 2 unpriced"
    assert agent_cost_value(2, costs) == "unpriced"
    assert agent_cost_value(3, costs) == "no calls yet"
