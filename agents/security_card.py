"""What a container was asked to be held to, what the engine says it is, and the two side by side. Pure.

`asked_of` reads the options for `containers.create`, `found_in` the answer of `docker inspect`; both
give the same facts, as JSON can hold them, so that a line of the card is a comparison of two values.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

Facts = dict[str, Any]

NO_SECCOMP = "unconfined"
ENGINES_CHOICE = ""
NO_APPARMOR = "not in use"


@dataclass(frozen=True)
class Line:
    """One line of the card; `asked` is only there where `found` deviates from it."""

    title: str
    found: str
    meaning: str
    asked: str = ""

    @property
    def is_ok(self) -> bool:
        return not self.asked


@dataclass(frozen=True)
class Mount:
    target: str
    source: str
    mode: str


def asked_of(options: Mapping[str, Any]) -> Facts:
    """The facts that `hardening.container_options` stands for."""
    security = list(options["security_opt"])
    return {
        "user": options["user"],
        "privileged": options["privileged"],
        "read_only_root": options["read_only"],
        "cap_drop": sorted(options["cap_drop"]),
        "cap_add": [],
        "no_new_privileges": _has_no_new_privileges(security),
        "seccomp": _seccomp_of(security),
        "apparmor": _option(security, "apparmor") or ENGINES_CHOICE,
        "network": options["network_mode"],
        "ipc": options["ipc_mode"],
        "memory_bytes": options["mem_limit"],
        "memory_swap_bytes": options["memswap_limit"],
        "nano_cpus": options["nano_cpus"],
        "pids": options["pids_limit"],
        "ulimits": {one["name"]: one["hard"] for one in options["ulimits"]},
        "tmpfs": dict(options["tmpfs"]),
        "devices": [],
        "ports": [],
        "image": options["image"],
        "mounts": {
            mount["Target"]: [mount["Source"], "ro" if mount["ReadOnly"] else "rw"]
            for mount in options["mounts"]
        },
    }


def found_in(inspected: Mapping[str, Any]) -> Facts:
    """The facts in what `docker inspect` says of a container; what is missing there is None."""
    host = _mapping(inspected.get("HostConfig"))
    config = _mapping(inspected.get("Config"))
    security = [str(one) for one in host.get("SecurityOpt") or []]
    return {
        "user": config.get("User"),
        "privileged": host.get("Privileged"),
        "read_only_root": host.get("ReadonlyRootfs"),
        "cap_drop": sorted(host.get("CapDrop") or []),
        "cap_add": sorted(host.get("CapAdd") or []),
        "no_new_privileges": _has_no_new_privileges(security),
        "seccomp": _seccomp_of(security),
        "apparmor": inspected.get("AppArmorProfile") or NO_APPARMOR,
        "network": host.get("NetworkMode"),
        "ipc": host.get("IpcMode"),
        "memory_bytes": host.get("Memory"),
        "memory_swap_bytes": host.get("MemorySwap"),
        "nano_cpus": host.get("NanoCpus"),
        "pids": host.get("PidsLimit"),
        "ulimits": {one["Name"]: one["Hard"] for one in host.get("Ulimits") or []},
        "tmpfs": dict(host.get("Tmpfs") or {}),
        "devices": [one.get("PathInContainer") for one in host.get("Devices") or []],
        "ports": sorted(host.get("PortBindings") or {}),
        "image": config.get("Image"),
        "image_id": inspected.get("Image"),
        "mounts": {
            mount["Destination"]: [
                mount.get("Name") or mount.get("Source"),
                "rw" if mount.get("RW") else "ro",
            ]
            for mount in inspected.get("Mounts") or []
            if mount.get("Type") != "tmpfs"
        },
    }


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _option(security: Iterable[str], name: str) -> str | None:
    """The value of `name=value` or `name:value` among an engine's security options."""
    for option in security:
        for separator in ("=", ":"):
            if option.startswith(f"{name}{separator}"):
                return option[len(name) + 1 :]
    return None


def _has_no_new_privileges(security: list[str]) -> bool:
    return "no-new-privileges" in security or _option(security, "no-new-privileges") == "true"


def _seccomp_of(security: Iterable[str]) -> str:
    """How the list of system calls begins its hash, whatever its white space; or its name."""
    profile = _option(security, "seccomp")
    if not profile:
        return ENGINES_CHOICE
    try:
        content = json.dumps(json.loads(profile), sort_keys=True)
    except ValueError:
        return profile[:100]
    return sha256(content.encode()).hexdigest()[:12]


# The card


@dataclass(frozen=True)
class _Rule:
    """`facts` all have to be as asked for; `show` puts them into words, `meaning` says what for."""

    title: str
    facts: tuple[str, ...]
    show: Callable[[Facts], str]
    meaning: str
    accepts: Callable[[Facts, Facts], bool] | None = None

    def line(self, asked: Facts, found: Facts) -> Line:
        same = all(asked.get(name) == found.get(name) for name in self.facts)
        is_ok = same or (self.accepts is not None and self.accepts(asked, found))
        return Line(self.title, self.show(found), self.meaning, "" if is_ok else self.show(asked))


def make_lines(asked: Facts, found: Facts) -> list[Line]:
    return [rule.line(asked, found) for rule in _RULES]


