import pytest
from django.utils.html import format_html

from agents.fragments import (
    REGION_TEMPLATES,
    render_appended,
    render_list_rows,
    render_live,
    render_regions,
    render_rows,
)
from agents.home import HomeSelection, find_rows
from agents.models import Decision, Prompt
from tests.agents.factories import make_agent, make_approval, make_event, make_session

HOSTILE = "<script>alert(1)</script><b hx-get='/x' onclick=a() style=b>\u202e\x1b[31m"


def assistant(text):
    return {"message": {"content": [{"type": "text", "text": text}]}}


def calls(tool, **given):
    block = {"type": "tool_use", "id": HOSTILE, "name": tool, "input": given}
    return {"message": {"content": [block]}}


def assert_inert(html):
    assert "<script" not in html
    assert "<b " not in html
    assert "\u202e" not in html
    assert "\x1b" not in html


def test_rows_carry_their_seq_and_quiet_lines_have_none(session):
    events = [
        make_event(session, 1, kind="system", payload={"subtype": "init"}),
        make_event(session, 2, payload=assistant("hello")),
    ]
    html = render_rows(events)
    assert html.count("<li") == 1
    assert 'id="event-2" data-seq="2"' in html
    assert render_rows(events[:1]) == ""


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("assistant", assistant(HOSTILE)),
        ("assistant", {"message": {"content": [{"type": "thinking", "thinking": HOSTILE}]}}),
        (
            "assistant",
            {
                "message": {
                    "content": [{"type": "tool_use", "name": HOSTILE, "input": {"a": HOSTILE}}]
                }
            },
        ),
        ("assistant", calls("TodoWrite", todos=[{"content": HOSTILE, "status": HOSTILE}])),
        ("assistant", calls("ExitPlanMode", plan=HOSTILE)),
        (
            "assistant",
            calls(
                "AskUserQuestion",
                questions=[{"question": HOSTILE, "options": [{"label": HOSTILE}]}],
            ),
        ),
        (
            "user",
            {
                "message": {"content": [{"type": "tool_result", "tool_use_id": HOSTILE}]},
                "tool_use_result": {"answers": {HOSTILE: HOSTILE}},
                "parent_tool_use_id": HOSTILE,
            },
        ),
        ("user", {"isReplay": True, "message": {"content": HOSTILE}}),
        ("user", {"message": {"content": [{"type": "tool_result", "content": HOSTILE}]}}),
        (
            "user",
            {
                "message": {"content": [{"type": "tool_result", "content": "ok"}]},
                "tool_use_result": {"filePath": HOSTILE, "structuredPatch": [{"lines": [HOSTILE]}]},
            },
        ),
        ("result", {"is_error": True, "result": HOSTILE}),
        ("raw", {"text": HOSTILE, "stream": HOSTILE}),
        ("oversized", {"bytes": 1, "text": HOSTILE}),
        ("cam", {"text": HOSTILE}),
        ("system", {"subtype": "api_retry", "attempt": HOSTILE}),
    ],
)
def test_hostile_output_is_inert(session, kind, payload):
    html = render_rows([make_event(session, 1, kind=kind, payload=payload)])
    assert "alert(1)" in html
    assert_inert(html)


def test_result_says_who_decided(session, alice, django_assert_num_queries):
    make_approval(session, tool_use_id="t1", decision=Decision.ALLOWED, decided_by=alice)
    make_approval(session, tool_use_id="t2", decision=Decision.DENIED, request_id="r2")
    results = [{"type": "tool_result", "tool_use_id": key, "content": "x"} for key in ("t1", "t2")]
    events = [
        make_event(session, seq, kind="user", payload={"message": {"content": [block]}})
        for seq, block in enumerate(results, 1)
    ]
    with django_assert_num_queries(1):
        html = render_rows(events)
    assert "allowed by alice" in html
    assert "denied by the edit mode" in html


def test_appended_rows_are_one_out_of_band_element():
    rows = format_html("<li>{}</li>", "<x>")
    assert render_appended(rows).strip() == (
        '<ol hx-swap-oob="beforeend:#transcript"><li>&lt;x&gt;</li></ol>'
    )
    assert "<li>" not in render_appended("<li>not made by a template</li>")
    assert render_appended("") == ""


def test_live_text_is_escaped_and_its_tail_is_shown():
    html = render_live("old" * 5000 + HOSTILE)
    assert_inert(html)
    assert len(html) < 7000
    assert 'id="live"' in html


def test_every_region_is_one_element_with_its_id(agent, approval):
    regions = render_regions(agent, oob=True)
    assert regions.keys() == REGION_TEMPLATES.keys()
    for key, html in regions.items():
        assert f'id="{key}"' in html.split(">")[0]
        assert 'hx-swap-oob="true"' in html.split(">")[0]
    assert all("hx-swap-oob" not in html for html in render_regions(agent).values())


def test_regions_take_few_queries(agent, session, django_assert_max_num_queries):
    for number in range(5):
        make_approval(session, request_id=f"r{number}")
    with django_assert_max_num_queries(4):
        render_regions(agent)


