"""The stack of compose.yaml, every part real: up, log in, launch, approve, cost, restarts, down, nothing left."""

import json
import os
import re
import shutil
import sqlite3
import sys
from contextlib import closing
from decimal import Decimal

import pytest

from tests.e2e.compose_stack import SERVICES, ComposeStack, run
from tests.e2e.stack import Client, docker, is_ready, log_in, secret_key, wait_for
from tests.e2e.test_main_job import finish_turn, results

MANAGERS = ("web", "worker", "voice", "beat", "bridge")


@pytest.fixture(scope="module")
def compose_stack(tmp_path_factory):
    stack = ComposeStack(tmp_path_factory.mktemp("compose"))
    stack.build()
    try:
        stack.said = stack.up()
        yield stack
    finally:
        stack.remove()


@pytest.fixture(scope="module")
def admin(compose_stack):
    return Client(compose_stack, "admin", token=compose_stack.token("admin"))


@pytest.fixture(scope="module")
def sample(compose_stack):
    return compose_stack.data / "workspaces/sample"


def password_in(said):
    return re.search(r"password:? +(\S+)", said).group(1)


def inspect(stack, service):
    return json.loads(docker("inspect", stack.container(service)))[0]


def test_first_user_logs_in_with_the_password_that_was_shown(compose_stack):
    page = log_in(compose_stack.url, "admin", password_in(compose_stack.said))
    assert page.status_code == 200
    assert "Log out" in page.text
    assert f"CAM is at http://localhost:{compose_stack.port}" in compose_stack.said


def test_doctor_finds_everything_well(compose_stack):
    said = compose_stack.compose("doctor")
    assert "TROUBLE" not in said
    assert "postgresql, every migration applied" in said


@pytest.mark.parametrize("service", [*SERVICES, "demo_api"])
def test_services_are_held(compose_stack, service):
    found = inspect(compose_stack, service)
    host = found["HostConfig"]
    assert found["Config"]["User"].partition(":")[0] not in ("", "0", "root")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert found["State"]["Health"]["Status"] == "healthy"


def test_engine_is_for_worker_and_bridge_alone(compose_stack):
    holders = {
        service
        for service in (*SERVICES, "demo_api")
        if any(
            "docker.sock" in mount["Source"] for mount in inspect(compose_stack, service)["Mounts"]
        )
    }
    assert holders == {"worker", "bridge"}


def test_database_and_broker_have_no_way_out_and_the_gateway_does_not_reach_them(compose_stack):
    networks = {
        service: {
            name.removeprefix(f"{compose_stack.name}_")
            for name in inspect(compose_stack, service)["NetworkSettings"]["Networks"]
        }
        for service in SERVICES
    }
    assert networks["postgres"] == networks["redis"] == networks["voice"] == {"backend"}
    assert networks["gateway"] == {"outside"}


def test_secrets_are_in_no_environment(compose_stack):
    secrets = {
        path.read_text()
        for path in (compose_stack.folder / "compose/secrets").iterdir()
        if path.stat().st_size
    }
    assert len(secrets) == 5
    for service in SERVICES:
        assert not any(secret in str(inspect(compose_stack, service)) for secret in secrets)


def test_edit_is_approved_and_its_cost_known(compose_stack, admin, sample):
    agent_id = admin.launch(sample, "edit hello.txt")
    admin.post(f"/{agent_id}/approvals/{admin.approval(agent_id)['id']}", decision="allow")
    finish_turn(admin, agent_id)
    total = wait_for(lambda: cost_of(admin), message=compose_stack.logs)
    assert Decimal(total) > 0


def test_docker_compose_of_version_1_reads_the_file_too(compose_stack):
    program = shutil.which("docker-compose")
    assert program, "apt-get install docker-compose"
    listed = run(
        *("scripts/compose", "status"),
        environment=compose_stack.environment | {"CAM_COMPOSE": program},
    )
    for service in SERVICES:
        assert re.search(rf"{compose_stack.name}[-_]{service}[-_]1 .* Up", listed)


def test_each_service_is_restarted_during_a_turn_and_nothing_is_lost(compose_stack, admin, sample):
    agent_id = admin.launch(sample, "hello")
    finish_turn(admin, agent_id)
    for turn, service in enumerate(SERVICES, 2):
        admin.post(f"/{agent_id}/send", text=f"hello {service}")
        compose_stack.restart(service)
        wait_for(
            lambda: is_ready(compose_stack.url), seconds=90, message=lambda: compose_stack.logs()
        )
        events = finish_turn(admin, agent_id, turn)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), service
        assert len(results(events)) == turn, service


