import pytest

from agents.models import Agent, ControlRequest, EditMode, Prompt, Status
from tests.agents.factories import make_agent, make_event, make_session

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def _quiet(rung, sent_tasks):
    """No broker and no doorbells here."""


def url(agent, action=""):
    return f"/agents/{agent.pk}/{action}"


ACTIONS = {
    "prompts/": {"text": "hello"},
    "interrupt/": {},
    "stop/": {},
    "resume/": {},
    "edit-mode/": {"edit_mode": "off"},
    "model/": {"model": "claude-haiku-4-5"},
}
PAGES = ["", "events/", "delete/"]


@pytest.mark.parametrize("action", [*ACTIONS, "delete/"])
def test_strangers_cannot_act(client, charlie, agent, action):
    client.force_login(charlie)
    before = Agent.objects.values().get()
    assert client.post(url(agent, action), ACTIONS.get(action)).status_code == 404
    assert Agent.objects.values().get() == before
    assert not Prompt.objects.exists()


@pytest.mark.parametrize("page", PAGES)
def test_strangers_cannot_look(client, charlie, agent, page):
    client.force_login(charlie)
    assert client.get(url(agent, page)).status_code == 404


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_reject_get(as_alice, agent, action):
    assert as_alice.get(url(agent, action)).status_code == 405


@pytest.mark.parametrize("page", ["", "events/"])
def test_pages_reject_post(as_alice, agent, page):
    assert as_alice.post(url(agent, page)).status_code == 405


@pytest.mark.parametrize("path", ["/", "/agents/new/", "/account/", "/workspaces/browse/"])
def test_anonymous_is_sent_to_the_login(client, db, path):
    response = client.get(path)
    assert (response.status_code, response.url) == (302, f"/accounts/login/?next={path}")


def test_anonymous_cannot_act_and_htmx_is_told_so_without_losing_its_page(client, agent):
    response = client.post(url(agent, "stop/"), HTTP_HX_REQUEST="true")
    assert response.status_code == 401
    assert "HX-Redirect" not in response.headers
    assert Agent.objects.get().status == Status.IDLE


def test_csrf_is_required(alice, agent):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    response = client.post(url(agent, "stop/"))
    assert response.status_code == 403
    assert Agent.objects.get().status == Status.IDLE


def test_list_shows_own_agents_only(as_alice, agent, bob):
    make_agent(bob, name="Of bob")
    content = as_alice.get("/").content.decode()
    assert "Fix the cart" in content
    assert "Of bob" not in content
    assert 'ws-connect="/ws/pages/agents/"' in content


def test_page_shows_agent_and_transcript(as_alice, agent, session):
    make_event(session, 1, payload={"message": {"content": "hello there"}})
    content = as_alice.get(url(agent)).content.decode()
    assert "hello there" in content
    assert 'data-after="1"' in content
    assert f'ws-connect="/ws/pages/agents/{agent.pk}/"' in content


def test_transcript_cannot_carry_htmx_and_forms_lie_outside(as_alice, agent, approval):
    content = as_alice.get(url(agent)).content.decode()
    transcript = content[content.index('<ol id="transcript"') : content.index("</ol>")]
    assert "hx-disable" in transcript.split(">")[0]
    assert "<form" not in transcript
    assert 'id="agent-approvals"' not in transcript


def test_page_holds_the_last_rows_and_offers_earlier_ones(as_alice, agent, session, monkeypatch):
    monkeypatch.setattr("agents.views.transcript.PAGE_ROWS", 3)
    for seq in range(1, 6):
        make_event(session, seq, payload={"message": {"content": f"line {seq}"}})
    content = as_alice.get(url(agent)).content.decode()
    assert ("line 3" in content, "line 2" in content) == (True, False)
    assert "events/?before=3" in content
    earlier = as_alice.get(url(agent, "events/?before=3"), **HTMX).content.decode()
    assert ("line 1" in earlier, "line 3" in earlier) == (True, False)
    assert 'id="earlier" class="earlier" hx-swap-oob="true" hidden' in earlier


@pytest.mark.parametrize("before", ["", "0", "x", "-1", "9" * 30, "٣"])
def test_earlier_rows_tolerate_any_number(as_alice, agent, before):
    assert as_alice.get(url(agent, "events/"), {"before": before}).status_code == 200


def test_send_queues_the_prompt(as_alice, agent, alice):
    response = as_alice.post(url(agent, "prompts/"), {"text": "do\nit"}, **HTMX)
    assert (response.status_code, response.content.strip()) == (200, b"")
    prompt = Prompt.objects.get()
    assert (prompt.text.splitlines(), prompt.author) == (["do", "it"], alice)


def test_without_htmx_actions_lead_back_to_the_page(as_alice, agent):
    response = as_alice.post(url(agent, "prompts/"), {"text": "hello"})
    assert (response.status_code, response.url) == (302, url(agent))


