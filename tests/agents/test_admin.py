from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from agents.admin import cut
from agents.models import (
    Agent,
    AgentSession,
    ApiToken,
    ApprovalRequest,
    Channel,
    ContainerInspection,
    ControlRequest,
    Dispatch,
    Kind,
    LaunchDefaults,
    LiveText,
    Notification,
    NotificationChoice,
    OwnKey,
    Prompt,
    PushSubscription,
    SessionEvent,
    SiteSetting,
    SiteSettingChange,
    Status,
    Webhook,
    WorkspaceRoot,
)
from tests.agents.factories import (
    make_agent,
    make_approval,
    make_event,
    make_inspection,
    make_session,
)

LISTED = [
    Agent,
    AgentSession,
    ContainerInspection,
    SessionEvent,
    Prompt,
    ControlRequest,
    ApprovalRequest,
    ApiToken,
    LiveText,
    WorkspaceRoot,
    Notification,
    NotificationChoice,
    PushSubscription,
    Webhook,
    Dispatch,
    LaunchDefaults,
    OwnKey,
    SiteSetting,
    SiteSettingChange,
]
KINDS_AND_CHANNELS = [(kind, channel) for kind in Kind for channel in Channel]
ONE_A_USER = {Webhook, LaunchDefaults, OwnKey}
READ_ONLY = [model for model in LISTED if model is not WorkspaceRoot]


@pytest.fixture
def site(client, staff):
    """The browser of an administrator."""
    staff.is_superuser = True
    staff.save()
    client.force_login(staff)
    return client


def url(model, page, *args):
    return reverse(f"admin:agents_{model._meta.model_name}_{page}", args=args)


def make_rows(owner, number):
    """A row in every model that the admin lists, each with relations of its own."""
    agent = make_agent(owner, name=f"Agent {number}")
    session = make_session(agent)
    make_event(session, 1)
    make_inspection(session)
    make_approval(session, decision="denied", decided_by=owner)
    Prompt.objects.create(agent=agent, author=owner, text="Hello")
    session.control_requests.create(kind="interrupt")
    token = ApiToken(user=owner, name="laptop")
    token.set_secret()
    token.save()
    root = WorkspaceRoot.objects.create(path=f"/srv/{number}", for_everyone=False)
    root.users.add(owner)
    make_told(owner, agent, number)
    return agent


def make_told(owner, agent, number):
    """What the Config page and notifications leave; whatever holds `hidden-` is a secret."""
    told = Notification.objects.create(user=owner, agent=agent, kind="failed", occasion="1")
    kind, channel = KINDS_AND_CHANNELS[number]
    NotificationChoice.objects.create(user=owner, kind=kind, channel=channel)
    device = PushSubscription.objects.create(
        user=owner,
        endpoint="https://push.example.org/hidden-1",
        endpoint_digest=str(number),
        p256dh="hidden-2",
        auth="hidden-3",
        device="Chrome",
    )
    Dispatch.objects.create(
        user=owner, notification=told, channel="push", subscription=device, due_at=timezone.now()
    )
    Webhook.objects.get_or_create(
        user=owner, url="https://hooks.example.org/hidden-4", encrypted_secret="hidden-5"
    )
    LaunchDefaults.objects.get_or_create(user=owner)
    OwnKey.objects.update_or_create(
        user=owner,
        defaults={"encrypted_key": "hidden-6", "hint": "Zz99", "set_at": timezone.now()},
    )
    SiteSetting.objects.create(name=f"CAM_{number}", value="x")
    SiteSettingChange.objects.create(name=f"CAM_{number}", changed_by=owner)


def test_every_model_is_registered():
    registered = {model for model in admin.site._registry if model._meta.app_label == "agents"}
    assert registered == set(apps.get_app_config("agents").get_models())


@pytest.mark.parametrize("model", LISTED)
def test_list_costs_the_same_for_many(
    site, alice, bob, model, django_assert_max_num_queries, django_assert_num_queries
):
    make_rows(alice, 0)
    with django_assert_max_num_queries(15) as few:
        site.get(url(model, "changelist"))
    for number in range(1, 5):
        make_rows(bob if number % 2 else alice, number)
    with django_assert_num_queries(len(few)):
        response = site.get(url(model, "changelist"))
    assert len(response.context["cl"].result_list) == (2 if model in ONE_A_USER else 5)


@pytest.mark.parametrize("model", LISTED)
@pytest.mark.parametrize("term", ["shop", "", "0b0e8f0c-5f0e-4c39-9a0e-3a2f5c1d7e11", "%\\'\x00"])
def test_search_takes_any_text(site, alice, model, term):
    make_rows(alice, 0)
    assert site.get(url(model, "changelist"), {"q": term}).status_code == 200


@pytest.mark.parametrize("model", [Agent, AgentSession, SessionEvent, Prompt, ApprovalRequest])
def test_search_finds_by_the_agents_id(site, alice, model):
    agent = make_rows(alice, 0)
    make_rows(alice, 1)
    found = site.get(url(model, "changelist"), {"q": str(agent.pk)}).context["cl"].result_list
    assert len(found) == 1


