from decimal import Decimal

import pytest

from metrics_app.transcript import MAX_TOOL_CALLS, MessageFacts, read_cli_total, read_message
from tests.metrics_app.transcripts import answer_payload

STRANGE = [None, 5, "x", [], [1], {}, {"message": 5}, {"message": {"id": 5}}, {"message": []}]


def tool(name, use_id="toolu_1"):
    return {"type": "tool_use", "id": use_id, "name": name, "input": {}}


def test_a_message_without_tools_is_known_by_its_id():
    facts = read_message(answer_payload("msg_1", {"type": "text", "text": "hello"}))
    assert facts == MessageFacts("msg_1")


def test_it_names_the_first_tool_and_counts_all():
    facts = read_message(answer_payload("msg_1", tool("Bash", "toolu_1"), tool("Read", "toolu_2")))
    assert (facts.tool_name, facts.tool_use_id, facts.tool_calls) == ("Bash", "toolu_1", 2)


def test_a_subagents_message_names_the_call_it_worked_for():
    facts = read_message(answer_payload("msg_1", parent="toolu_9"))
    assert facts.parent_tool_use_id == "toolu_9"


def start(use_id="toolu_1", subagent="Explore"):
    return tool("Agent", use_id) | {"input": {"subagent_type": subagent}}


def test_a_call_that_starts_a_subagent_tells_its_type():
    facts = read_message(answer_payload("msg_1", start(), tool("Bash"), start("toolu_2", "Plan")))
    assert facts.subagents == (("toolu_1", "Explore"), ("toolu_2", "Plan"))
    assert MessageFacts("msg_1").followed_by(facts).subagents == facts.subagents


@pytest.mark.parametrize(
    "block",
    [
        start(subagent=5),
        start(subagent=""),
        start(use_id=None),
        tool("Agent") | {"input": None},
        tool("Agent") | {"input": ["subagent_type"]},
    ],
)
def test_a_start_without_type_or_id_is_none(block):
    assert read_message(answer_payload("msg_1", block)).subagents == ()


def test_a_subagents_type_is_bounded():
    ((_, subagent),) = read_message(answer_payload("msg_1", start(subagent="x" * 999))).subagents
    assert len(subagent) == 100


def test_what_the_cli_writes_itself_is_no_answer():
    assert read_message(answer_payload("c0ffee", model="<synthetic>")) is None


def test_blocks_of_a_message_add_up_in_their_order():
    text = MessageFacts("msg_1")
    first = MessageFacts("msg_1", "", "Bash", "toolu_1", 1)
    second = MessageFacts("msg_1", "toolu_9", "Read", "toolu_2", 1)
    assert text.followed_by(first).followed_by(second) == MessageFacts(
        "msg_1", "toolu_9", "Bash", "toolu_1", 2
    )


@pytest.mark.parametrize("payload", STRANGE)
def test_a_line_of_another_shape_is_no_message(payload):
    assert read_message(payload) is None


@pytest.mark.parametrize("content", [None, 5, "x", {}, [None], [5], [{"type": []}]])
def test_strange_content_has_no_tools(content):
    payload = answer_payload("msg_1")
    payload["message"]["content"] = content
    assert read_message(payload).tool_calls == 0


def test_texts_and_counts_are_bounded():
    payload = answer_payload("m" * 999, *[tool("t" * 999, "i" * 999)] * 5000, parent="p" * 999)
    facts = read_message(payload)
    assert (len(facts.message_id), len(facts.tool_name)) == (200, 200)
    assert (len(facts.tool_use_id), len(facts.parent_tool_use_id)) == (100, 100)
    assert facts.tool_calls == MAX_TOOL_CALLS


def test_names_that_are_no_text_are_empty():
    facts = read_message(answer_payload("msg_1", {"type": "tool_use", "id": 5, "name": [1]}))
    assert (facts.tool_name, facts.tool_use_id, facts.tool_calls) == ("", "", 1)


@pytest.mark.parametrize(
    ("total", "read"),
    [(0, "0"), (0.00914, "0.00914"), (0.045700000000000005, "0.0457"), (1e-12, "0"), (3, "3")],
)
def test_the_clis_float_is_rounded_to_our_step(total, read):
    assert read_cli_total({"total_cost_usd": total}) == Decimal(read)


@pytest.mark.parametrize(
    "total", [None, "0.1", True, [], {}, -0.1, 1e300, 10**400, float("nan"), float("inf")]
)
def test_a_total_that_means_nothing_is_none(total):
    assert read_cli_total({"total_cost_usd": total}) is None


@pytest.mark.parametrize("payload", [*STRANGE])
def test_a_line_without_a_total_has_none(payload):
    assert read_cli_total(payload) is None
