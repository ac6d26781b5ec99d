"""Whose key pays: an agent of a user with a key of their own, and one of a user without."""

import pytest

from tests.e2e.gateway_process import Upstream
from tests.e2e.stack import Client, docker, wait_for

SITE_KEY = "sk-ant-site-" + "S" * 30
OWN_KEY = "sk-ant-own1-" + "O" * 30
NEXT_KEY = "sk-ant-own2-" + "N" * 30


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def portal(tmp_path, make_stack, upstream):
    settings = {"ANTHROPIC_API_KEY": SITE_KEY, "CAM_UPSTREAM_URL": upstream.url}
    with make_stack(tmp_path, **settings) as stack:
        stack.up()
        yield stack


def set_key(portal, key):
    portal.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import User;"
        "from agents.services.own_keys import set_own_key;"
        f"set_own_key(User.objects.get(username='alice'), '{key}')",
    )


def keys_since(upstream, count):
    """The keys of the calls that came after the first `count`."""
    return {
        headers.get("x-api-key") for path, headers in upstream.seen[count:] if "messages" in path
    }


def test_each_user_pays_as_they_chose_and_a_new_key_reaches_a_running_agent(portal, upstream):
    set_key(portal, OWN_KEY)
    alice, bob = Client(portal, "alice"), Client(portal, "bob")
    hers = alice.launch(portal.workspace("hers"), "hello")
    alice.wait_for_status(hers, "idle", seconds=60)
    wait_for(lambda: keys_since(upstream, 0), message="no call came")
    assert keys_since(upstream, 0) == {OWN_KEY}

    before = len(upstream.seen)
    his = bob.launch(portal.workspace("his"), "hello")
    bob.wait_for_status(his, "idle", seconds=60)
    wait_for(lambda: keys_since(upstream, before), message="no call came")
    assert keys_since(upstream, before) == {SITE_KEY}

    set_key(portal, NEXT_KEY)
    policy = portal.data / "gateway" / "policy" / f"{hers}.json"
    wait_for(lambda: NEXT_KEY in policy.read_text(), message="the policy keeps the old key")
    before = len(upstream.seen)
    alice.post(f"/{hers}/send", text="hello again")
    wait_for(lambda: keys_since(upstream, before), message="no call came")
    assert keys_since(upstream, before) == {NEXT_KEY}

    containers = docker("ps", "-q", "--filter", f"label=cam.node={portal.node}").split()
    assert len(containers) == 2
    told = docker("inspect", *containers) + "".join(
        docker("exec", one, "sh", "-c", "env; cat /proc/1/environ") for one in containers
    )
    written = "".join(path.read_text(errors="replace") for path in portal.folder.glob("*.log"))
    for key in (SITE_KEY, OWN_KEY, NEXT_KEY):
        assert key not in told
        assert key not in written