@pytest.mark.parametrize("model", LISTED)
def test_page_of_one_row_opens(site, alice, model):
    make_rows(alice, 0)
    assert site.get(url(model, "change", model.objects.get().pk)).status_code == 200


@pytest.mark.parametrize("model", READ_ONLY)
def test_rows_of_the_portal_are_neither_added_nor_changed(site, alice, model):
    make_rows(alice, 0)
    row = model.objects.get()
    before = model.objects.values().get()
    assert site.get(url(model, "add")).status_code == 403
    assert site.post(url(model, "change", row.pk), {"name": "x"}).status_code == 403
    assert model.objects.values().get() == before


@pytest.mark.parametrize("model", [model for model in READ_ONLY if model is not ApiToken])
def test_rows_of_the_portal_are_not_deleted(site, alice, model):
    make_rows(alice, 0)
    row = model.objects.get()
    assert site.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model.objects.exists()


@pytest.mark.parametrize("model", LISTED)
def test_who_is_no_staff_is_sent_away(client, alice, model):
    client.force_login(alice)
    assert client.get(url(model, "changelist")).status_code == 302


@pytest.mark.parametrize("model", LISTED)
def test_staff_without_permission_sees_nothing(client, staff, model):
    client.force_login(staff)
    assert client.get(url(model, "changelist")).status_code == 403


@pytest.mark.parametrize("model", [Webhook, OwnKey, PushSubscription])
def test_secrets_of_users_are_never_shown(site, alice, model):
    make_rows(alice, 0)
    row = model.objects.get()
    for page in (url(model, "changelist"), url(model, "change", row.pk)):
        assert "hidden-" not in site.get(page).text


def test_token_hash_is_never_shown(site, alice):
    make_rows(alice, 0)
    token = ApiToken.objects.get()
    for page in (url(ApiToken, "changelist"), url(ApiToken, "change", token.pk)):
        assert token.digest not in site.get(page).text


def test_token_is_revoked_by_deleting_it(site, alice):
    make_rows(alice, 0)
    token = ApiToken.objects.get()
    response = site.post(url(ApiToken, "delete", token.pk), {"post": "yes"})
    assert response.status_code == 302
    assert not ApiToken.objects.exists()


def test_root_is_made_for_some_users(site, alice):
    body = {"path": "/srv/new", "users": [alice.pk]}
    assert site.post(url(WorkspaceRoot, "add"), body).status_code == 302
    root = WorkspaceRoot.objects.get()
    assert (root.for_everyone, list(root.users.all())) == (False, [alice])


def run_stop(site, *agents):
    body = {"action": "stop", "_selected_action": [str(agent.pk) for agent in agents]}
    return site.post(url(Agent, "changelist"), body, follow=True)


def test_stop_stops_what_runs_and_names_what_does_not(
    site, agent, session, stopped_agent, sent_tasks, on_commit
):
    with on_commit():
        response = run_stop(site, agent, stopped_agent)
    agent.refresh_from_db()
    stopped_agent.refresh_from_db()
    assert (agent.status, stopped_agent.status) == (Status.STOPPING, Status.STOPPED)
    assert sent_tasks == [("agents.tasks.stop_session", [session.pk])]
    assert "Stopping: 1." in response.text
    assert "Done for today: The agent is not running." in response.text


def test_stop_needs_more_than_the_right_to_look(client, staff, agent):
    staff.user_permissions.add(Permission.objects.get(codename="view_agent"))
    client.force_login(staff)
    assert "Fix the cart" in client.get(url(Agent, "changelist")).text
    run_stop(client, agent)
    agent.refresh_from_db()
    assert agent.status == Status.IDLE


def run_action(site, name, agent):
    body = {"action": name, "_selected_action": [str(agent.pk)]}
    return site.post(url(Agent, "changelist"), body, follow=True)


def test_site_is_drained_and_the_drain_ended(site, agent):
    assert "No agent is started" in run_action(site, "drain", agent).text
    assert SiteSetting.objects.get().value == "true"
    assert "started again" in run_action(site, "end_drain", agent).text
    assert SiteSetting.objects.get().value == "false"


def test_drain_needs_more_than_the_right_to_look(client, staff, agent):
    staff.user_permissions.add(Permission.objects.get(codename="view_agent"))
    client.force_login(staff)
    run_action(client, "drain", agent)
    assert not SiteSetting.objects.exists()


def test_deleted_agents_can_be_found(site, alice, agent):
    make_agent(alice, name="Gone", deleted_at=timezone.now() - timedelta(days=1))
    response = site.get(url(Agent, "changelist"), {"deleted_at__isempty": "0"})
    assert [found.name for found in response.context["cl"].result_list] == ["Gone"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", ""), ("a\n b", "a b"), ("x" * 80, "x" * 80), ("x" * 10**6, "x" * 79 + "…")],
)
def test_long_text_is_cut_to_a_line(text, shown):
    assert cut(text) == shown
