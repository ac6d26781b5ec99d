"""What a turn cost by our rows, beside the CLI's own figure."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from metrics_app.models import TurnCost, UsageRecord
from metrics_app.turn_costs import LAST_LOOK_AFTER, SETTLES_AFTER, compare, compare_due_turns
from metrics_app.turns import read_transcript, update_turns
from tests.metrics_app.transcripts import Transcript

pytestmark = pytest.mark.django_db

CENT = Decimal("0.01")


@pytest.fixture
def transcript(agent):
    return Transcript(agent)


@pytest.fixture
def make_call(agent, transcript, make_record):
    """A call of the transcript's session; `after` seconds from its start."""

    def make(cost, *, after=0.5, **fields):
        started_at = transcript.started_at + timedelta(seconds=after)
        return make_record(
            agent, session=transcript.session, started_at=started_at, cost_usd=cost, **fields
        )

    return make


def test_a_turn_that_agrees_is_not_flagged(transcript, make_call):
    make_call(CENT)
    transcript.end_turn(0.01)
    update_turns()
    turn = TurnCost.objects.get()
    assert (turn.our_cost_usd, turn.cli_cost_usd, turn.difference_usd) == (CENT, CENT, 0)
    assert not turn.is_flagged
    assert turn.due_at is None


def test_a_turns_cost_is_what_the_running_total_grew_by(transcript):
    for total in (0.02742, 0.045700000000000005, 0.045700000000000005):
        transcript.end_turn(total)
    update_turns()
    costs = TurnCost.objects.order_by("turn").values_list("cli_cost_usd", flat=True)
    assert list(costs) == [Decimal("0.02742"), Decimal("0.01828"), 0]


def test_another_session_counts_from_zero(agent, transcript):
    transcript.end_turn(0.5)
    Transcript(agent, number=2).end_turn(0.1)
    update_turns()
    assert TurnCost.objects.get(session__number=2).cli_cost_usd == Decimal("0.1")


def test_a_total_that_went_back_was_started_anew(transcript):
    transcript.end_turn(0.5)
    transcript.end_turn(0.1)
    update_turns()
    assert TurnCost.objects.get(turn=2).cli_cost_usd == Decimal("0.1")


def test_a_turn_without_a_figure_is_flagged_and_the_next_one_counts_from_the_last(transcript):
    for total in (0.5, None, 0.7):
        transcript.end_turn(total)
    update_turns()
    unknown, after = TurnCost.objects.order_by("turn")[1:]
    assert (unknown.cli_cost_usd, unknown.difference_usd) == (None, None)
    assert unknown.is_flagged
    assert "the CLI gave no figure" in unknown.reason
    assert after.cli_cost_usd == Decimal("0.2")


def test_a_float_s_noise_is_no_difference(transcript, make_call):
    for _ in range(3):
        make_call(Decimal("0.1"))
    transcript.end_turn(0.1 + 0.1 + 0.1)
    update_turns()
    assert TurnCost.objects.get().difference_usd == 0


def test_the_tolerance_is_a_setting(transcript, make_call, settings):
    make_call(Decimal("0.0100011"))
    transcript.end_turn(0.01)
    update_turns()
    turn = TurnCost.objects.get()
    assert turn.is_flagged
    settings.CAM_COST_TOLERANCE_USD = 0.0000011
    compare(turn, turn.ended_at + timedelta(days=1))
    assert not TurnCost.objects.get().is_flagged


def test_calls_that_no_message_names_belong_to_the_turn_they_began_in(transcript, make_call):
    first, second = make_call(CENT, after=0.5), make_call(2 * CENT, after=1.5)
    after = make_call(CENT, after=2.5)
    transcript.end_turn(0.01)
    transcript.end_turn(0.03)
    update_turns()
    turns = [UsageRecord.objects.get(pk=row.pk).turn for row in (first, second, after)]
    assert turns == [1, 2, None]
    assert not TurnCost.objects.filter(is_flagged=True).exists()


def test_a_message_says_more_than_the_time(transcript, make_call):
    make_call(CENT, after=0.5, message_id="msg_1")
    transcript.end_turn(0)
    transcript.answer("msg_1")
    transcript.end_turn(0.01)
    update_turns()
    assert UsageRecord.objects.get().turn == 2
    assert not TurnCost.objects.filter(is_flagged=True).exists()


def test_a_call_that_a_message_takes_to_another_turn_has_both_compared_again(transcript, make_call):
    make_call(CENT, after=0.5, message_id="msg_1")
    transcript.end_turn(0)
    update_turns()
    assert TurnCost.objects.get(turn=1).is_flagged
    transcript.answer("msg_1")
    transcript.end_turn(0.01)
    update_turns()
    assert not TurnCost.objects.filter(is_flagged=True).exists()


def test_another_sessions_calls_are_not_counted(agent, transcript, make_call, make_record):
    other = Transcript(agent, number=2)
    make_record(agent, session=other.session, cost_usd=CENT)
    transcript.end_turn(0)
    update_turns()
    assert TurnCost.objects.get().our_cost_usd == 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cost": CENT, "complete": False}, "1 cut short, which the CLI leaves out (0.01 USD)"),
        (
            {"cost": CENT, "is_override": True},
            "1 priced by an override, which the CLI does not know",
        ),
        ({"cost": None, "is_unpriced": True}, "1 without a price"),
    ],
)
def test_what_makes_the_two_differ_is_named(transcript, make_call, fields, reason):
    make_call(**fields)
    transcript.end_turn(0.5)
    update_turns()
    turn = TurnCost.objects.get()
    assert turn.is_flagged
    assert turn.reason == reason


