"""The security card says what the engine says of the container."""

import json
from uuid import uuid4

from agents.hardening import OPEN_FILES_LIMIT, container_options, home_volume
from agents.security_card import asked_of, found_in, make_lines
from tests.agents.factories import make_spec
from tests.e2e.stack import docker, wait_for


def read_inspection(stack, agent_id):
    """The two sides of the card, once it is there."""
    rows = wait_for(
        lambda: stack.query(
            "select asked, found from agents_containerinspection where agent_id = ?",
            agent_id if stack.database_url else agent_id.replace("-", ""),
        ),
        message=stack.logs,
    )
    return [json.loads(side) if isinstance(side, str) else side for side in rows[0]]


def test_card_is_what_docker_inspect_says(stack, alice_client):
    agent_id = alice_client.launch(stack.workspace("inspected"))
    alice_client.wait_for_status(agent_id, "idle")
    asked, found = read_inspection(stack, agent_id)
    container = docker("ps", "-q", "--filter", f"label=cam.agent={agent_id}").strip()
    (inspected,) = json.loads(docker("inspect", container))
    host = inspected["HostConfig"]

    assert {name: found[name] for name in asked if name != "apparmor"} == {
        name: asked[name] for name in asked if name != "apparmor"
    }
    assert found["image_id"] == inspected["Image"]
    assert found["user"] == inspected["Config"]["User"] == "1000:1000"
    assert (found["network"], host["NetworkMode"]) == ("none", "none")
    assert (found["memory_bytes"], found["nano_cpus"], found["pids"]) == (
        host["Memory"],
        host["NanoCpus"],
        host["PidsLimit"],
    )
    assert found["read_only_root"] is host["ReadonlyRootfs"] is True
    assert found["cap_drop"] == host["CapDrop"] == ["ALL"]
    assert found["ulimits"] == {"nofile": OPEN_FILES_LIMIT, "core": 0}
    assert {target: mode for target, (_, mode) in found["mounts"].items()} == {
        mount["Destination"]: "rw" if mount["RW"] else "ro" for mount in inspected["Mounts"]
    }
    assert found["mounts"]["/home/agent"][0] == home_volume(agent_id)
    alice_client.http.delete(f"/api/agents/{agent_id}")


def test_weaker_container_deviates_where_it_is_weaker():
    name = f"cam-test-{uuid4().hex[:12]}"
    docker("create", "--name", name, "--cap-add", "NET_RAW", "--memory", "1g", "cam-agent:latest")
    try:
        (inspected,) = json.loads(docker("inspect", name))
    finally:
        docker("rm", "-f", name)
    lines = make_lines(asked_of(container_options(make_spec())), found_in(inspected))
    deviating = {line.title for line in lines if not line.is_ok}
    assert {line.title for line in lines} - deviating == {
        "AppArmor",
        "Devices",
        "Image",
        "Shared memory",
        "User",
    }
