"""What a raw usage object says."""

import pytest

from metrics_app.pricing import Tokens
from metrics_app.raw_usage import MAX_COUNT, Advice, read_usage


def read(**raw):
    return read_usage(raw).tokens


def split(five_minutes, one_hour):
    return {"ephemeral_5m_input_tokens": five_minutes, "ephemeral_1h_input_tokens": one_hour}


def test_cache_writes_follow_the_split():
    tokens = read(
        cache_creation_input_tokens=300,
        cache_creation={"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    )
    assert (tokens.cache_write_5m, tokens.cache_write_1h) == (200, 100)


def test_what_the_split_leaves_out_is_written_for_five_minutes():
    tokens = read(
        cache_creation_input_tokens=1000,
        cache_creation={"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
    )
    assert (tokens.cache_write_5m, tokens.cache_write_1h) == (900, 100)


@pytest.mark.parametrize(("split_5m", "split_1h"), [(200, 200), (0, 900), (900, 0)])
def test_a_split_above_the_total_is_cut_to_it(split_5m, split_1h):
    tokens = read(
        cache_creation_input_tokens=300,
        cache_creation={
            "ephemeral_5m_input_tokens": split_5m,
            "ephemeral_1h_input_tokens": split_1h,
        },
    )
    assert tokens.cache_write == 300
    assert tokens.cache_write_1h == min(split_1h, 300)


@pytest.mark.parametrize("total", [{}, {"cache_creation_input_tokens": 0}])
def test_a_split_without_a_total_counts(total):
    assert read(cache_creation=split(3, 7), **total) == Tokens(cache_write_5m=3, cache_write_1h=7)


def test_compactions_are_added_and_other_iterations_are_not():
    reading = read_usage(
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "iterations": [
                {"type": "compaction", "input_tokens": 1000, "output_tokens": 50},
                {"type": "message", "input_tokens": 10, "output_tokens": 5},
            ],
        }
    )
    assert reading.parts == (Tokens(input=10, output=5), Tokens(input=1000, output=50))
    assert reading.tokens == Tokens(input=1010, output=55)


def test_a_call_with_server_tools_is_priced_request_by_request():
    first = {"type": "message", "input_tokens": 10, "output_tokens": 5}
    second = {"type": "message", "input_tokens": 20, "output_tokens": 7}
    reading = read_usage(
        {
            "input_tokens": 30,
            "output_tokens": 12,
            "server_tool_use": {"web_search_requests": 2},
            "iterations": [first, second],
        }
    )
    assert reading.parts == (
        Tokens(input=10, output=5, web_searches=2),
        Tokens(input=20, output=7),
    )


@pytest.mark.parametrize("second", [19, None, "20", -20, MAX_COUNT + 1])
def test_requests_that_do_not_add_up_to_the_call_are_passed_over(second):
    requests = [{"type": "message", "input_tokens": number} for number in (10, second)]
    reading = read_usage({"input_tokens": 30, "iterations": requests})
    assert reading.parts == (Tokens(input=30),)
    assert not reading.refused


@pytest.mark.parametrize(
    ("for_an_hour", "shares"), [(0, [0, 0]), (30, [30, 0]), (70, [40, 30]), (150, [90, 60])]
)
def test_requests_share_the_hours_that_the_whole_call_says(for_an_hour, shares):
    requests = [
        {
            "type": "message",
            "cache_creation_input_tokens": 100,
            "cache_creation": split(100 - own, own),
        }
        for own in (40, 60)
    ]
    reading = read_usage(
        {
            "cache_creation_input_tokens": 200,
            "cache_creation": split(0, for_an_hour),
            "iterations": requests,
        }
    )
    assert [part.cache_write_1h for part in reading.parts] == shares
    assert [part.cache_write for part in reading.parts] == [100, 100]


def test_an_advisor_is_read_with_its_model_and_counted():
    advisor = {"type": "advisor_message", "model": "claude-opus-5", "output_tokens": 7}
    reading = read_usage({"output_tokens": 5, "iterations": [advisor]})
    assert reading.parts == (Tokens(output=5),)
    assert reading.advice == (Advice("claude-opus-5", Tokens(output=7)),)
    assert reading.tokens == Tokens(output=12)


def test_thinking_is_part_of_the_output():
    tokens = read(output_tokens=50, output_tokens_details={"thinking_tokens": 30})
    assert (tokens.output, tokens.thinking) == (50, 30)


@pytest.mark.parametrize("usage", [{"output_tokens": 5}, {}, {"output_tokens": None}])
def test_uncounted_output_is_added_to_what_is_counted(usage):
    reading = read_usage(usage | {"input_tokens": 10}, uncounted_output_tokens=7)
    assert reading.tokens == Tokens(input=10, output=(usage.get("output_tokens") or 0) + 7)
    assert not reading.refused


def test_uncounted_output_is_no_thinking():
    usage = {"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 80}}
    tokens = read_usage(usage, uncounted_output_tokens=100).tokens
    assert (tokens.output, tokens.thinking) == (150, 50)


def test_uncounted_output_is_added_to_the_last_request_of_several():
    requests = [{"type": "message", "output_tokens": number} for number in (5, 7)]
    compaction = {"type": "compaction", "output_tokens": 50}
    advisor = {"type": "advisor_message", "model": "claude-opus-5", "output_tokens": 3}
    usage = {"output_tokens": 12, "iterations": [*requests, compaction, advisor]}
    reading = read_usage(usage, uncounted_output_tokens=100)
    assert [part.output for part in reading.parts] == [5, 107, 50]
    assert reading.advice == read_usage(usage).advice


def test_uncounted_output_beyond_what_a_call_can_have_is_refused():
    usage = {"output_tokens": MAX_COUNT}
    assert not read_usage(usage).refused
    assert read_usage(usage, uncounted_output_tokens=1).refused == ("output",)


def test_web_searches_are_read():
    assert read(server_tool_use={"web_search_requests": 3}).web_searches == 3


def test_missing_and_null_counts_are_zero_without_complaint():
    reading = read_usage({"input_tokens": None, "cache_creation": None, "server_tool_use": None})
    assert reading.tokens == Tokens()
    assert not reading.clamped
    assert not reading.refused


def test_a_negative_count_is_taken_as_zero_and_named():
    reading = read_usage({"input_tokens": -5, "output_tokens": 7})
    assert reading.tokens == Tokens(output=7)
    assert reading.clamped == ("input_tokens",)


@pytest.mark.parametrize("value", ["12", 1.5, True, [], {}, MAX_COUNT + 1, 10**400])
def test_a_count_that_means_nothing_is_refused_and_named(value):
    reading = read_usage({"input_tokens": value})
    assert reading.tokens == Tokens()
    assert reading.refused == ("input_tokens",)


@pytest.mark.parametrize("value", ["x", 5, [1], [None], {"type": "compaction"}])
def test_shapes_that_nobody_promised_harm_nothing(value):
    reading = read_usage(
        {"cache_creation": value, "iterations": value, "output_tokens_details": value}
    )
    assert reading.tokens == Tokens()
