"""What an attempt owes."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from metrics_app.attempts import assess
from metrics_app.pricing import Tokens
from metrics_app.spool import parse_line

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


@pytest.fixture
def assess_line(make_line):
    return lambda **fields: assess(parse_line(json.dumps(make_line(**fields)).encode(), now=NOW))


def test_a_complete_call_has_its_exact_cost(assess_line):
    assessment = assess_line()
    assert assessment.priced.cost_usd == Decimal("0.00914")
    assert not assessment.priced.is_estimated


def test_a_call_that_broke_off_is_estimated_from_what_is_known(assess_line):
    assessment = assess_line(
        complete=False, error="cut", usage={"input_tokens": 1000, "output_tokens": 1}
    )
    assert assessment.priced.cost_usd == Decimal("0.00402")
    assert assessment.priced.is_estimated


def test_what_a_cut_answer_wrote_uncounted_is_priced_as_output(assess_line):
    usage = {"input_tokens": 1000, "output_tokens": 1}
    assessment = assess_line(complete=False, usage=usage, uncounted_output_tokens=999)
    assert assessment.priced.cost_usd == Decimal("0.004") + Decimal("0.02")
    assert assessment.priced.is_estimated
    assert (assessment.tokens.input, assessment.tokens.output) == (1000, 1000)


def test_uncounted_output_has_the_price_of_its_speed(assess_line):
    usage = {"output_tokens": 0, "speed": "fast"}
    priced = assess_line(complete=False, usage=usage, uncounted_output_tokens=1000).priced
    assert priced.cost_usd == Decimal("0.04")
    assert priced.is_estimated


def test_uncounted_output_that_nobody_believes_costs_nothing(assess_line):
    believed = assess_line(complete=False, uncounted_output_tokens=1_000_000)
    refused = assess_line(complete=False, uncounted_output_tokens=1_000_001)
    assert believed.priced.cost_usd == Decimal("20.00914")
    assert refused.priced.cost_usd == Decimal("0.00914")


@pytest.mark.parametrize("fields", [{"kind": "count_tokens"}, {"status": 529}, {"usage": None}])
def test_uncounted_output_of_what_owes_nothing_costs_nothing(assess_line, fields):
    assessment = assess_line(complete=False, uncounted_output_tokens=1000, **fields)
    assert not assessment.priced.cost_usd
    assert assessment.tokens == Tokens()


def test_the_price_is_that_of_the_model_which_answered(assess_line):
    dear = assess_line(requested_model="claude-sonnet-5-5", model="claude-opus-5-5")
    assert dear.priced.cost_usd == Decimal("0.00914")


def test_without_an_answering_model_the_requested_one_gives_an_estimate(assess_line):
    priced = assess_line(model=None).priced
    assert priced.cost_usd == Decimal("0.00914")
    assert priced.is_estimated


def test_an_unknown_model_is_unpriced_and_keeps_its_tokens(assess_line):
    assessment = assess_line(model="claude-nobody-9", complete=False)
    assert assessment.priced.is_unpriced
    assert not assessment.priced.is_estimated
    assert assessment.tokens.output == 77


def test_counting_tokens_is_free_and_no_usage(assess_line):
    assessment = assess_line(kind="count_tokens", usage={"input_tokens": 5000})
    assert assessment.priced.cost_usd == 0
    assert assessment.tokens == Tokens()


@pytest.mark.parametrize("kind", ["messages", "count_tokens", "batches", "other"])
@pytest.mark.parametrize("status", [None, 403, 429, 500, 529])
def test_a_refused_or_unanswered_attempt_owes_nothing(assess_line, kind, status):
    priced = assess_line(kind=kind, status=status, usage=None, error="overloaded").priced
    assert priced.cost_usd is None
    assert not priced.is_unpriced


def test_an_answered_message_without_usage_is_unpriced(assess_line):
    priced = assess_line(usage=None, complete=False).priced
    assert priced.cost_usd is None
    assert priced.is_unpriced


def test_a_new_batch_is_unpriced_and_a_look_at_one_owes_nothing(assess_line):
    new = assess_line(kind="batches", path="/v1/messages/batches", usage=None)
    look = assess_line(kind="batches", method="GET", path="/v1/messages/batches/b1", usage=None)
    assert new.priced.is_unpriced
    assert not look.priced.is_unpriced


def test_a_negative_count_makes_an_estimate_and_is_named(assess_line):
    assessment = assess_line(usage={"input_tokens": -5, "output_tokens": 50})
    assert assessment.priced.cost_usd == Decimal("0.001")
    assert assessment.priced.is_estimated
    assert assessment.problems == ("usage.input_tokens",)


def test_an_absurd_count_leaves_the_call_unpriced(assess_line):
    assessment = assess_line(usage={"input_tokens": 10**15, "output_tokens": 50})
    assert assessment.priced.cost_usd is None
    assert assessment.priced.is_unpriced
    assert assessment.tokens.output == 50


def test_tier_speed_and_place_are_kept_and_priced(assess_line):
    usage = {
        "input_tokens": 1_000_000,
        "service_tier": "standard",
        "speed": "fast",
        "inference_geo": "us",
    }
    assessment = assess_line(usage=usage)
    assert assessment.priced.cost_usd == Decimal("8.8")
    assert (assessment.service_tier, assessment.speed) == ("standard", "fast")
    assert assessment.inference_geo == "us"


def test_the_batch_tier_has_the_batch_price(assess_line):
    usage = {"input_tokens": 1_000_000, "service_tier": "batch"}
    assert assess_line(usage=usage).priced.cost_usd == Decimal(2)


def test_a_tier_that_is_no_word_harms_nothing(assess_line):
    assert assess_line(usage={"service_tier": {"a": 1}, "speed": 7}).service_tier == ""


def advised_by(model):
    advisor = {"type": "advisor_message", "model": model, "output_tokens": 1000}
    return {"output_tokens": 1000, "speed": "fast", "iterations": [advisor]}


def test_an_advisor_is_priced_by_its_own_model_at_standard_speed(assess_line):
    assessment = assess_line(usage=advised_by("claude-opus-5"))
    assert assessment.priced.cost_usd == Decimal("0.04") + Decimal("0.025")
    assert not assessment.priced.is_estimated


@pytest.mark.parametrize("model", ["claude-nobody-9", "", None, 5])
def test_an_advisor_without_a_price_leaves_the_whole_call_unpriced(assess_line, model):
    priced = assess_line(usage=advised_by(model)).priced
    assert priced.cost_usd is None
    assert priced.is_unpriced
