"""The bundled Valkey server: whether these settings use it, and how it is started."""

from pathlib import Path
from urllib.parse import urlsplit

# struct sockaddr_un holds 108 bytes, the last of them zero.
SOCKET_PATH_MAX_BYTES = 107


def own_socket(redis_url: str, data_dir: Path) -> Path | None:
    """The socket in the data directory that our own server shall listen on; None for a server elsewhere."""
    parts = urlsplit(redis_url)
    path = Path(parts.path)
    return path if parts.scheme == "unix" and path.is_relative_to(data_dir) else None


def server_arguments(socket: Path, data_dir: Path) -> list[str]:
    """No TCP port and nothing on disk: the broker holds only what can be found again from the rows.

    Raises ValueError where the kernel would not take the socket's path.
    """
    length = len(str(socket).encode())
    if length > SOCKET_PATH_MAX_BYTES:
        raise ValueError(
            f"the broker's socket {socket} has {length} bytes, a socket's path at most "
            f"{SOCKET_PATH_MAX_BYTES}: choose a shorter CAM_DATA_DIR"
        )
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data_dir),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        # A new title would overwrite the environment by which supervision finds its processes.
        "set-proc-title": "no",
        "maxmemory": "256mb",
        # A full broker refuses; the default for a cache, forgetting, would lose tasks.
        "maxmemory-policy": "noeviction",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]
