import pytest

from tests.e2e.stack import Client, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """One portal for all tests of a run; each uses agents and workspaces of its own."""
    portal = Stack(tmp_path_factory.mktemp("portal"))
    try:
        portal.up()
        yield portal
    finally:
        portal.down()


@pytest.fixture
def own_stack(tmp_path):
    """A portal of the test's own, to be broken."""
    portal = Stack(tmp_path)
    try:
        portal.up()
        yield portal
    finally:
        portal.down()


@pytest.fixture(scope="session")
def alice_client(stack):
    return Client(stack, "alice")
