"""Stored calls are priced again, from their raw usage."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from metrics_app import repricing
from metrics_app.ingest import ingest_spool
from metrics_app.models import PriceOverride, TurnCost, UsageRecord
from metrics_app.repricing import PRICE_FIELDS, reprice
from metrics_app.turn_costs import compare_due_turns
from metrics_app.turns import update_turns
from tests.metrics_app.conftest import CHECK_USAGE, OPUS, STARTED
from tests.metrics_app.transcripts import Transcript

pytestmark = pytest.mark.django_db

LIST_COST = Decimal("0.00914")
FLAT_COST = Decimal("0.006577")  # a dollar for each million of the 6577 tokens


@pytest.fixture
def add_override(db):
    def add(pattern="*", price=1, **fields):
        names = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
        prices = {f"{name}_price": Decimal(price) for name in names}
        start = STARTED - timedelta(days=30)
        return PriceOverride.objects.create(
            **({"pattern": pattern, "starts_at": start} | prices | fields)
        )

    return add


@pytest.fixture
def stored(agent, make_line, spool):
    """Stores calls through the ingest; each argument replaces fields of a line."""

    def store(*lines):
        spool(*(make_line(agent.pk, **fields) for fields in lines))
        ingest_spool()

    return store


def run(**options):
    call_command("reprice", **({"first": STARTED.date(), "last": STARTED.date()} | options))


def costs():
    return list(UsageRecord.objects.order_by("pk").values_list("cost_usd", flat=True))


def prices():
    return list(UsageRecord.objects.order_by("pk").values(*PRICE_FIELDS, "input_tokens"))


def test_it_prices_by_the_overrides_of_today(stored, add_override):
    stored({})
    override = add_override()
    run()
    row = UsageRecord.objects.get()
    assert (row.cost_usd, row.is_override) == (FLAT_COST, True)
    assert row.price_version.startswith(f"override {override.pk}:")


def test_it_keeps_the_estimate_of_what_a_cut_answer_wrote(stored, add_override):
    stored({"complete": False, "uncounted_output_tokens": 1000})
    assert reprice(UsageRecord.objects.all()) == {}
    add_override()
    run()
    row = UsageRecord.objects.get()
    assert (row.cost_usd, row.is_estimated) == (FLAT_COST + Decimal("0.001"), True)
    assert (row.output_tokens, row.uncounted_output_tokens) == (1077, 1000)


def test_it_prices_what_had_no_price(stored, add_override):
    stored({"model": "claude-mythos-9"})
    add_override()
    run()
    row = UsageRecord.objects.get()
    assert (row.cost_usd, row.is_unpriced) == (FLAT_COST, False)


def test_what_the_list_still_prices_the_same_is_not_written(stored, django_assert_num_queries):
    stored({}, {"complete": False}, {"usage": None}, {"status": 529}, {"kind": "count_tokens"})
    UsageRecord.objects.update(price_version="genai-prices 0.0.1")
    with django_assert_num_queries(4):  # the overrides; in a savepoint one batch is read
        assert reprice(UsageRecord.objects.all()) == {}
    assert set(UsageRecord.objects.values_list("price_version", flat=True)) == {
        "genai-prices 0.0.1"
    }


def test_repeating_it_changes_nothing(stored, add_override):
    stored({}, {})
    add_override()
    assert reprice(UsageRecord.objects.all())[OPUS].rows == 2
    before = prices()
    assert reprice(UsageRecord.objects.all()) == {}
    assert prices() == before


def random_line(dice):
    written = dice.randrange(50_000)
    usage = {
        "input_tokens": dice.randrange(200_000),
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_1h_input_tokens": dice.randrange(written + 1)},
        "cache_read_input_tokens": dice.choice([None, 0, dice.randrange(10**6)]),
        "output_tokens": dice.choice([-1, 0, "5", dice.randrange(30_000)]),
        "server_tool_use": {"web_search_requests": dice.choice([0, 0, 3])},
        "speed": dice.choice(["standard", "fast"]),
        "inference_geo": dice.choice(["us", "global", None]),
        "service_tier": dice.choice(["standard", "batch"]),
    }
    return {
        "usage": dice.choice([usage, usage, usage, usage, None]),
        "model": dice.choice([OPUS, "claude-haiku-4-5", "claude-mythos-9", None, "[1m]"]),
        "complete": dice.random() > 0.2,
        "uncounted_output_tokens": dice.choice([None, 0, -1, dice.randrange(30_000)]),
        "status": dice.choice([200, 200, 200, 429, None]),
        "kind": dice.choice(["messages", "messages", "batches", "count_tokens"]),
    }


@pytest.mark.parametrize("seed", range(3))
def test_random_calls_cost_the_same_once_an_override_is_gone(stored, add_override, seed):
    dice = random.Random(seed)
    stored(*(random_line(dice) for _ in range(120)))
    before = prices()
    override = add_override()
    assert reprice(UsageRecord.objects.all())
    assert prices() != before
    override.delete()
    reprice(UsageRecord.objects.all())
    assert prices() == before


def test_small_batches_reach_every_row_even_of_the_same_moment(stored, add_override, monkeypatch):
    monkeypatch.setattr(repricing, "BATCH_ROWS", 3)
    stored(*({} for _ in range(9)), {"started_at": (STARTED + timedelta(1 / 24)).isoformat()})
    add_override()
    assert reprice(UsageRecord.objects.all())[OPUS].rows == 10
    assert set(costs()) == {FLAT_COST}


def test_the_pages_of_agents_whose_calls_changed_are_rung(stored, agent, add_override, monkeypatch):
    rung = []
    monkeypatch.setattr(repricing, "ring_agents_on_commit", rung.append)
    stored({}, {})
    reprice(UsageRecord.objects.all())
    assert rung == []
    add_override()
    reprice(UsageRecord.objects.all())
    assert rung == [{agent.pk}]


def test_others_may_write_between_batches(stored, monkeypatch, pauses):
    monkeypatch.setattr(repricing, "BATCH_ROWS", 2)
    stored({}, {}, {}, {}, {})
    reprice(UsageRecord.objects.all())
    assert len(pauses) == (2 if connection.vendor == "sqlite" else 0)


def test_a_break_keeps_the_batches_before_it(stored, add_override, monkeypatch):
    monkeypatch.setattr(repricing, "BATCH_ROWS", 2)
    stored({}, {}, {})
    add_override()
    assess, calls = repricing.assess, []

    def fail_at_third(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return assess(*args)

    monkeypatch.setattr(repricing, "assess", fail_at_third)
    with pytest.raises(KeyboardInterrupt):
        reprice(UsageRecord.objects.all())
    assert costs() == [FLAT_COST, FLAT_COST, LIST_COST]
    monkeypatch.setattr(repricing, "assess", assess)
    assert reprice(UsageRecord.objects.all())[OPUS].rows == 1


def test_the_turns_of_changed_calls_are_compared_again(agent, make_record, add_override):
    transcript = Transcript(agent)
    make_record(agent, session=transcript.session, started_at=transcript.now, raw_usage=CHECK_USAGE)
    transcript.end_turn(float(LIST_COST))
    update_turns()
    assert not TurnCost.objects.get().is_flagged
    add_override()
    reprice(UsageRecord.objects.all())
    compare_due_turns(timezone.now())
    turn = TurnCost.objects.get()
    assert (turn.our_cost_usd, turn.is_flagged) == (FLAT_COST, True)
    assert "1 priced by an override" in turn.reason


# manage.py reprice


def test_a_dry_run_tells_and_writes_nothing(stored, add_override, capsys):
    stored({})
    add_override()
    run(dry_run=True)
    assert costs() == [LIST_COST]
    assert "would change" in capsys.readouterr().out


def test_it_prints_exact_sums_by_model(stored, add_override, capsys):
    stored({}, {}, {"model": "claude-mythos-9"})
    add_override()
    run()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["model", "changed", "old", "USD", "new", "USD", "difference"],
        ["claude-mythos-9", "1", "0", "0.006577", "0.006577"],
        [OPUS, "2", "0.01828", "0.013154", "-0.005126"],
        ["all", "3", "0.01828", "0.019731", "0.001451"],
    ]


def test_it_says_so_where_nothing_changes(stored, capsys):
    stored({})
    run()
    assert capsys.readouterr().out == "no price changes\n"


def test_both_days_are_included(stored, add_override):
    day = STARTED.replace(hour=0, minute=0)
    moments = [day - timedelta(microseconds=1), day, day + timedelta(hours=23, minutes=59)]
    stored(*({"started_at": moment.isoformat()} for moment in moments))
    UsageRecord.objects.filter(started_at__gt=day).update(started_at=day + timedelta(hours=23.99))
    add_override()
    run()
    assert costs() == [LIST_COST, FLAT_COST, FLAT_COST]


def test_only_models_that_fit_are_repriced(stored, add_override):
    stored({}, {"model": "claude-haiku-4-5"}, {"model": None, "requested_model": OPUS})
    add_override()
    before = costs()
    run(model="claude-opus-*")
    assert costs() == [FLAT_COST, before[1], FLAT_COST]


def test_only_the_users_calls_are_repriced(stored, add_override, bob, make_agent, make_record):
    stored({})
    add_override()
    make_record(make_agent(bob), raw_usage=CHECK_USAGE)
    run(user="bob")
    assert costs() == [LIST_COST, FLAT_COST]


def test_a_name_cannot_steer_the_terminal(stored, add_override, capsys):
    stored({"model": None, "requested_model": "\x1b[2Jboo"})
    add_override()
    run()
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "?[2Jboo" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: --from, --to"),
        (["--from=2026-11-01"], "required: --to"),
        (["--from=yesterday", "--to=2026-11-30"], "'yesterday' is no day such as"),
        (["--from=2026-02-30", "--to=2026-11-30"], "'2026-02-30' is no day"),
        (["--from=2026-11-01", "--to="], "'' is no day"),
        (["--from=2026-11-01", "--to=9999-12-31"], "out of range"),
        (["--from=0001-01-01", "--to=2026-11-30"], "out of range"),
        (["--from=2026-11-30", "--to=2026-11-01"], "--from 2026-11-30 is after --to 2026-11-01"),
        (["--from=2026-11-01", "--to=2026-11-30", "--user=nobody"], "no user 'nobody'"),
        (["--from=2026-11-01", "--to=2026-11-30", "--user="], "no user ''"),
        (["--from=2026-11-01", "--to=2026-11-30", "--model= "], "--model is empty"),
        (["--from=2026-11-01", "--to=2026-11-30", "--modle=x"], "unrecognized arguments"),
    ],
)
def test_bad_arguments_give_clear_errors(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("reprice", *arguments)
