"""Whoever asks: `visible_to` of every model shows what is the user's own, and nothing else."""

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.utils import timezone

from agents.models import (
    Agent,
    AgentSession,
    AgentViewer,
    ApiToken,
    ApprovalRequest,
    AuditRecord,
    ContainerInspection,
    Dispatch,
    EventImage,
    EventText,
    GitJob,
    Notification,
    Prompt,
    PushSubscription,
    Screenshot,
    SessionEvent,
    Webhook,
    WorkspaceRoot,
    Worktree,
)
from tests.agents.factories import make_event, make_inspection

OWNED_BY_AGENT = [
    *(Agent, AgentSession, ApprovalRequest, ContainerInspection, EventImage, EventText, Prompt),
    *(Screenshot, SessionEvent, AgentViewer),
]
OWNED = [
    *OWNED_BY_AGENT,
    *(ApiToken, Notification, PushSubscription, Webhook, Dispatch, GitJob, Worktree, AuditRecord),
]


@pytest.fixture
def rows(alice, agent, session, approval):
    """One row of alice's in every model."""
    event = make_event(session, 1)
    EventText.objects.create(event=event, agent=agent, text="line 1")
    EventImage.objects.create(event=event, agent=agent, number=0, data=b"")
    Screenshot.objects.create(agent=agent, author=alice, width=1, height=1, data=b"")
    make_inspection(session)
    AgentViewer.objects.create(agent=agent, user=alice, seen_at=timezone.now())
    Prompt.objects.create(agent=agent, author=alice, text="Hello")
    token = ApiToken(user=alice, name="laptop")
    token.set_secret()
    token.save()
    Notification.objects.create(user=alice, agent=agent, kind="ended", occasion="1")
    PushSubscription.objects.create(user=alice)
    Webhook.objects.create(user=alice)
    AuditRecord.objects.create(user=alice, agent=agent, act="stop")
    GitJob.objects.create(user=alice, action="look", folder="/srv/shop")
    Worktree.objects.create(
        agent=agent, repository="/srv/shop", path="/srv/shop/.cam/a", branch="a"
    )
    Dispatch.objects.create(user=alice, channel="email", due_at=timezone.now())


def test_every_model_that_has_visible_to_is_tested_here():
    models = {
        model
        for model in apps.get_app_config("agents").get_models()
        if hasattr(model.objects, "visible_to")
    }
    assert models == {*OWNED, WorkspaceRoot}


@pytest.mark.parametrize("model", OWNED)
def test_owner_sees_the_row(rows, alice, model):
    assert model.objects.visible_to(alice).count() == 1


@pytest.mark.parametrize("model", OWNED)
def test_strangers_see_nothing(rows, charlie, staff, model):
    for user in (charlie, staff, AnonymousUser()):
        assert not model.objects.visible_to(user).exists()


@pytest.mark.parametrize("model", OWNED_BY_AGENT)
def test_rows_of_a_deleted_agent_are_gone(rows, alice, agent, model):
    Agent.objects.filter(pk=agent.pk).update(deleted_at=timezone.now())
    assert not model.objects.visible_to(alice).exists()


def test_root_for_everyone_is_seen_by_who_is_signed_in(alice, charlie):
    WorkspaceRoot.objects.create(path="/srv/all")
    for user, count in ((alice, 1), (charlie, 1), (AnonymousUser(), 0)):
        assert WorkspaceRoot.objects.visible_to(user).count() == count


def test_root_of_some_is_seen_by_them_only_and_once(alice, bob, charlie):
    root = WorkspaceRoot.objects.create(path="/srv/some", for_everyone=False)
    root.users.add(alice, bob)
    for user, count in ((alice, 1), (bob, 1), (charlie, 0), (AnonymousUser(), 0)):
        assert WorkspaceRoot.objects.visible_to(user).count() == count


def test_root_has_to_be_absolute():
    WorkspaceRoot(path="/srv/workspaces").clean()
    with pytest.raises(ValidationError, match="absolute"):
        WorkspaceRoot(path="srv/workspaces").clean()
