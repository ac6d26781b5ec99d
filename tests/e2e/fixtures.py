import os
from uuid import uuid4

import pytest

from tests.e2e.postgres import PostgresServer, folder_for_server
from tests.e2e.stack import Client, Stack, connect_postgres

# Empty, or the URL of a PostgreSQL server: then this run's portals have it and redis-server, in place of what is built in.
SERVER_URL = os.environ.get("CAM_TEST_DATABASE_URL", "")


@pytest.fixture(scope="session")
def make_stack():
    """Makes a portal, which is not started, with this run's kind of database and broker; `Stack` has the parameters."""

    def make(folder, **options):
        if SERVER_URL and "database_url" not in options:
            options["database_url"] = make_database(SERVER_URL)
        return Stack(folder, has_redis=bool(SERVER_URL), **options)

    return make


@pytest.fixture(scope="session")
def stack(tmp_path_factory, make_stack):
    """One portal for all tests of a run; each uses agents and workspaces of its own."""
    with make_stack(tmp_path_factory.mktemp("portal")) as portal:
        portal.up()
        yield portal


def make_database(url: str) -> str:
    """The URL of a new database in the server of `url`."""
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


@pytest.fixture(scope="session")
def alice_client(stack):
    return Client(stack, "alice")
