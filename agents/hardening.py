"""What an agent's container may do: the engine's options, the CLI's arguments and settings.

Pure: knows neither Django nor Docker, so that a test can read the whole defence off the values.
"""

import os
import shlex
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GIBIBYTE = 1 << 30
HOME_PATH = "/home/agent"
WORKSPACE_PATH = "/workspace"
GATEWAY_URL = "http://127.0.0.1:8080"
CA_PATH = "/run/gateway-ca/ca.pem"
TMP_SIZE_BYTES = GIBIBYTE
OPEN_FILES_LIMIT = 16_384
# What an image has itself, or an agent's container is given in these places.
OWN_FOLDERS = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"),
    WORKSPACE_PATH,
)

# Goes before what the caller adds. The API key is none: the gateway puts the real one in.
BASE_ENVIRONMENT = {
    "HOME": HOME_PATH,
    "USER": "agent",
    "LOGNAME": "agent",
    "LANG": "C.UTF-8",
    "TERM": "xterm-256color",
    "GIT_TERMINAL_PROMPT": "0",
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), GATEWAY_URL),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost,::1"),
    **dict.fromkeys(
        (
            "NODE_EXTRA_CA_CERTS",
            "SSL_CERT_FILE",
            "GIT_SSL_CAINFO",
            "REQUESTS_CA_BUNDLE",
            "PIP_CERT",
            "CURL_CA_BUNDLE",
        ),
        CA_PATH,
    ),
    "ANTHROPIC_API_KEY": "placeholder-the-gateway-adds-the-real-key",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    # The workspace's CLAUDE.md is read although its settings are not; see claude_arguments.
    "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
}


class HardeningError(ValueError):
    """A specification that no agent may run with."""


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """How any container that touches a workspace is held."""

    node: str
    image: str
    uid: int
    gid: int
    seccomp_profile: str
    apparmor_profile: str = ""
    memory_bytes: int = 4 * GIBIBYTE
    cpus: float = 2.0
    pids: int = 512


@dataclass(frozen=True, kw_only=True)
class ContainerSpec(Confinement):
    """One session's container. Paths are the host's; `arguments` are the CLI's.

    `managed_settings_dir` holds `managed-settings.json` as `managed_settings` gives it. `git_dir` is
    that of the repository whose work tree the workspace is, where it is one of its own; it has the same
    path inside, because the work tree names it. The engine mounts by name what an agent in a folder
    above may have replaced by a link since it was checked: the entrypoint starts nothing in folders
    that are not `workspace_identity` and `git_dir_identity`.
    """

    agent_id: str
    session_number: int
    arguments: tuple[str, ...]
    workspace: str
    gateway_socket_dir: str
    gateway_ca_dir: str
    managed_settings_dir: str
    workspace_identity: str = ""
    git_dir: str = ""
    git_dir_identity: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Confinement):
    """One short run of a shell script on a folder, which has the same path inside as on the host.

    It has no network, no home and no key.
    """

    name: str
    script: str
    arguments: tuple[str, ...]
    folder: str
    read_only: bool
    environment: Mapping[str, str] = field(default_factory=dict)


def container_name(agent_id: str, session_number: int) -> str:
    return f"cam-{agent_id}-{session_number}"


def home_volume(agent_id: str) -> str:
    return f"cam-home-{agent_id}"


def container_options(spec: ContainerSpec) -> dict[str, Any]:
    """Return the keyword arguments of docker-py's `containers.create`.

    What defends comes last, so that nothing put in front of it can weaken it.
    Raises HardeningError for root, a missing seccomp profile, and places that cannot be mounted.
    """
    labels = {"cam.agent": spec.agent_id, "cam.node": spec.node}
    return {
        "image": spec.image,
        "command": list(spec.arguments),
        "name": container_name(spec.agent_id, spec.session_number),
        "labels": {**labels, "cam.session": str(spec.session_number)},
        "environment": {
            **spec.environment,
            **BASE_ENVIRONMENT,
            "CAM_WORKSPACE_IDENTITY": spec.workspace_identity,
            "CAM_GIT_DIR": spec.git_dir,
            "CAM_GIT_DIR_IDENTITY": spec.git_dir_identity,
        },
        "working_dir": WORKSPACE_PATH,
        # Without detach, docker-py sets stdin-once, and the first writer that leaves ends the CLI.
        "stdin_open": True,
        "detach": True,
        "tty": False,
        # The log is the durable pipe to the portal: room enough that no turn rotates away unread.
        "log_config": {"type": "json-file", "config": {"max-size": "100m", "max-file": "5"}},
        "mounts": _mounts(spec, labels),
        **_hardening(spec),
    }


def command_options(spec: CommandSpec) -> dict[str, Any]:
    """As `container_options`, for a script. Its container has another label: no session owns it."""
    return {
        "image": spec.image,
        "entrypoint": ["sh", "-c", spec.script, "sh"],
        "command": list(spec.arguments),
        "name": spec.name,
        "labels": {"cam.command": spec.node},
        "environment": {**spec.environment, "HOME": "/tmp", "LANG": "C.UTF-8"},  # noqa: S108
        "working_dir": "/",
        "detach": True,
        "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "1"}},
        "mounts": [_bind_as_on_host(spec.folder, read_only=spec.read_only)],
        **_hardening(spec),
    }


