"""The card: what was asked for and what the engine says, line by line."""

import pytest

from agents.hardening import container_options
from agents.security_card import asked_of, found_in, make_lines, mounts_of
from tests.agents.factories import inspected_as_asked, make_spec


@pytest.fixture
def asked():
    return asked_of(container_options(make_spec()))


@pytest.fixture
def inspected():
    return inspected_as_asked()


def deviations(asked, inspected):
    return {line.title: line for line in make_lines(asked, found_in(inspected)) if not line.is_ok}


def test_container_as_asked_for_has_no_deviation(asked, inspected):
    assert deviations(asked, inspected) == {}


def test_plain_words(asked, inspected):
    shown = {line.title: line.found for line in make_lines(asked, found_in(inspected))}
    assert shown["Network"] == "none but the gateway's socket"
    assert shown["User"] == "uid and gid 1000:1000"
    assert shown["Memory"] == "4 GiB, no swap"
    assert shown["Processors"] == "2"
    assert shown["Image"] == "cam-agent:latest, id 7f7f7f7f7f7f"
    assert shown["System calls"].startswith("CAM's own list, ")


@pytest.mark.parametrize(
    ("option", "value", "title", "words"),
    [
        ("NetworkMode", "bridge", "Network", "connected to “bridge”"),
        ("PortBindings", {"80/tcp": []}, "Network", "open ports 80/tcp"),
        ("Privileged", True, "Capabilities", "privileged"),
        ("CapDrop", [], "Capabilities", "dropped: none"),
        ("CapAdd", ["SYS_ADMIN"], "Capabilities", "but SYS_ADMIN added"),
        ("ReadonlyRootfs", False, "Root file system", "writable"),
        ("SecurityOpt", ["seccomp=unconfined"], "System calls", "every system call"),
        ("SecurityOpt", None, "System calls", "the engine's own list"),
        ("SecurityOpt", None, "New privileges", "can be gained"),
        ("Memory", 0, "Memory", "no limit"),
        ("MemorySwap", -1, "Memory", "and swap"),
        ("NanoCpus", 0, "Processors", "no limit"),
        ("PidsLimit", None, "Processes", "no limit"),
        ("Ulimits", None, "Files", "no limit, core dumps"),
        ("Tmpfs", None, "Temporary files", "none"),
        ("IpcMode", "host", "Shared memory", "host"),
        ("Devices", [{"PathInContainer": "/dev/kvm"}], "Devices", "/dev/kvm"),
    ],
)
def test_whatever_is_otherwise_deviates(asked, inspected, option, value, title, words):
    inspected["HostConfig"][option] = value
    line = deviations(asked, inspected)[title]
    assert words in line.found
    assert line.asked


@pytest.mark.parametrize("user", ["", "0:0", "root"])
def test_root_is_called_root(asked, inspected, user):
    inspected["Config"]["User"] = user
    assert deviations(asked, inspected)["User"].found == "root"


def test_a_mount_more_and_a_mount_that_may_be_written_deviate(asked, inspected):
    inspected["Mounts"].append({"Type": "bind", "Source": "/", "Destination": "/host", "RW": True})
    assert "/host rw" in deviations(asked, inspected)["Mounts"].found
    inspected["Mounts"].pop()
    inspected["Mounts"][-1]["RW"] = True
    assert "Mounts" in deviations(asked, inspected)


def test_mounts_have_their_place_on_the_host(inspected):
    places = {mount.target: mount.source for mount in mounts_of(found_in(inspected))}
    assert places["/workspace"] == "/srv/shop"
    assert places["/home/agent"] == "cam-home-a"


@pytest.mark.parametrize(
    ("asked_for", "found", "is_ok"),
    [
        ("", "docker-default", True),
        ("", "", True),
        ("", "unconfined", False),
        ("cam-agent", "cam-agent", True),
        ("cam-agent", "docker-default", False),
    ],
)
def test_without_a_profile_of_its_own_the_engine_chooses_apparmors(
    asked, inspected, asked_for, found, is_ok
):
    inspected["AppArmorProfile"] = found
    assert ("AppArmor" not in deviations(asked | {"apparmor": asked_for}, inspected)) == is_ok


def test_another_list_of_system_calls_deviates_and_other_white_space_does_not(asked, inspected):
    inspected["HostConfig"]["SecurityOpt"][1] = 'seccomp={"defaultAction":   "SCMP_ACT_ERRNO"}'
    assert deviations(asked, inspected) == {}
    inspected["HostConfig"]["SecurityOpt"][1] = 'seccomp={"defaultAction": "SCMP_ACT_ALLOW"}'
    assert list(deviations(asked, inspected)) == ["System calls"]


def test_an_answer_that_says_nothing_deviates_in_every_line_that_can_be_told(asked):
    bad = deviations(asked, {})
    assert {"Network", "User", "Root file system", "Capabilities", "System calls"} <= bad.keys()
