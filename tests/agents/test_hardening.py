"""The options of an agent's container, read as values; tests/e2e tries them on the engine."""

import ast
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from agents import hardening
from agents.hardening import (
    CommandSpec,
    ContainerSpec,
    HardeningError,
    command_options,
    container_options,
)

AGENT_ID = "6f1c1f2e-58a5-4a0e-9b1c-0d3f6f0f7a11"
SPEC = ContainerSpec(
    agent_id=AGENT_ID,
    session_number=3,
    node="node-1",
    image="cam-agent:latest",
    arguments=("-p", "--verbose"),
    workspace="/srv/work",
    uid=1000,
    gid=1001,
    gateway_socket_dir="/srv/sockets",
    gateway_ca_dir="/srv/public",
    managed_settings_dir="/srv/settings",
    seccomp_profile='{"defaultAction": "SCMP_ACT_ERRNO"}',
)


COMMAND = CommandSpec(
    name="cam-git-1",
    node="node-1",
    image="cam-agent:latest",
    script="true",
    arguments=("look",),
    folder="/srv/work",
    read_only=True,
    uid=1000,
    gid=1001,
    seccomp_profile='{"defaultAction": "SCMP_ACT_ERRNO"}',
    environment={"HOME": "/srv/work", "CAM_FOLDER": "/srv/work"},
)
HELD = ("user", "privileged", "read_only", "cap_drop", "security_opt", "network_mode", "ipc_mode")
BOUNDED = ("mem_limit", "memswap_limit", "nano_cpus", "pids_limit", "ulimits", "tmpfs")


def status_of(*, uid=1000, gid=1000, mode=stat.S_IFDIR | 0o755):
    return os.stat_result((mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


def test_it_takes_every_privilege_away():
    options = container_options(SPEC)
    expected = {
        "user": "1000:1001",
        "privileged": False,
        "read_only": True,
        "cap_drop": ["ALL"],
        "network_mode": "none",
        "ipc_mode": "private",
        "mem_limit": 4 << 30,
        "memswap_limit": 4 << 30,
        "nano_cpus": 2_000_000_000,
        "pids_limit": 512,
    }
    assert {key: options[key] for key in expected} == expected
    assert options["security_opt"] == [
        "no-new-privileges:true",
        'seccomp={"defaultAction": "SCMP_ACT_ERRNO"}',
    ]
    assert {limit["name"]: limit["hard"] for limit in options["ulimits"]}["core"] == 0
    assert {"nosuid", "nodev"} <= set(options["tmpfs"]["/tmp"].split(","))


def test_it_never_asks_for_more():
    weakening = {"cap_add", "devices", "ports", "pid_mode", "volumes", "privileged", "entrypoint"}
    options = container_options(SPEC)
    assert not {key for key in weakening & options.keys() if options[key]}


def test_only_workspace_and_home_can_be_written():
    mounts = container_options(SPEC)["mounts"]
    writable = {m["Target"]: m["Source"] for m in mounts if not m["ReadOnly"]}
    assert writable == {"/workspace": "/srv/work", "/home/agent": f"cam-home-{AGENT_ID}"}
    assert {m["Target"]: m["Source"] for m in mounts if m["ReadOnly"]} == {
        "/run/gateway": "/srv/sockets",
        "/run/gateway-ca": "/srv/public",
        "/etc/claude-code": "/srv/settings",
    }


def test_git_directory_of_a_work_tree_is_mounted_where_the_work_tree_says():
    options = container_options(
        replace(
            SPEC, git_dir="/srv/shop/.git", git_dir_identity="1:2", environment={"CAM_GIT_DIR": ""}
        )
    )
    assert options["mounts"][-1] == {
        "Type": "bind",
        "Source": "/srv/shop/.git",
        "Target": "/srv/shop/.git",
        "ReadOnly": False,
    }
    assert options["environment"]["CAM_GIT_DIR"] == "/srv/shop/.git"
    assert options["environment"]["CAM_GIT_DIR_IDENTITY"] == "1:2"


def test_command_is_held_as_an_agent_is():
    agent, command = container_options(SPEC), command_options(COMMAND)
    held = (*HELD, *BOUNDED)
    assert {key: command[key] for key in held} == {key: agent[key] for key in held}


def test_command_has_its_folder_and_nothing_else():
    options = command_options(COMMAND)
    assert options["mounts"] == [
        {"Type": "bind", "Source": "/srv/work", "Target": "/srv/work", "ReadOnly": True}
    ]
    assert options["environment"] == {
        "CAM_FOLDER": "/srv/work",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
    }


def test_command_of_no_session_is_not_taken_for_an_agents_container():
    assert command_options(COMMAND)["labels"] == {"cam.command": "node-1"}


@pytest.mark.parametrize("folder", ["/", "/etc/x", "/usr/src/shop", "/run/gateway", "/workspace/x"])
def test_no_folder_hides_what_a_container_has_itself(folder):
    with pytest.raises(HardeningError, match="folders of their own"):
        command_options(replace(COMMAND, folder=folder))
    with pytest.raises(HardeningError, match="folders of their own"):
        container_options(replace(SPEC, git_dir=folder))


def test_command_as_root_is_refused():
    with pytest.raises(HardeningError, match="never run as root"):
        command_options(replace(COMMAND, uid=0))


def test_container_and_home_are_found_by_their_labels():
    options = container_options(SPEC)
    assert options["name"] == f"cam-{AGENT_ID}-3"
    assert options["labels"] == {"cam.agent": AGENT_ID, "cam.session": "3", "cam.node": "node-1"}
    volume = next(m for m in options["mounts"] if m["Type"] == "volume")
    assert volume["VolumeOptions"]["Labels"] == {"cam.agent": AGENT_ID, "cam.node": "node-1"}


def test_stdin_stays_open_when_a_writer_leaves():
    options = container_options(SPEC)
    assert (options["stdin_open"], options["detach"], options["tty"]) == (True, True, False)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "SSL_CERT_FILE", "ANTHROPIC_API_KEY", "HOME"])
