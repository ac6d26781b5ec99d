import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent
from metrics_app.models import TurnCost
from metrics_app.turns import update_turns
from metrics_app.views import reconciliation
from tests.metrics_app.transcripts import Transcript

pytestmark = [
    pytest.mark.django_db,
    # The test client reads the stream at once; the web server does not.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous"),
]

CENT = Decimal("0.01")
LISTS = ("metrics_reconciliation", "metrics_turns_csv")
WRONG = [
    {"days": "0"},
    {"days": "-1"},
    {"days": "3651"},
    {"days": "9" * 5000},
    {"days": "x"},
    {"days": ""},
    {"show": "some"},
    {"agent": "x"},
    {"agent": "\0"},
    {"agent": "00000000-0000-4000-8000-000000000000"},
]


@pytest.fixture
def get(client):
    def get(user, view="metrics_reconciliation", /, *args, **query):
        client.force_login(user)
        return client.get(reverse(view, args=args), query)

    return get


@pytest.fixture
def make_turns(make_record):
    """Ends a turn of the agent for each of the CLI's figures, beside a call of a cent in each."""

    def make(agent, *cli_costs, **fields):
        transcript, total = Transcript(agent), 0
        for number, cost in enumerate(cli_costs):
            began = transcript.started_at + timedelta(seconds=number + 0.5)
            make_record(
                agent, session=transcript.session, started_at=began, cost_usd=CENT, **fields
            )
            total = None if cost is None else total + cost
            transcript.end_turn(total)
        update_turns()
        return list(TurnCost.objects.filter(agent=agent).order_by("turn"))

    return make


def turns_of(response):
    return [turn.turn for turn in response.context["page"]]


def text_of(response):
    return b"".join(response).decode()


def rows_of(response):
    return list(csv.DictReader(io.StringIO(text_of(response), newline="")))


# The list


def test_it_shows_what_does_not_agree_newest_first(get, agent, alice, make_turns):
    make_turns(agent, 0.5, 0.01, 0.25)
    response = get(alice)
    assert turns_of(response) == [3, 1]
    assert 'title="exactly -0.24 USD"' in response.text
    assert "no known reason" in response.text


def test_all_turns_are_shown_where_asked_for(get, agent, alice, make_turns):
    make_turns(agent, 0.5, 0.01)
    response = get(alice, show="all")
    assert turns_of(response) == [2, 1]
    assert '<span class="tone-good">agrees</span>' in response.text


def test_the_totals_are_of_all_turns_of_the_range_and_exact(get, agent, alice, make_turns):
    make_turns(agent, 0.5, 0.01)
    totals = get(alice).context["totals"]
    assert (totals.turns, totals.compared, totals.flagged) == (2, 2, 1)
    assert (totals.our_cost_usd, totals.cli_cost_usd) == (2 * CENT, Decimal("0.51"))
    assert totals.difference_usd == Decimal("-0.49")


def test_a_turn_without_a_figure_is_left_out_of_the_sums_and_told(get, agent, alice, make_turns):
    make_turns(agent, 0.01, None)
    response = get(alice)
    totals = response.context["totals"]
    assert (totals.our_cost_usd, totals.difference_usd, totals.without_figure) == (CENT, 0, 1)
    assert "the CLI gave no figure: 1" in response.text


def test_what_many_clis_claim_can_be_summed(agent):
    session = Transcript(agent).session
    claim = Decimal("999999.9999999999")
    TurnCost.objects.bulk_create(
        TurnCost(
            agent=agent,
            session=session,
            turn=number,
            result_seq=number,
            ended_at=timezone.now(),
            cli_cost_usd=claim,
            cli_total_usd=claim,
            our_cost_usd=0,
            difference_usd=-claim,
        )
        for number in range(1000)
    )
    assert round(TurnCost.objects.all().totals().cli_cost_usd, 4) == 1_000_000_000


def test_a_turn_that_is_not_compared_yet_is_told(get, agent, alice, make_turns):
    make_turns(agent, 0.01)
    TurnCost.objects.update(our_cost_usd=None, difference_usd=None)
    response = get(alice, show="all")
    assert response.text.count("not compared yet") == 2
    assert response.context["totals"].pending == 1


def test_only_so_many_days_are_shown(get, agent, alice, make_turns):
    make_turns(agent, 0.5)
    TurnCost.objects.update(ended_at=timezone.now() - timedelta(days=8))
    assert "No turns ended in this range" in get(alice).text
    assert turns_of(get(alice, days="9")) == [1]


def test_where_all_agree_the_page_says_so(get, agent, alice, make_turns):
    make_turns(agent, 0.01)
    response = get(alice)
    assert "Every turn of this range that is compared agrees" in response.text
    assert "?show=all" in response.text


def test_without_turns_the_page_says_so(get, alice):
    assert "No turns ended in this range" in get(alice).text


def test_the_page_and_the_command_name_the_same_turns(get, agent, staff, make_turns, capsys):
    make_turns(agent, 0.5, 0.01, 0.25)
    with pytest.raises(CommandError, match="2 of 3 turns do not agree"):
        call_command("reconcile_costs", days=7)
    listed = capsys.readouterr().out
    shown = get(staff).context
    assert (shown["totals"].flagged, shown["totals"].turns) == (2, 3)
    assert all(f"event {turn.result_seq}:" in listed for turn in shown["page"])


