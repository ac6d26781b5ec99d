"""The prompt box and the settings beside it."""

import pytest
from django.urls import reverse

from agents.models import Agent, ControlRequest, Delivery, Prompt

HTMX = {"HTTP_HX_REQUEST": "true"}
ACTIONS = {
    "agent_effort": {"effort": "high"},
    "agent_plan_mode": {"plans_first": "on"},
}


def path(name, *arguments):
    return reverse(name, args=arguments)


def requests_of(session):
    return list(session.control_requests.values_list("kind", "arguments"))


@pytest.mark.parametrize("name", ACTIONS)
def test_get_is_refused(as_alice, agent, name):
    assert as_alice.get(path(name, agent.pk)).status_code == 405


def test_effort_is_kept_and_told_to_the_cli(as_alice, agent, session):
    assert (
        as_alice.post(path("agent_effort", agent.pk), {"effort": "high"}, **HTMX).status_code == 200
    )
    assert Agent.objects.get().effort == "high"
    as_alice.post(path("agent_effort", agent.pk), {"effort": ""}, **HTMX)
    assert requests_of(session) == [
        ("apply_flag_settings", {"settings": {"effortLevel": "high"}}),
        ("apply_flag_settings", {"settings": {"effortLevel": None}}),
    ]


def test_unknown_effort_is_refused(as_alice, agent):
    response = as_alice.post(path("agent_effort", agent.pk), {"effort": "heroic"}, **HTMX)
    assert response.status_code == 422
    assert not ControlRequest.objects.exists()


def test_plan_mode_is_switched_on_and_off(as_alice, agent, session):
    as_alice.post(path("agent_plan_mode", agent.pk), {"plans_first": "on"}, **HTMX)
    assert Agent.objects.get().plans_first
    as_alice.post(path("agent_plan_mode", agent.pk), {}, **HTMX)
    assert not Agent.objects.get().plans_first
    assert requests_of(session) == [
        ("set_permission_mode", {"mode": "plan"}),
        ("set_permission_mode", {"mode": "default"}),
    ]


def test_stopped_agent_keeps_the_choice_for_its_next_start(as_alice, stopped_agent):
    as_alice.post(path("agent_plan_mode", stopped_agent.pk), {"plans_first": "on"}, **HTMX)
    assert Agent.objects.get().plans_first
    assert not ControlRequest.objects.exists()


def test_queued_prompt_is_removed_at_once(as_alice, agent, alice):
    prompt = Prompt.objects.create(agent=agent, author=alice, text="never mind")
    address = path("prompt_remove", agent.pk, prompt.pk)
    assert as_alice.get(address).status_code == 405
    for _ in range(2):
        assert as_alice.post(address, **HTMX).status_code == 200
    prompt.refresh_from_db()
    assert prompt.delivery == Delivery.CANCELLED
    assert not ControlRequest.objects.exists()


def test_prompt_that_the_cli_has_is_asked_back(as_alice, agent, session, alice):
    prompt = Prompt.objects.create(
        agent=agent, author=alice, text="never mind", delivery="received", session=session
    )
    as_alice.post(path("prompt_remove", agent.pk, prompt.pk), **HTMX)
    assert requests_of(session) == [("cancel_async_message", {"message_uuid": str(prompt.pk)})]


def test_begun_prompt_is_left_alone(as_alice, agent, session, alice):
    prompt = Prompt.objects.create(
        agent=agent, author=alice, text="go", delivery="started", session=session
    )
    assert as_alice.post(path("prompt_remove", agent.pk, prompt.pk), **HTMX).status_code == 200
    prompt.refresh_from_db()
    assert prompt.delivery == "started"
    assert not ControlRequest.objects.exists()


def test_box_offers_own_prompts_and_the_clis_commands(as_alice, as_bob, agent, session, alice):
    for text in ("one", "two", "one"):
        Prompt.objects.create(agent=agent, author=alice, text=text)
    session.commands = [{"name": "compact", "description": "", "hint": ""}]
    session.save()
    offers = as_alice.get(path("agent_composer", agent.pk)).json()
    assert offers["history"] == ["one", "two"]
    assert [command["name"] for command in offers["commands"]] == ["compact"]
    assert as_bob.get(path("agent_composer", agent.pk)).status_code == 404


def test_api_changes_what_is_given(as_alice, agent):
    address = f"/api/agents/{agent.pk}"
    answer = as_alice.patch(address, '{"effort": "low"}', content_type="application/json")
    assert (answer.json()["effort"], answer.json()["plans_first"]) == ("low", False)
    answer = as_alice.patch(address, '{"plans_first": true}', content_type="application/json")
    assert (answer.json()["effort"], answer.json()["plans_first"]) == ("low", True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"effort": "heroic"}', 422),
        ('{"model": "gpt"}', 400),
        ('{"owner": "bob"}', 422),
        ("x", 400),
    ],
)
def test_api_refuses_bad_changes(as_alice, agent, body, status):
    answer = as_alice.patch(f"/api/agents/{agent.pk}", body, content_type="application/json")
    assert (answer.status_code, "reason" in answer.json()) == (status, True)
    assert Agent.objects.get().effort == ""


def test_api_takes_a_prompt_back(as_alice, agent, alice):
    prompt = Prompt.objects.create(agent=agent, author=alice, text="never mind")
    assert as_alice.delete(f"/api/agents/{agent.pk}/prompts/{prompt.pk}").status_code == 204
    prompt.refresh_from_db()
    assert prompt.delivery == Delivery.CANCELLED
