import os
from uuid import uuid4

import pytest

from tests.e2e.postgres import PostgresServer, folder_for_server
from tests.e2e.stack import Client, Stack, connect_postgres


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """One portal for all tests of a run; each uses agents and workspaces of its own."""
    portal = Stack(tmp_path_factory.mktemp("portal"), database_url=make_database())
    try:
        portal.up()
        yield portal
    finally:
        portal.down()


def make_database() -> str:
    """The URL of a new database in the server of CAM_TEST_DATABASE_URL; empty without one."""
    url = os.environ.get("CAM_TEST_DATABASE_URL", "")
    if not url:
        return ""
    name = f"cam_{uuid4().hex}"
    with connect_postgres(url) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="module")
def postgres():
    """A server of the module's own, to be killed."""
    with folder_for_server() as folder:
        server = PostgresServer(folder)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def own_stack(tmp_path):
    """A portal of the test's own, to be broken."""
    portal = Stack(tmp_path, database_url=make_database())
    try:
        portal.up()
        yield portal
    finally:
        portal.down()


@pytest.fixture(scope="session")
def alice_client(stack):
    return Client(stack, "alice")
