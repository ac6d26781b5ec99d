"""An agent that needs its user is told by push and webhook with no page open, every process real."""

import json

import pytest

from tests.agents.receiver import Browser, Receiver
from tests.e2e.stack import Client, wait_for

PREPARE = """
from django.contrib.auth.models import User
from agents.models import NotificationChoice
from agents.services.config import add_device, choose_notifications, save_webhook
alice = User.objects.get(username='alice')
add_device(alice, {device})
save_webhook(alice, '{url}/hook', 'a secret of sixteen')
choose_notifications(alice, [
    NotificationChoice(kind='needs_you', channel=channel) for channel in ('push', 'webhook')
])
"""


@pytest.fixture
def receiver(tmp_path):
    server = Receiver(tmp_path)
    yield server
    server.close()


@pytest.fixture
def portal(tmp_path, make_stack, receiver):
    settings = {
        "CAM_NOTIFY_PRIVATE_HOSTS": "localhost",
        "SSL_CERT_FILE": str(receiver.certificate),
    }
    with make_stack(tmp_path, **settings) as stack:
        stack.up()
        yield stack


def test_push_and_webhook_reach_who_has_no_page_open(portal, receiver):
    browser = Browser()
    device = browser.form(f"{receiver.url}/push")
    portal.manage("shell", "-c", PREPARE.format(device=device, url=receiver.url))
    alice = Client(portal, "alice")
    agent_id = alice.launch(portal.workspace("shop"), "edit hello.txt")
    wait_for(lambda: len(receiver.seen) == 2, seconds=60, message=portal.logs)
    bodies = {path: body for path, _, body in receiver.seen}
    assert browser.read(bodies["/in/push"])["title"] == "shop needs you"
    hook = json.loads(bodies["/in/hook"])
    assert (hook["kind"], hook["agent"]["id"]) == ("needs_you", agent_id)
    # Rows are marked a moment after the answer.
    wait_for(
        lambda: (
            portal.query("SELECT count(*) FROM agents_dispatch WHERE sent_at IS NOT NULL") == [(2,)]
        )
    )