@pytest.mark.parametrize("text", ["", "   ", "x" * 200_001])
def test_bad_prompts_are_refused_near_the_form(as_alice, agent, text):
    response = as_alice.post(url(agent, "prompts/"), {"text": text}, **HTMX)
    assert response.status_code == 422
    assert b'class="error"' in response.content
    assert not Prompt.objects.exists()


def test_without_htmx_an_error_is_a_message(as_alice, agent):
    response = as_alice.post(url(agent, "prompts/"), {"text": ""}, follow=True)
    assert "The prompt is empty." in response.content.decode()


def test_interrupt_asks_the_cli(as_alice, agent):
    assert as_alice.post(url(agent, "interrupt/"), **HTMX).status_code == 200
    assert ControlRequest.objects.get().kind == "interrupt"


def test_interrupt_of_a_stopped_agent_says_so(as_alice, stopped_agent):
    response = as_alice.post(url(stopped_agent, "interrupt/"), **HTMX)
    assert (response.status_code, b"not running" in response.content) == (422, True)


def test_stop_twice_is_quiet(as_alice, agent):
    assert as_alice.post(url(agent, "stop/"), **HTMX).status_code == 200
    assert as_alice.post(url(agent, "stop/"), **HTMX).status_code == 200
    assert Agent.objects.get().status == Status.STOPPING


def test_resume_starts_and_twice_is_clear(as_alice, stopped_agent):
    assert as_alice.post(url(stopped_agent, "resume/"), **HTMX).status_code == 200
    response = as_alice.post(url(stopped_agent, "resume/"), **HTMX)
    assert (response.status_code, b"already running" in response.content) == (422, True)


def test_edit_mode_changes(as_alice, agent):
    assert as_alice.post(url(agent, "edit-mode/"), {"edit_mode": "off"}, **HTMX).status_code == 200
    assert Agent.objects.get().edit_mode == EditMode.OFF


def test_model_changes(as_alice, agent):
    response = as_alice.post(url(agent, "model/"), {"model": "claude-haiku-4-5"}, **HTMX)
    assert response.status_code == 200
    assert Agent.objects.get().model == "claude-haiku-4-5"


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("edit-mode/", {}),
        ("edit-mode/", {"edit_mode": "bypassPermissions"}),
        ("model/", {}),
        ("model/", {"model": "<script>"}),
    ],
)
def test_bad_settings_are_refused(as_alice, agent, action, data):
    before = Agent.objects.values().get()
    response = as_alice.post(url(agent, action), data, **HTMX)
    assert response.status_code == 422
    assert b"<script>" not in response.content
    assert Agent.objects.values().get() == before


def test_delete_asks_first(as_alice, agent):
    assert b"Delete the agent" in as_alice.get(url(agent, "delete/")).content
    assert Agent.objects.get().deleted_at is None
    response = as_alice.post(url(agent, "delete/"))
    assert (response.status_code, response.url) == (302, "/")
    assert Agent.objects.get().deleted_at is not None


def test_deleted_agent_is_gone(as_alice, agent):
    as_alice.post(url(agent, "delete/"))
    assert as_alice.get(url(agent)).status_code == 404
    assert as_alice.post(url(agent, "delete/")).status_code == 404


def launch(client, workspace, **fields):
    data = {"workspace": str(workspace), "model": "claude-opus-5-5", "edit_mode": "ask"}
    return client.post("/agents/new/", data | fields)


def test_launch_makes_an_agent_and_shows_it(as_alice, alice, workspace):
    response = launch(as_alice, workspace, prompt="go", name="Mine")
    agent = Agent.objects.get()
    assert response.url == url(agent)
    assert (agent.owner, agent.name, agent.workspace) == (alice, "Mine", str(workspace))
    assert agent.prompts.get().text == "go"


@pytest.mark.parametrize("path", ["", "/etc", "/missing", "relative", "/tmp/../etc"])
def test_launch_elsewhere_is_refused(as_alice, workspace, path):
    response = launch(as_alice, path)
    assert (response.status_code, b'role="alert"' in response.content) == (200, True)
    assert not Agent.objects.exists()


def test_launch_past_the_limit_is_refused_clearly(as_alice, workspace, settings):
    settings.CAM_MAX_AGENTS_PER_USER = 1
    launch(as_alice, workspace)
    assert "as many as this site allows" in launch(as_alice, workspace).content.decode()
    assert Agent.objects.count() == 1


def test_pages_take_few_queries(as_alice, alice, agent, django_assert_max_num_queries):
    for number in range(8):
        make_session(make_agent(alice, name=f"agent {number}"))
    with django_assert_max_num_queries(6):
        as_alice.get("/")
    with django_assert_max_num_queries(12):
        as_alice.get(url(agent))
