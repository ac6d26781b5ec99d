"""Checks the environment, prepares the folders and becomes mitmdump with our addon."""

import fcntl
import os
import resource
import sys
from pathlib import Path
from typing import TextIO

from mitmproxy.tools.main import mitmdump

from metrics_app.gateway.config import (
    ConfigError,
    GatewayConfig,
    find_system_ca_bundle,
    read_config,
)
from metrics_app.gateway.sockets import LOOPBACK

ADDON = Path(__file__).with_name("addon.py")


def make_options(config: GatewayConfig) -> list[str]:
    """mitmdump's arguments. None of them is secret: the keys stay in the environment."""
    options = {
        "confdir": config.ca_dir,
        "listen_host": LOOPBACK,
        "listen_port": config.listen_port,
        # Nothing is connected to before the request in a tunnel was seen and allowed.
        "connection_strategy": "lazy",
        "upstream_cert": "false",
        # What is not plain HTTP/1 in a tunnel could not be checked.
        "rawtcp": "false",
        "websocket": "false",
        "http2": "false",
        "http3": "false",
        # No pages of mitmproxy's own under the name mitm.it.
        "onboarding": "false",
        "store_streamed_bodies": "false",
        "flow_detail": 0,
        "termlog_verbosity": "error",
    }
    if bundle := find_system_ca_bundle():
        options["ssl_verify_upstream_trusted_ca"] = bundle
    settings = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    return [*settings, "-s", str(ADDON)]


def prepare_folders(config: GatewayConfig) -> None:
    """The sockets and the certificate are for the containers, the rest for us alone."""
    private = (
        config.data_dir,
        config.policy_dir,
        config.ca_dir,
        config.spool_dir,
        config.in_flight_dir,
        config.egress_dir,
    )
    for folder in (*private, config.sockets_dir, config.public_dir):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.ca_dir.chmod(0o700)
    for folder in (config.sockets_dir, config.public_dir):
        folder.chmod(0o755)


def take_lock(path: Path) -> TextIO:
    """Wait until no other gateway serves these folders: two would make two CAs, and take turns at
    the sockets. The lock is free when the returned file is closed, or its process dies."""
    lock = path.open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def allow_many_files() -> None:
    """Each connection of an agent takes four descriptors; the usual limit is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    try:
        config = read_config(os.environ)
        prepare_folders(config)
    except (ConfigError, OSError) as exc:
        sys.exit(f"gateway: {exc}")
    os.umask(0o077)
    lock = take_lock(config.data_dir / "gateway" / "lock")
    allow_many_files()
    with lock:
        mitmdump(make_options(config))


if __name__ == "__main__":
    main()
