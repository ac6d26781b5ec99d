"""The seccomp profile, read as data; tests/e2e asks a real kernel about every call."""

import json
from pathlib import Path

import pytest

PROFILE_PATH = Path(__file__).parents[2] / "agent_image" / "seccomp.json"
PROFILE = json.loads(PROFILE_PATH.read_text())
ALLOW = "SCMP_ACT_ALLOW"
ENOSYS = 38
DANGEROUS = """
    mount unshare setns ptrace process_vm_readv bpf keyctl add_key perf_event_open userfaultfd
    setuid setresuid capset chroot pivot_root init_module kexec_load open_by_handle_at mknod
    modify_ldt personality iopl swapon reboot fsopen move_mount landlock_create_ruleset
"""
REPLACEABLE = ["clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"]


def rules(name):
    return [rule for rule in PROFILE["syscalls"] if name in rule["names"]]


def is_allowed(name, *arguments):
    """Decide as the kernel does: any rule whose conditions all hold."""
    return any(
        rule["action"] == ALLOW and all(holds(c, arguments) for c in rule.get("args", []))
        for rule in rules(name)
    )


def holds(condition, arguments):
    value = arguments[condition["index"]]
    if condition["op"] == "SCMP_CMP_MASKED_EQ":
        return value & condition["value"] == condition["valueTwo"]
    assert condition["op"] == "SCMP_CMP_EQ", "only equality holds against 64-bit arguments"
    return value == condition["value"]


def test_what_is_not_listed_is_refused():
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert PROFILE["defaultErrnoRet"] == 1


def test_there_is_no_32_bit_entry():
    assert PROFILE["archMap"] == [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
    ]


def test_no_call_is_listed_twice_without_conditions():
    plain = [n for rule in PROFILE["syscalls"] if "args" not in rule for n in rule["names"]]
    assert len(plain) == len(set(plain))
    assert not set(plain) & {"clone", "socket", "ioctl"}


@pytest.mark.parametrize(
    "name",
    [
        "mount",
        "unshare",
        "setns",
        "ptrace",
        "process_vm_readv",
        "bpf",
        "keyctl",
        "add_key",
        "perf_event_open",
        "userfaultfd",
        "setuid",
        "setresuid",
        "capset",
        "chroot",
        "pivot_root",
        "init_module",
        "kexec_load",
        "open_by_handle_at",
        "mknod",
        "modify_ldt",
        "personality",
        "iopl",
        "swapon",
        "reboot",
        "fsopen",
        "move_mount",
        "landlock_create_ruleset",
    ],
)
def test_a_dangerous_call_is_not_listed(name):
    assert not rules(name)


@pytest.mark.parametrize(
    "name", ["clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"]
)
def test_a_call_that_libraries_can_do_without_seems_not_to_exist(name):
    assert [(rule["action"], rule["errnoRet"]) for rule in rules(name)] == [
        ("SCMP_ACT_ERRNO", ENOSYS)
    ]


@pytest.mark.parametrize(
    "flag",
    [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000],
)
def test_clone_makes_no_namespace(flag):
    threads = 0x3D0F00
    assert is_allowed("clone", threads)
    assert not is_allowed("clone", threads | flag)


@pytest.mark.parametrize("family", [1, 2, 10])
def test_sockets_of_ordinary_families_are_allowed(family):
    assert is_allowed("socket", family, 1, 0)


@pytest.mark.parametrize("family", [17, 38, 40, 16, 1 << 32 | 1, 0])
def test_other_sockets_are_not(family):
    netlink_audit = 9
    assert not is_allowed("socket", family, 1, netlink_audit)


def test_netlink_shows_interfaces_only():
    assert is_allowed("socket", 16, 3, 0)


@pytest.mark.parametrize("request_number", [0x5412, 0x541C, 1 << 32 | 0x5412, 1 << 63 | 0x541C])
def test_ioctl_cannot_type_into_a_terminal(request_number):
    assert not is_allowed("ioctl", 0, request_number)


def test_every_other_ioctl_passes():
    low = [n for n in range(0x10000) if not is_allowed("ioctl", 0, n)]
    high = [
        n for bit in range(16, 32) for n in (0x5412 | 1 << bit,) if not is_allowed("ioctl", 0, n)
    ]
    assert (low, high) == ([0x5412, 0x541C], [])