def mounts_of(facts: Facts) -> list[Mount]:
    mounts = _mapping(facts.get("mounts"))
    return [Mount(target, str(source), str(mode)) for target, (source, mode) in mounts.items()]


def _gibibytes(number: object) -> str:
    if not isinstance(number, int) or number <= 0:
        return "no limit"
    mebibytes = number / (1 << 20)
    return f"{mebibytes / 1024:g} GiB" if mebibytes >= 1024 else f"{mebibytes:g} MiB"


def _show_user(facts: Facts) -> str:
    user = str(facts.get("user") or "")
    return "root" if user.partition(":")[0] in ("", "0", "root") else f"uid and gid {user}"


def _show_root(facts: Facts) -> str:
    return "read-only" if facts.get("read_only_root") else "writable"


def _show_capabilities(facts: Facts) -> str:
    if facts.get("privileged"):
        return "privileged: all of the host's"
    added = ", ".join(facts.get("cap_add") or [])
    dropped = ", ".join(facts.get("cap_drop") or [])
    kept = f", but {added} added" if added else ""
    return ("all dropped" if dropped == "ALL" else f"dropped: {dropped or 'none'}") + kept


def _show_privileges(facts: Facts) -> str:
    return "cannot be gained" if facts.get("no_new_privileges") else "can be gained"


def _show_seccomp(facts: Facts) -> str:
    profile = facts.get("seccomp")
    if profile == NO_SECCOMP:
        return "every system call"
    return f"CAM's own list, {profile}" if profile else "the engine's own list"


def _show_apparmor(facts: Facts) -> str:
    return str(facts.get("apparmor") or "the engine's own choice")


def _show_network(facts: Facts) -> str:
    network = facts.get("network")
    ports = ", ".join(facts.get("ports") or [])
    words = "none but the gateway's socket" if network == "none" else f"connected to “{network}”"
    return f"{words}, with open ports {ports}" if ports else words


def _show_memory(facts: Facts) -> str:
    memory, swap = facts.get("memory_bytes"), facts.get("memory_swap_bytes")
    return _gibibytes(memory) + (", no swap" if memory and memory == swap else ", and swap")


def _show_cpus(facts: Facts) -> str:
    cpus = facts.get("nano_cpus")
    return f"{cpus / 1_000_000_000:g}" if isinstance(cpus, int) and cpus > 0 else "no limit"


def _show_pids(facts: Facts) -> str:
    pids = facts.get("pids")
    return f"{pids:,}" if isinstance(pids, int) and pids > 0 else "no limit"


def _show_files(facts: Facts) -> str:
    limits = _mapping(facts.get("ulimits"))
    files = limits.get("nofile")
    dumps = "no core dumps" if limits.get("core") == 0 else "core dumps"
    return f"{files:,} open, {dumps}" if isinstance(files, int) else f"no limit, {dumps}"


def _show_temporary(facts: Facts) -> str:
    found = [f"{path} ({options})" for path, options in _mapping(facts.get("tmpfs")).items()]
    return ", ".join(found) or "none"


def _show_mounts(facts: Facts) -> str:
    return ", ".join(f"{mount.target} {mount.mode}" for mount in mounts_of(facts)) or "none"


def _show_devices(facts: Facts) -> str:
    return ", ".join(map(str, facts.get("devices") or [])) or "none"


def _show_image(facts: Facts) -> str:
    image_id = str(facts.get("image_id") or "").removeprefix("sha256:")[:12]
    return f"{facts.get('image')}{f', id {image_id}' if image_id else ''}"


def _engine_may_choose(asked: Facts, found: Facts) -> bool:
    """Without a profile of the site's own the engine takes its own, where the kernel has AppArmor."""
    return asked.get("apparmor") == ENGINES_CHOICE and found.get("apparmor") != "unconfined"


_RULES = (
    _Rule("Network", ("network", "ports"), _show_network, "No network but the gateway"),
    _Rule("User", ("user",), _show_user, "An ordinary user, the owner of the workspace"),
    _Rule("Root file system", ("read_only_root",), _show_root, "Nothing of the system changes"),
    _Rule(
        "Capabilities",
        ("cap_drop", "cap_add", "privileged"),
        _show_capabilities,
        "None of root's powers",
    ),
    _Rule("New privileges", ("no_new_privileges",), _show_privileges, "No setuid program helps"),
    _Rule("System calls", ("seccomp",), _show_seccomp, "Only those that a developer's tools need"),
    _Rule("AppArmor", ("apparmor",), _show_apparmor, "A second guard", _engine_may_choose),
    _Rule("Memory", ("memory_bytes", "memory_swap_bytes"), _show_memory, "The host keeps the rest"),
    _Rule("Processors", ("nano_cpus",), _show_cpus, "The host keeps the rest"),
    _Rule("Processes", ("pids",), _show_pids, "No fork bomb"),
    _Rule("Files", ("ulimits",), _show_files, "No flood of open files"),
    _Rule("Temporary files", ("tmpfs",), _show_temporary, "In memory, gone with the container"),
    _Rule("Mounts", ("mounts",), _show_mounts, "Of the host, these folders and no others"),
    _Rule("Devices", ("devices",), _show_devices, "None of the host's"),
    _Rule("Shared memory", ("ipc",), lambda facts: str(facts.get("ipc")), "Its own"),
    _Rule("Image", ("image",), _show_image, "What its programs are"),
)