def test_missing_calls_are_named(transcript):
    transcript.end_turn(0.5)
    update_turns()
    assert TurnCost.objects.get().reason == "no calls recorded"


def test_a_difference_without_a_known_reason_is_flagged(transcript, make_call):
    make_call(CENT)
    transcript.end_turn(0.5)
    update_turns()
    turn = TurnCost.objects.get()
    assert (turn.is_flagged, turn.reason) == (True, "")
    assert turn.difference_usd == Decimal("-0.49")


def test_a_refused_attempt_changes_nothing(transcript, make_call):
    make_call(CENT)
    make_call(None, complete=True, status=529)
    transcript.end_turn(0.01)
    update_turns()
    assert not TurnCost.objects.get().is_flagged


def planned(transcript, total):
    """Read a turn's end without comparing it; returns when it was."""
    event = transcript.end_turn(total)
    read_transcript(event.agent_id, event.seq)
    return event.created_at


def test_a_turn_is_compared_once_its_rows_had_time_to_come(transcript, make_call):
    ended_at = planned(transcript, 0.01)
    compare_due_turns(ended_at + SETTLES_AFTER - timedelta(microseconds=1))
    assert TurnCost.objects.get().our_cost_usd is None
    make_call(CENT)
    compare_due_turns(ended_at + SETTLES_AFTER)
    assert TurnCost.objects.get().our_cost_usd == CENT


def test_a_turn_that_does_not_agree_gets_one_last_look(transcript, make_call):
    ended_at = planned(transcript, 0.01)
    compare_due_turns(ended_at + SETTLES_AFTER)
    turn = TurnCost.objects.get()
    assert turn.is_flagged
    assert turn.due_at == ended_at + LAST_LOOK_AFTER
    make_call(CENT)
    compare_due_turns(ended_at + LAST_LOOK_AFTER)
    turn.refresh_from_db()
    assert (turn.is_flagged, turn.due_at) == (False, None)


def test_a_demand_that_came_meanwhile_is_kept(transcript, make_call):
    ended_at = planned(transcript, 0.01)
    stale = TurnCost.objects.get()
    TurnCost.objects.update(due_at=ended_at + timedelta(days=1))
    compare(stale, ended_at + timedelta(hours=1))
    turn = TurnCost.objects.get()
    assert turn.due_at == ended_at + timedelta(days=1)
    assert turn.our_cost_usd is None


def test_comparing_takes_the_same_queries_for_many_calls(
    transcript, make_call, django_assert_num_queries
):
    for _ in range(20):
        make_call(CENT)
    ended_at = planned(transcript, 0.2)
    with django_assert_num_queries(6):  # the turn; in a savepoint: assign, sum, write
        compare_due_turns(ended_at + SETTLES_AFTER)


# manage.py reconcile_costs


def test_the_command_is_content_where_all_agree(transcript, make_call, capsys):
    make_call(CENT)
    transcript.end_turn(0.01)
    update_turns()
    call_command("reconcile_costs", days=3650)
    assert "1 turns, all agree" in capsys.readouterr().out


def test_the_command_lists_what_does_not_agree_and_fails(agent, transcript, make_call, capsys):
    make_call(CENT)
    make_call(3 * CENT, complete=False)
    transcript.end_turn(0.01)
    transcript.end_turn(0.01)
    update_turns()
    with pytest.raises(CommandError, match="1 of 2 turns do not agree"):
        call_command("reconcile_costs", days=3650)
    out = capsys.readouterr().out
    assert f"agent {agent.pk} event 1: ours 0.04, the CLI's 0.01, difference 0.03" in out
    assert "1 cut short" in out
    assert "event 2" not in out


def test_the_command_sees_rows_that_came_after_the_bridge_looked(transcript, make_call):
    transcript.end_turn(0.01)
    update_turns()
    make_call(CENT)
    call_command("reconcile_costs", days=3650)
    assert not TurnCost.objects.get().is_flagged


def test_the_command_tells_of_a_turn_without_a_figure(transcript, capsys):
    transcript.end_turn("much")
    update_turns()
    with pytest.raises(CommandError):
        call_command("reconcile_costs", days=3650)
    assert "the CLI's none, difference none: the CLI gave no figure" in capsys.readouterr().out


def test_the_command_looks_back_only_so_far(transcript, capsys):
    transcript.end_turn(0.5)
    update_turns()
    TurnCost.objects.update(ended_at=timezone.now() - timedelta(days=31))
    call_command("reconcile_costs", days=30)
    assert "0 turns" in capsys.readouterr().out


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "x", "", "3651", "9" * 5000, "²"])
def test_the_command_refuses_days_that_mean_nothing(days):
    with pytest.raises(CommandError, match="no number of days"):
        call_command("reconcile_costs", f"--days={days}")