def test_a_long_list_is_paged(get, agent, alice, make_turns, monkeypatch):
    monkeypatch.setattr(reconciliation, "TURNS_A_PAGE", 2)
    make_turns(agent, 0.5, 0.5, 0.5)
    first = get(alice, days="30")
    assert turns_of(first) == [3, 2]
    assert 'rel="next" href="?days=30&amp;page=2"' in first.text
    assert turns_of(get(alice, page="2")) == [1]


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", "\0", "9" * 5000])
def test_a_page_that_is_none_shows_another(get, agent, alice, make_turns, page):
    make_turns(agent, 0.5)
    assert turns_of(get(alice, page=page)) == [1]


def test_one_agents_turns_can_be_chosen(get, alice, make_agent, make_turns):
    fixer, writer = make_agent(alice, "fixer"), make_agent(alice, "writer")
    make_turns(fixer, 0.5)
    make_turns(writer, 0.5)
    response = get(alice, agent=str(writer.pk))
    assert [turn.agent for turn in response.context["page"]] == [writer]
    assert f'<option value="{writer.pk}" selected>writer</option>' in response.text


def test_an_old_agent_is_offered_where_it_is_chosen(get, alice, make_agent, monkeypatch):
    monkeypatch.setattr("metrics_app.reconciliation.forms.MAX_AGENT_CHOICES", 1)
    old, _new = make_agent(alice, "old"), make_agent(alice, "new")
    assert ">old</option>" not in get(alice).text
    assert f'<option value="{old.pk}" selected>old</option>' in get(alice, agent=str(old.pk)).text


@pytest.mark.parametrize("query", WRONG)
def test_a_wrong_question_is_told(get, agent, alice, make_turns, query):
    make_turns(agent, 0.5)
    response = get(alice, **query)
    assert response.status_code == 200
    assert "errorlist" in response.text
    assert "<table" not in response.text


def test_names_are_escaped(get, alice, make_agent, make_turns):
    (turn,) = make_turns(make_agent(alice, "<script>alert(1)</script>"), 0.5)
    assert "<script>alert" not in get(alice).text
    assert "<script>alert" not in get(alice, "metrics_turn", turn.pk).text


# Who sees what


@pytest.mark.parametrize("view", LISTS)
def test_a_stranger_sees_nothing_of_it(get, agent, charlie, make_turns, view):
    make_turns(agent, 0.5)
    response = get(charlie, view, user="alice", show="all")
    assert response.status_code == 200
    text = text_of(response)
    assert "fixer" not in text
    assert "0.49" not in text


@pytest.mark.parametrize("view", LISTS)
def test_somebody_elses_agent_cannot_be_chosen(get, agent, charlie, make_turns, view):
    make_turns(agent, 0.5)
    response = get(charlie, view, agent=str(agent.pk))
    assert "There is no such agent" in text_of(response)


def test_staff_see_everyone_and_open_only_their_own(get, agent, staff, make_turns):
    make_turns(agent, 0.5)
    response = get(staff)
    assert "of alice" in response.text
    assert agent.get_absolute_url() not in response.text


def test_staff_may_choose_a_user(get, alice, bob, staff, make_agent, make_turns):
    make_turns(make_agent(alice, "fixer"), 0.5)
    make_turns(make_agent(bob, "tester"), 0.5)
    response = get(staff, user="bob")
    assert [turn.agent.name for turn in response.context["page"]] == ["tester"]
    assert response.context["totals"].turns == 1


@pytest.mark.parametrize("username", ["nobody", "\0", "x" * 500])
def test_staff_who_choose_nobody_are_told(get, staff, username):
    assert "errorlist" in get(staff, user=username).text


def test_the_owner_can_open_the_agent(get, agent, alice, make_turns):
    make_turns(agent, 0.5)
    assert f'href="{agent.get_absolute_url()}"' in get(alice).text


def test_a_deleted_agents_turns_stay_and_cannot_be_opened(get, agent, alice, make_turns):
    (turn,) = make_turns(agent, 0.5)
    Agent.objects.update(deleted_at=timezone.now())
    for response in (get(alice), get(alice, "metrics_turn", turn.pk)):
        assert "(deleted)" in response.text
        assert agent.get_absolute_url() not in response.text


def test_queries_do_not_grow_with_turns(
    client, alice, agent, make_turns, django_assert_num_queries
):
    make_turns(agent, *[0.5] * 5)
    client.force_login(alice)
    # Session, user, agents to choose; count, page, agents to open, totals; alerts of budgets.
    with django_assert_num_queries(8):
        client.get(reverse("metrics_reconciliation"))


# The file