@pytest.mark.parametrize(
    ("status", "offered", "missing"),
    [
        ("working", {"Interrupt", "Stop"}, {"Resume", "Start"}),
        ("needs_you", {"Interrupt", "Stop"}, {"Resume", "Start"}),
        ("idle", {"Stop"}, {"Interrupt", "Resume", "Start"}),
        ("stopping", set(), {"Interrupt", "Stop", "Resume", "Start"}),
        ("stopped", {"Resume"}, {"Interrupt", "Stop", "Start"}),
        ("failed", {"Resume"}, {"Interrupt", "Stop", "Start"}),
    ],
)
def test_actions_fit_the_status(alice, status, offered, missing):
    agent = make_agent(alice, status=status, has_conversation=True)
    html = render_regions(agent)["agent-actions"]
    assert all(f">{word}</button>" in html for word in offered)
    assert not any(f">{word}</button>" in html for word in missing)


def test_status_shows_a_hostile_reason_harmlessly(alice):
    agent = make_agent(alice, status="failed", status_reason=HOSTILE)
    html = render_regions(agent)["agent-status"]
    assert "alert(1)" in html
    assert_inert(html)


def test_prompts_on_their_way_are_listed_until_they_begin(agent, alice):
    Prompt.objects.create(agent=agent, author=alice, text=f"first {HOSTILE}")
    Prompt.objects.create(agent=agent, author=alice, text="second", delivery="started")
    html = render_regions(agent)["agent-outbox"]
    assert "first" in html
    assert "second" not in html
    assert_inert(html)


def approval_html(session, tool_name, tool_input):
    approval = make_approval(session, tool_name=tool_name)
    approval.tool_input = tool_input
    approval.save()
    return render_regions(session.agent)["agent-approvals"]


def test_edit_can_be_allowed_once_for_a_turn_or_a_session(session):
    html = approval_html(session, "Edit", {"file_path": "a", "old_string": "x", "new_string": "y"})
    assert [word in html for word in ('value="once"', 'value="turn"', 'value="session"')] == [
        True
    ] * 3
    assert 'class="line-delete"' in html


def test_command_can_only_be_allowed_once(session):
    html = approval_html(session, "Bash", {"command": "rm -rf x", "description": "Clean"})
    assert "rm -rf x" in html
    assert 'value="turn"' not in html


def test_enter_in_the_message_of_a_refusal_never_allows(session):
    html = approval_html(session, "Bash", {"command": "ls"})
    form = next(part for part in html.split("<form") if 'name="message"' in part)
    assert 'value="deny"' in form
    assert 'value="once"' not in form


def test_what_is_typed_survives_a_swap(session):
    html = approval_html(session, "Bash", {"command": "ls"})
    message = next(part for part in html.split("<input") if 'name="message"' in part)
    assert "hx-preserve" in message.split(">")[0]
    assert 'id="message-' in message.split(">")[0]


def test_write_is_compared_with_the_workspace(alice, tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    session = make_session(make_agent(alice, workspace=str(tmp_path)))
    html = approval_html(
        session, "Write", {"file_path": "/workspace/a.txt", "content": "one\nthree\n"}
    )
    assert html.count('class="line-delete"') == 1
    assert html.count('class="line-add"') == 1


def test_write_outside_of_the_workspace_is_not_read(alice, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("the workspace's own\n")
    session = make_session(make_agent(alice, workspace=str(tmp_path)))
    html = approval_html(session, "Write", {"file_path": "/etc/hostname", "content": "x"})
    assert 'class="line-delete"' not in html


def test_questions_are_asked_with_their_options(session):
    question = {"question": f"Which? {HOSTILE}", "options": [{"label": "A"}, {"label": HOSTILE}]}
    html = approval_html(session, "AskUserQuestion", {"questions": [question]})
    assert html.count('type="radio"') == 2
    assert "Which?" in html
    assert_inert(html)


def test_plan_is_shown_as_markdown(session):
    html = approval_html(session, "ExitPlanMode", {"plan": f"# Plan\n\n{HOSTILE}"})
    assert "<h3>Plan</h3>" in html
    assert_inert(html)


@pytest.mark.parametrize(
    "tool_name", ["Edit", "Write", "Bash", "AskUserQuestion", "mcp__x", HOSTILE[:199]]
)
@pytest.mark.parametrize(
    "tool_input",
    [
        [],
        "x",
        {},
        {"content": None},
        {"questions": [None, {}]},
        {"command": 1},
        {"a": HOSTILE},
        {"plan": []},
    ],
)
def test_any_request_can_be_shown(session, tool_name, tool_input):
    html = approval_html(session, tool_name, tool_input)
    assert 'value="deny"' in html
    assert_inert(html)


def test_list_has_a_link_a_status_and_what_waits(
    alice, agent, approval, django_assert_max_num_queries
):
    make_agent(alice, name=HOSTILE)
    with django_assert_max_num_queries(3):
        html = render_list_rows(find_rows(alice, HomeSelection()), oob=True)
    assert html.strip().startswith('<ul id="agent-rows" class="agent-rows" hx-swap-oob="true">')
    assert f'href="/agents/{agent.pk}/"' in html
    assert "1 to answer" in html
    assert_inert(html)


def test_empty_list_says_what_to_do(alice):
    assert "No agents yet" in render_list_rows(find_rows(alice, HomeSelection()))
