"""What workers do with containers. Short, repeatable, by key only; a row that is gone is quiet."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from agents import containers, delivery, git_runs, hardening, security_card
from agents.checked_folder import check_folder, confinement
from agents.doorbells import bridge_group, ring_on_commit
from agents.errors import WorkspaceProblem
from agents.models import Agent, AgentSession, Status, Worktree
from agents.policies import remove_policy, socket_dir, write_policy
from agents.services import end_session
from agents.services.git import forget_jobs
from agents.services.inspections import record_inspection
from agents.services.presence import forget_gone
from agents.services.queue import enqueue
from agents.services.screenshots import forget_unsent

GATEWAY_WAIT_SECONDS = 15
STOP_GRACE_SECONDS = 10
COMMAND_SECONDS = 600
LOST_AFTER = timedelta(seconds=30)


class GatewayMissing(Exception):
    """The gateway opened no socket for the agent in time."""


@shared_task
def start_session(session_id: int) -> None:
    """Create and start the session's container; twice is once. A failure ends the session."""
    session = (
        AgentSession.objects.open().select_related("agent__owner").filter(pk=session_id).first()
    )
    if session is None or session.container_id or session.agent.deleted_at:
        return
    if session.agent.status != Status.STARTING:
        end_session(session, exit_code=None, reason="stopped before its start", failed=False)
        return
    try:
        container_id = _start_container(session)
    except (
        containers.ContainerError,
        hardening.HardeningError,
        WorkspaceProblem,
        GatewayMissing,
        OSError,
    ) as exc:
        # A second worker with the same task may have started it meanwhile.
        if AgentSession.objects.filter(pk=session.pk, container_id="").exists():
            end_session(session, exit_code=None, reason=str(exc), failed=True)
        _remove_if_deleted(session.agent)
        return
    is_wanted = AgentSession.objects.open().filter(pk=session.pk)
    if not is_wanted.update(container_id=container_id):
        containers.remove(container_id)  # stopped or deleted while it was being started
        _remove_if_deleted(session.agent)
        return
    ring_on_commit(bridge_group(session.agent.node), agent_id=session.agent_id)


@shared_task
def stop_session(session_id: int) -> None:
    """Stop the session's container; the bridge records the end when the log has."""
    session = AgentSession.objects.open().select_related("agent").filter(pk=session_id).first()
    if session is None:
        return
    if session.container_id:
        containers.stop(session.container_id, timeout_seconds=STOP_GRACE_SECONDS)
    else:
        end_session(session, exit_code=None, reason="stopped before its start", failed=False)


@shared_task
def remove_agent(agent_id: str) -> None:
    """Remove everything of a deleted agent but the row that its costs hang on."""
    agent = Agent.objects.filter(pk=agent_id, deleted_at__isnull=False).first()
    if agent is None:
        return
    for container in containers.list_ours(agent.node):
        if container.agent_id == agent_id:
            containers.remove(container.container_id)
    for session in agent.sessions.open():
        end_session(session, exit_code=None, reason="deleted", failed=False)
    containers.remove_home(hardening.home_volume(agent_id))
    remove_policy(agent_id)
    agent.notifications.all().delete()
    agent.prompts.all().delete()
    agent.sessions.all().delete()


def _remove_if_deleted(agent: Agent) -> None:
    """What a start has made again behind the back of `remove_agent`."""
    if Agent.objects.filter(pk=agent.pk, deleted_at__isnull=False).exists():
        containers.remove_home(hardening.home_volume(str(agent.pk)))
        remove_policy(agent.pk)


@shared_task
def recover_lost_work() -> None:
    """Enqueue again what a broker or a worker lost."""
    long_ago = timezone.now() - LOST_AFTER
    for session in AgentSession.objects.open().filter(created_at__lt=long_ago, container_id=""):
        enqueue("start_session", session.pk)
    for session in AgentSession.objects.open().filter(agent__status=Status.STOPPING):
        enqueue("stop_session", session.pk)
    for agent in Agent.objects.filter(deleted_at__lt=long_ago, sessions__isnull=False).distinct():
        enqueue("remove_agent", str(agent.pk))


def _start_container(session: AgentSession) -> str:
    agent = session.agent
    worktree = Worktree.objects.present().select_related("agent__owner").filter(agent=agent).first()
    if worktree:
        git_runs.make_worktree(worktree)
    folder = check_folder(agent.owner, agent.workspace)
    git_dir = check_folder(agent.owner, f"{worktree.repository}/.git") if worktree else None
    write_policy(agent)
    _wait_for_gateway(agent)
    _write_managed_settings()
    spec = hardening.ContainerSpec(
        agent_id=str(agent.pk),
        session_number=session.number,
        node=agent.node,
        arguments=hardening.claude_arguments(
            session_uuid=str(agent.claude_session_uuid),
            resume=agent.has_conversation,
            model=agent.model,
            effort=agent.effort,
            plans_first=agent.plans_first,
        ),
        workspace=agent.workspace,
        workspace_identity=folder.identity,
        git_dir=git_dir.path if git_dir else "",
        git_dir_identity=git_dir.identity if git_dir else "",
        gateway_socket_dir=str(socket_dir(agent.pk)),
        gateway_ca_dir=str(settings.CAM_GATEWAY_PUBLIC_DIR),
        managed_settings_dir=str(settings.CAM_MANAGED_SETTINGS_DIR),
        **confinement(folder),
    )
    options = hardening.container_options(spec)
    container_id = containers.create(options)
    containers.start(container_id)
    record_inspection(
        session,
        asked=security_card.asked_of(options),
        found=security_card.found_in(containers.inspect(container_id)),
    )
    return container_id


def _wait_for_gateway(agent: Agent) -> None:
    wanted = [
        socket_dir(agent.pk) / "gateway.sock",
        Path(settings.CAM_GATEWAY_PUBLIC_DIR) / "ca.pem",
    ]
    deadline = time.monotonic() + GATEWAY_WAIT_SECONDS
    while not all(path.exists() for path in wanted):
        if time.monotonic() > deadline:
            raise GatewayMissing(
                "The gateway opened no socket for this agent. See that it runs: make status."
            )
        time.sleep(0.01)


def _write_managed_settings() -> None:
    folder = Path(settings.CAM_MANAGED_SETTINGS_DIR)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    content = json.dumps(
        hardening.managed_settings(settings.CAM_ALLOWED_TOOLS, settings.CAM_ASK_TOOLS), indent=2
    )
    path = folder / "managed-settings.json"
    if not path.exists() or path.read_text() != content:
        draft = folder / f".{os.getpid()}.draft"
        draft.write_text(content)
        draft.replace(path)


@shared_task(soft_time_limit=40, time_limit=60)
def send_dispatch(dispatch_id: int) -> None:
    delivery.deliver(dispatch_id, timezone.now())


@shared_task
def send_due_dispatches() -> None:
    delivery.enqueue_due(timezone.now())


@shared_task
def forget_notifications() -> None:
    delivery.forget_old(timezone.now())


@shared_task
def forget_leftovers() -> None:
    """Pictures never sent, viewers whose sockets ended without a word, and what git said long ago."""
    now = timezone.now()
    forget_unsent(now)
    forget_gone(now)
    forget_jobs(now)
    containers.remove_commands(settings.CAM_NODE_NAME, older_than_seconds=COMMAND_SECONDS)


@shared_task
def run_git_job(job_id: str) -> None:
    git_runs.run_job(job_id)
