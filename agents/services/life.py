"""Launch, resume, stop and delete agents; end their sessions."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agents.defaults import default_model
from agents.errors import AlreadyRunning, LimitReached, NotRunning, WorkspaceProblem
from agents.models import (
    Act,
    Agent,
    AgentSession,
    Decision,
    Delivery,
    EditMode,
    LiveText,
    Prompt,
    Status,
    Worktree,
)
from agents.models.agent import ENDED_STATUSES, LIVE_STATUSES
from agents.services.acts import record_act
from agents.services.bells import ring_everyone
from agents.services.checks import check_edit_mode, check_model, check_prompt_length
from agents.services.git import check_repository, confine_to_roots, plan_worktree
from agents.services.notifications import end_need, tell_end
from agents.services.queue import enqueue
from agents.site_settings import current


def launch_agent(
    *,
    owner: User,
    workspace: str,
    model: str = "",
    name: str = "",
    edit_mode: str = EditMode.ASK,
    prompt: str = "",
    own_branch: bool = False,
    source: str = Prompt.Source.TYPED,
) -> Agent:
    """Create an agent on a folder beneath one of the owner's roots and start it.

    Without a model it gets the owner's default, or the site's first. With `own_branch` it works in
    a work tree of its own of the folder's repository.

    Raises WorkspaceProblem, LimitReached or InvalidRequest.
    """
    model = model or default_model(owner)
    check_model(model)
    check_edit_mode(edit_mode)
    check_prompt_length(prompt)
    folder = confine_to_roots(owner, workspace)
    if own_branch:
        check_repository(owner, folder)
    with transaction.atomic():
        _check_may_start(owner)
        agent = Agent.objects.create(
            owner=owner,
            name=name.strip()[:100] or folder.rsplit("/", 1)[-1],
            workspace=folder,
            model=model,
            edit_mode=edit_mode,
            status=Status.STARTING,
            node=settings.CAM_NODE_NAME,
        )
        LiveText.objects.create(agent=agent)
        if own_branch:
            plan_worktree(agent, folder)
        record_act(owner, Act.LAUNCH, agent, agent.workspace)
        if prompt.strip():
            Prompt.objects.create(agent=agent, author=owner, text=prompt, source=source)
        _open_session(agent)
    return agent


def resume_agent(agent: Agent, *, by: User | None = None) -> None:
    """Start a container that goes on with the agent's conversation.

    Raises AlreadyRunning, LimitReached, or WorkspaceProblem where its branch was discarded.
    """
    if Worktree.objects.filter(agent=agent, removed_at__isnull=False).exists():
        raise WorkspaceProblem("Its own branch was discarded, and its work tree with it.")
    with transaction.atomic():
        _check_may_start(agent.owner)
        changed = Agent.objects.filter(
            pk=agent.pk, status__in=ENDED_STATUSES, deleted_at__isnull=True
        ).update(status=Status.STARTING, status_reason="", node=settings.CAM_NODE_NAME)
        if not changed:
            raise AlreadyRunning("The agent is already running.")
        agent.refresh_from_db()
        record_act(by, Act.RESUME, agent)
        _open_session(agent)


def stop_agent(agent: Agent, *, by: User | None = None) -> None:
    """Stop the agent's container; it can be resumed. Quiet where it is stopping already.

    Raises NotRunning where there is nothing to stop.
    """
    with transaction.atomic():
        changed = Agent.objects.filter(pk=agent.pk, status__in=LIVE_STATUSES).update(
            status=Status.STOPPING
        )
        if not changed and not Agent.objects.filter(pk=agent.pk, status=Status.STOPPING).exists():
            raise NotRunning("The agent is not running.")
        if changed:
            record_act(by, Act.STOP, agent)
        for session in agent.sessions.open():
            enqueue("stop_session", session.pk)
        ring_everyone(agent)


def delete_agent(agent: Agent, *, by: User | None = None) -> None:
    """Hide the agent at once; a worker removes container, home, transcript and policy.

    Its ledger rows stay.
    """
    with transaction.atomic():
        present = Agent.objects.filter(pk=agent.pk, deleted_at__isnull=True)
        if present.update(deleted_at=timezone.now()):
            record_act(by, Act.DELETE, agent)
        enqueue("remove_agent", str(agent.pk))
        ring_everyone(agent)


def end_session(session: AgentSession, *, exit_code: int | None, reason: str, failed: bool) -> bool:
    """Record that the session's container is gone. False where that was recorded before.

    What waits for an answer is withdrawn; prompts that the CLI had not begun wait for the next
    session.
    """
    with transaction.atomic():
        ended = AgentSession.objects.filter(pk=session.pk, ended_at__isnull=True).update(
            ended_at=timezone.now(), exit_code=exit_code, exit_reason=reason
        )
        if not ended:
            return False
        agent = session.agent
        was_stopping = Agent.objects.filter(pk=agent.pk, status=Status.STOPPING).exists()
        status = Status.STOPPED if was_stopping or not failed else Status.FAILED
        Agent.objects.filter(pk=agent.pk).update(
            status=status, status_reason="" if was_stopping else reason
        )
        Agent.objects.filter(pk=agent.pk, edit_mode__in=[EditMode.TURN, EditMode.SESSION]).update(
            edit_mode=EditMode.ASK
        )
        session.approvals.pending().update(decision=Decision.WITHDRAWN, decided_at=timezone.now())
        session.control_requests.filter(delivery__in=[Delivery.QUEUED, Delivery.SENT]).update(
            delivery=Delivery.CANCELLED
        )
        session.prompts.filter(delivery__in=[Delivery.SENT, Delivery.RECEIVED]).update(
            delivery=Delivery.QUEUED, session=None
        )
        session.prompts.filter(delivery=Delivery.STARTED).update(delivery=Delivery.CANCELLED)
        LiveText.objects.filter(agent=agent).update(text="")
        if not was_stopping:
            tell_end(session, failed=failed)
        end_need(agent)
        ring_everyone(agent)
    return True


def _check_may_start(owner: User) -> None:
    if current("CAM_DRAINING"):
        raise LimitReached(
            "The site is being drained: nothing starts until an administrator ends that. "
            "Running agents go on."
        )
    User.objects.select_for_update().get(pk=owner.pk)  # two launches at once take turns
    running = Agent.objects.owned_by(owner).filter(status__in=LIVE_STATUSES).count()
    if running >= current("CAM_MAX_AGENTS_PER_USER"):
        raise LimitReached(
            f"{owner.username} has {running} running agents, as many as this site allows. "
            "Stop one first."
        )


def _open_session(agent: Agent) -> None:
    latest = agent.sessions.order_by("-number").first()
    session = AgentSession.objects.create(agent=agent, number=latest.number + 1 if latest else 1)
    enqueue("start_session", session.pk)
    ring_everyone(agent)