def _hardening(spec: Confinement) -> dict[str, Any]:
    if spec.uid <= 0 or spec.gid <= 0:
        raise HardeningError(
            f"Agents never run as root (uid {spec.uid}, gid {spec.gid} asked for); "
            "give the workspace to an ordinary user."
        )
    if not spec.seccomp_profile.strip():
        raise HardeningError("The seccomp profile is empty; see CAM_AGENT_SECCOMP_PROFILE.")
    security_options = ["no-new-privileges:true", f"seccomp={spec.seccomp_profile}"]
    if spec.apparmor_profile:
        security_options.append(f"apparmor={spec.apparmor_profile}")
    return {
        "user": f"{spec.uid}:{spec.gid}",
        "privileged": False,
        "read_only": True,
        "tmpfs": {"/tmp": f"rw,nosuid,nodev,mode=1777,size={TMP_SIZE_BYTES}"},  # noqa: S108
        "cap_drop": ["ALL"],
        "security_opt": security_options,
        "network_mode": "none",
        "ipc_mode": "private",
        "mem_limit": spec.memory_bytes,
        "memswap_limit": spec.memory_bytes,
        "nano_cpus": round(spec.cpus * 1_000_000_000),
        "pids_limit": spec.pids,
        "ulimits": [
            {"name": "nofile", "soft": OPEN_FILES_LIMIT, "hard": OPEN_FILES_LIMIT},
            {"name": "core", "soft": 0, "hard": 0},
        ],
    }


def _mounts(spec: ContainerSpec, labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return the engine's own mount records; a bind whose source is missing makes `create` fail.

    `.git/config` and `.git/hooks` are not mounted read-only: moving the whole of `.git` aside and
    copying it back defeats that (a folder above a mount point can be renamed), while `git config`,
    `git checkout -b` with tracking and `git push -u` would fail. Instead, the portal never runs
    git outside of a container.
    """
    home = {
        "Type": "volume",
        "Source": home_volume(spec.agent_id),
        "Target": HOME_PATH,
        "ReadOnly": False,
        "VolumeOptions": {"Labels": labels},
    }
    return [
        _bind(spec.workspace, WORKSPACE_PATH, read_only=False),
        home,
        _bind(spec.gateway_socket_dir, "/run/gateway", read_only=True),
        _bind(spec.gateway_ca_dir, "/run/gateway-ca", read_only=True),
        _bind(spec.managed_settings_dir, "/etc/claude-code", read_only=True),
        *([_bind_as_on_host(spec.git_dir, read_only=False)] if spec.git_dir else []),
    ]


def _bind_as_on_host(path: str, *, read_only: bool) -> dict[str, Any]:
    """Raises HardeningError where the folder would hide what the container itself has there."""
    if path == "/" or path.startswith(tuple(f"{folder}/" for folder in OWN_FOLDERS)):
        raise HardeningError(
            f"Git cannot be used on {path}: containers have folders of their own in that place."
        )
    return _bind(path, path, read_only=read_only)


def _bind(source: str, target: str, *, read_only: bool) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": read_only}


def claude_arguments(
    *, session_uuid: str, resume: bool, model: str, effort: str = "", plans_first: bool = False
) -> tuple[str, ...]:
    """Return the CLI's arguments for a session that is driven over stdin and stdout.

    The workspace is hostile: without `--setting-sources=` its settings file chose the permission
    mode, the API address and a command for the API key, and `.mcp.json` a command to start, all
    in spite of the managed settings. `--add-dir` brings its CLAUDE.md back, and only that.
    Allowed tools are in the managed settings: `--allowedTools` does nothing beside those.
    """
    return (
        "-p",
        "--input-format=stream-json",
        "--output-format=stream-json",
        "--verbose",
        "--include-partial-messages",
        "--replay-user-messages",
        "--permission-prompt-tool=stdio",
        f"--permission-mode={'plan' if plans_first else 'default'}",
        "--setting-sources=",
        "--strict-mcp-config",
        f"--add-dir={WORKSPACE_PATH}",
        f"--resume={session_uuid}" if resume else f"--session-id={session_uuid}",
        *([f"--model={model}"] if model else []),
        *([f"--effort={effort}"] if effort else []),
    )


def managed_settings(allowed_tools: Sequence[str], ask_tools: Sequence[str] = ()) -> dict[str, Any]:
    """Return the content of /etc/claude-code/managed-settings.json.

    A tool in neither list asks, save what the CLI itself holds for read-only (`ls`, `git status`).
    A rule in `ask_tools` goes before every allowing one: `Bash` there asks for `Bash(ls:*)` too,
    and `Edit` there asks even after the user allowed edits for the whole session.
    """
    permissions: dict[str, Any] = {
        "disableBypassPermissionsMode": "disable",
        "allow": list(allowed_tools),
    }
    if ask_tools:
        permissions["ask"] = list(ask_tools)
    return {
        "allowManagedPermissionRulesOnly": True,
        "allowManagedHooksOnly": True,
        # It would ask claude.ai about each address first. The gateway decides what is reached.
        "skipWebFetchPreflight": True,
        "permissions": permissions,
    }


def workspace_user(status: os.stat_result) -> tuple[int, int]:
    """Return the uid and gid to run as: the workspace's owner, never the group root."""
    return status.st_uid, status.st_gid or status.st_uid


def workspace_identity(status: os.stat_result) -> str:
    """What `stat -c %d:%i` says of the folder, in the container as on the host."""
    return f"{status.st_dev}:{status.st_ino}"


def workspace_problem(path: str, status: os.stat_result) -> str | None:
    """Say why no agent can work in `path`, with the command that mends it; None where one can."""
    quoted = shlex.quote(path)
    if not stat.S_ISDIR(status.st_mode):
        return f"{path} is not a folder."
    if status.st_uid == 0:
        reason = "belongs to root, and agents never run as root"
        return f"{path} {reason}. Run: chown -R 1000:1000 {quoted}"
    if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        return f"The owner of {path} cannot write in it. Run: chmod u+rwx {quoted}"
    return None
