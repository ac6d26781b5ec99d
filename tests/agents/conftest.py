import pytest
from django.test import Client

from agents.doorbells import agent_group, bridge_group, owner_group
from agents.models import WorkspaceRoot
from cam_site import env
from tests.agents.factories import make_agent, make_approval, make_session
from tests.agents.receiver import Receiver


@pytest.fixture
def agent(alice):
    """Alice's idle agent, its container running."""
    agent = make_agent(alice)
    make_session(agent)
    return agent


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def as_alice(alice):
    return client_of(alice)


@pytest.fixture
def as_bob(bob):
    return client_of(bob)


@pytest.fixture
def as_charlie(charlie):
    return client_of(charlie)


@pytest.fixture
def session(agent):
    return agent.sessions.get()


@pytest.fixture
def approval(session):
    """Alice's agent asks to edit a file."""
    return make_approval(session)


@pytest.fixture
def stopped_agent(alice):
    return make_agent(alice, status="stopped", name="Done for today")


@pytest.fixture
def workspace(tmp_path, db):
    """A folder where everybody may launch agents."""
    folder = tmp_path / "shop"
    folder.mkdir()
    WorkspaceRoot.objects.create(path=str(tmp_path))
    return folder


@pytest.fixture
def sent_tasks(monkeypatch):
    """The tasks that reached the broker, as (name, arguments)."""
    sent = []
    monkeypatch.setattr(
        "agents.services.queue.current_app.send_task", lambda name, args: sent.append((name, args))
    )
    return sent


@pytest.fixture
def rung(monkeypatch):
    """The groups whose doorbell was rung."""
    groups = []

    async def ring(*names, agent_id):
        groups.extend(names)

    monkeypatch.setattr("agents.doorbells.ring", ring)
    return groups


@pytest.fixture
def on_commit(django_capture_on_commit_callbacks):
    """Run what waits for the commit at the end of the block, as a real commit would."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def everyone():
    """The groups that a change of an agent wakes."""
    return lambda agent: {
        agent_group(agent.pk),
        owner_group(agent.owner_id),
        bridge_group(agent.node),
    }


@pytest.fixture
def receiver(tmp_path, settings, monkeypatch):
    """An https server on localhost that this site may send to."""
    server = Receiver(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    settings.CAM_MAY_NOTIFY = env.reachable(["localhost"])
    yield server
    server.close()


@pytest.fixture
def data_dir(tmp_path, settings):
    settings.CAM_DATA_DIR = tmp_path / "data"
    return settings.CAM_DATA_DIR