def cost_of(client):
    summary = client.http.get("/api/metrics/summary?by=agent").raise_for_status().json()
    return summary["total"]["calls"] and summary["total"]["cost_usd"]


def test_agents_work_on_through_an_upgrade(compose_stack, admin, sample):
    agent_id = admin.launch(sample, "hello")
    finish_turn(admin, agent_id)
    with (compose_stack.folder / ".env").open("a") as settings:
        settings.write("CAM_LOG_FORMAT=json\n")
    before = {service: compose_stack.container(service) for service in MANAGERS}
    admin.post(f"/{agent_id}/send", text="hello again")
    said = compose_stack.compose("upgrade")
    assert "every service runs what was built" in said
    assert "proven to be the same" in said
    after = {service: compose_stack.container(service) for service in MANAGERS}
    assert not set(before.values()) & set(after.values())
    events = finish_turn(admin, agent_id, 2)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    for line in docker("logs", compose_stack.container("bridge")).splitlines():
        assert json.loads(line)["level"]


@pytest.fixture(scope="module")
def backup(compose_stack):
    """The folder of one that has all that the tests before have made."""
    compose_stack.compose("backup")
    return max((compose_stack.data / "backups").iterdir())


def count_events(stack):
    """How many there are, and the sum of their numbers."""
    told = stack.manage(
        "shell",
        "--verbosity=0",
        "-c",
        "from django.db.models import Count, Sum; from agents.models import SessionEvent;"
        "print(*SessionEvent.objects.aggregate(n=Count('pk'), s=Sum('seq')).values())",
    )
    return tuple(int(word) for word in told.split())


def test_backup_is_restored_into_an_empty_embedded_installation(
    compose_stack, admin, backup, tmp_path
):
    data = tmp_path / "data"
    run(
        *(sys.executable, "manage.py", "restore", str(backup)),
        environment=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "cam_site.settings",
            "CAM_DATA_DIR": str(data),
            "CAM_DATABASE_URL": "",
            "CAM_METRICS_DIR": "",
            "CAM_SECRET_KEY": "only-for-tests-" + "0" * 32,
        },
    )
    counts = "SELECT count(*), sum(seq) FROM agents_sessionevent"
    with closing(sqlite3.connect(data / "cam.sqlite3")) as restored:
        events = restored.execute(counts).fetchone()
        cost = restored.execute("SELECT count(*) FROM metrics_app_usagerecord").fetchone()[0]
    summary = admin.http.get("/api/metrics/summary?by=agent").raise_for_status().json()
    assert events == count_events(compose_stack)
    assert cost >= summary["total"]["calls"] > 0


def test_backup_is_restored_into_an_empty_stack(compose_stack, backup, tmp_path_factory):
    other = ComposeStack(tmp_path_factory.mktemp("restored"))
    try:
        other.compose("restore", str(backup))
        other.up()
        assert count_events(other) == count_events(compose_stack)
        page = log_in(other.url, "admin", password_in(compose_stack.said))
        assert page.status_code == 200
        assert "Log out" in page.text
        assert secret_key(other.folder / ".env") == secret_key(backup / "env")
        with pytest.raises(AssertionError, match="the portal runs: make down MODE=compose"):
            other.compose("restore", str(backup))
        other.compose("down")
        with pytest.raises(AssertionError, match="nothing was restored"):
            other.compose("restore", str(backup))
    finally:
        other.remove()


def test_nothing_is_left_when_it_is_taken_down(compose_stack):
    """Last: it ends the stack."""
    assert "agent homes kept" in compose_stack.compose("clean")
    assert "agent homes removed" in compose_stack.compose("clean", "--purge")
    project = f"label=com.docker.compose.project={compose_stack.name}"
    for kind in ("container", "network"):
        all_of_them = ["--all"] if kind == "container" else []
        assert not docker(kind, "ls", *all_of_them, "--quiet", "--filter", project)
    node = f"label=cam.node={compose_stack.node}"
    assert not docker("ps", "--all", "--quiet", "--filter", node)
    assert not docker("volume", "ls", "--quiet", "--filter", node)
