import pytest

from agents.context_use import MAX_TOKENS, context_tokens, context_window

USAGE = {"input_tokens": 4, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 100}


def test_context_is_what_the_model_was_sent():
    assert context_tokens({"message": {"usage": USAGE}}) == 114


def test_subagents_have_a_context_of_their_own():
    assert context_tokens({"parent_tool_use_id": "t", "message": {"usage": USAGE}}) is None


@pytest.mark.parametrize(
    "payload",
    [{}, {"message": 1}, {"message": {"usage": []}}, {"message": {"usage": {"input_tokens": -5}}}],
)
def test_malformed_usage_is_none(payload):
    assert context_tokens(payload) is None


def test_absurd_counts_fit_the_database():
    usage = {"input_tokens": 10**400, "cache_read_input_tokens": True}
    assert context_tokens({"message": {"usage": usage}}) == MAX_TOKENS


def test_window_is_that_of_the_agents_model():
    usage = {"small": {"contextWindow": 200_000}, "large": {"contextWindow": 1_000_000}}
    assert context_window({"modelUsage": usage}, "small") == 200_000
    assert context_window({"modelUsage": usage}, "other") == 1_000_000


@pytest.mark.parametrize("usage", [None, [], {"m": 1}, {"m": {}}, {"m": {"contextWindow": "x"}}])
def test_malformed_window_is_none(usage):
    assert context_window({"modelUsage": usage}, "m") is None