def test_an_environment_cannot_replace_ours(name):
    options = container_options(replace(SPEC, environment={name: "evil", "MINE": "1"}))
    assert options["environment"][name] == hardening.BASE_ENVIRONMENT[name]
    assert options["environment"]["MINE"] == "1"


def test_the_api_key_is_clearly_none():
    assert not hardening.BASE_ENVIRONMENT["ANTHROPIC_API_KEY"].startswith("sk-")


@pytest.mark.parametrize("ids", [(0, 1000), (1000, 0), (-1, 1000)])
def test_root_is_refused(ids):
    with pytest.raises(HardeningError, match="never run as root"):
        container_options(replace(SPEC, uid=ids[0], gid=ids[1]))


def test_an_empty_seccomp_profile_is_refused():
    with pytest.raises(HardeningError, match="seccomp profile is empty"):
        container_options(replace(SPEC, seccomp_profile=" \n"))


def test_an_apparmor_profile_is_used_where_one_is_named():
    assert (
        "apparmor=cam-agent"
        in container_options(replace(SPEC, apparmor_profile="cam-agent"))["security_opt"]
    )


def arguments(*, resume=False, model="", **chosen):
    return hardening.claude_arguments(session_uuid="u-1", resume=resume, model=model, **chosen)


def test_a_first_start_names_the_session_and_a_later_one_resumes_it():
    assert "--session-id=u-1" in arguments()
    assert "--resume=u-1" in arguments(resume=True)
    assert "--session-id=u-1" not in arguments(resume=True)


def test_the_workspaces_own_settings_are_not_read():
    assert {"--setting-sources=", "--strict-mcp-config"} <= set(arguments())


def test_a_model_that_looks_like_an_option_stays_a_value():
    assert "--model=--dangerously-skip-permissions" in arguments(
        model="--dangerously-skip-permissions"
    )
    assert not [a for a in arguments() if a.startswith("--model")]


def test_plan_mode_and_effort_are_there_from_the_start():
    assert "--permission-mode=default" in arguments()
    assert not [a for a in arguments() if a.startswith("--effort")]
    chosen = arguments(plans_first=True, effort="high")
    assert {"--permission-mode=plan", "--effort=high"} <= set(chosen)


def test_managed_settings_allow_what_is_listed_and_nothing_from_elsewhere():
    settings = hardening.managed_settings(["Read", "Bash(ls:*)"])
    assert settings["allowManagedPermissionRulesOnly"] is True
    assert settings["allowManagedHooksOnly"] is True
    assert settings["permissions"] == {
        "disableBypassPermissionsMode": "disable",
        "allow": ["Read", "Bash(ls:*)"],
    }


def test_managed_settings_hold_asking_rules_when_there_are_any():
    assert hardening.managed_settings([], ["Edit"])["permissions"]["ask"] == ["Edit"]


def test_an_agent_runs_as_its_workspaces_owner_and_never_in_the_group_root():
    assert hardening.workspace_user(status_of(uid=1003, gid=50)) == (1003, 50)
    assert hardening.workspace_user(status_of(uid=1003, gid=0)) == (1003, 1003)


def test_a_good_workspace_has_no_problem():
    assert hardening.workspace_problem("/srv/a", status_of()) is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (status_of(uid=0), "chown -R 1000:1000 '/srv/a b'"),
        (status_of(mode=stat.S_IFDIR | 0o555), "chmod u+rwx '/srv/a b'"),
        (status_of(mode=stat.S_IFREG | 0o644), "is not a folder"),
    ],
)
def test_a_bad_workspace_is_told_with_the_command_that_mends_it(status, words):
    assert words in hardening.workspace_problem("/srv/a b", status)


def test_hardening_imports_neither_django_nor_docker():
    tree = ast.parse(Path(hardening.__file__).read_text())
    imported = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported == {"os", "shlex", "stat", "collections.abc", "dataclasses", "typing"}