def test_the_file_has_the_turns_of_the_page_in_order_of_time(get, agent, alice, make_turns):
    make_turns(agent, 0.5, 0.01, 0.25)
    rows = rows_of(get(alice, "metrics_turns_csv"))
    assert [row["turn"] for row in rows] == ["1", "3"]
    assert rows[0]["time"].endswith("+00:00")
    costs = (rows[0]["our_cost_usd"], rows[0]["cli_cost_usd"], rows[0]["difference_usd"])
    assert costs == ("0.01", "0.5", "-0.49")


def test_the_file_of_all_turns_has_all(get, agent, alice, make_turns, monkeypatch):
    monkeypatch.setattr("metrics_app.exports.ROWS_A_PORTION", 2)
    make_turns(agent, *[0.01] * 5)
    rows = rows_of(get(alice, "metrics_turns_csv", show="all"))
    assert [row["turn"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert {row["is_flagged"] for row in rows} == {"false"}


def test_no_name_is_a_formula_in_the_file(get, alice, make_agent, make_turns):
    make_turns(make_agent(alice, "=1+1"), 0.5)
    assert rows_of(get(alice, "metrics_turns_csv"))[0]["agent"] == "'=1+1"


def test_the_page_links_the_file_of_the_same_turns(get, alice, staff):
    text = get(staff, days="30", user="alice").text
    assert "turns.csv?show=flagged&amp;days=30&amp;user=alice&amp;agent=" in text


def test_a_file_says_whose_it_is(get, alice, staff):
    mine = get(alice, "metrics_turns_csv", user="staff")["Content-Disposition"]
    theirs = get(staff, "metrics_turns_csv", days="30")["Content-Disposition"]
    assert mine == 'attachment; filename="cam-turns-alice-last-7-days.csv"'
    assert theirs == 'attachment; filename="cam-turns-everyone-last-30-days.csv"'


@pytest.mark.parametrize("query", WRONG)
def test_no_file_answers_a_wrong_question(get, alice, query):
    response = get(alice, "metrics_turns_csv", **query)
    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")


# One turn


def test_a_turn_lists_its_calls(get, agent, alice, make_turns, make_record):
    first, _second = make_turns(agent, 0.5, 0.5)
    make_record(
        agent,
        session=first.session,
        turn=1,
        started_at=first.ended_at,
        cost_usd=None,
        is_unpriced=True,
        complete=False,
        tool_name="Bash",
        tool_calls=3,
        subagent="Explore",
        model="claude-nobody-9",
    )
    response = get(alice, "metrics_turn", first.pk)
    assert [call.turn for call in response.context["page"]] == [1, 1]
    for text in ("claude-nobody-9", "Bash", "the first of 3", "Explore", "cut short", "unpriced"):
        assert text in response.text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"is_estimated": True}, "estimated"),
        ({"is_override": True}, "priced by an override"),
        ({"status": 529}, "status 529"),
        ({"status": None}, "no answer"),
        ({"kind": "count_tokens"}, "count tokens"),
        ({"parent_tool_use_id": "toolu_1"}, "of unknown type"),
    ],
)
def test_a_call_says_what_is_special(get, agent, alice, make_turns, fields, text):
    (turn,) = make_turns(agent, 0.5, **fields)
    assert text in get(alice, "metrics_turn", turn.pk).text


def test_a_turn_without_calls_says_so(get, agent, alice):
    Transcript(agent).end_turn(0.5)
    update_turns()
    response = get(alice, "metrics_turn", TurnCost.objects.get().pk)
    assert "No calls are recorded" in response.text
    assert "no calls recorded" in response.text


def test_many_calls_are_paged(get, agent, alice, make_turns, make_record, monkeypatch):
    monkeypatch.setattr(reconciliation, "CALLS_A_PAGE", 2)
    (turn,) = make_turns(agent, 0.01)
    for _ in range(2):
        make_record(agent, session=turn.session, turn=1, started_at=turn.ended_at)
    assert "Total of 3" in get(alice, "metrics_turn", turn.pk).text
    assert len(get(alice, "metrics_turn", turn.pk, page="2").context["page"]) == 1


def test_a_turn_is_not_there_for_a_stranger(get, agent, charlie, make_turns):
    (turn,) = make_turns(agent, 0.5)
    assert get(charlie, "metrics_turn", turn.pk).status_code == 404


@pytest.mark.parametrize("turn_id", [1, 10**30])
def test_a_turn_that_is_none_is_not_there(get, alice, turn_id):
    assert get(alice, "metrics_turn", turn_id).status_code == 404


def test_staff_see_any_turn(get, agent, staff, make_turns):
    (turn,) = make_turns(agent, 0.5)
    assert "alice" in get(staff, "metrics_turn", turn.pk).text


# Ways in


@pytest.mark.parametrize("view", LISTS)
def test_it_asks_for_login(client, view):
    response = client.get(reverse(view))
    assert response.status_code == 302
    assert reverse("account_login") in response.url


@pytest.mark.parametrize("view", LISTS)
def test_it_rejects_post(client, alice, view):
    client.force_login(alice)
    assert client.post(reverse(view)).status_code == 405


def test_a_turn_asks_for_login_and_rejects_post(client, alice):
    url = reverse("metrics_turn", args=[1])
    assert client.get(url).status_code == 302
    client.force_login(alice)
    assert client.post(url).status_code == 405
