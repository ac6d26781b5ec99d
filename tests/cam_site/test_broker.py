from pathlib import Path

import pytest

from cam_site.broker import own_socket, server_arguments

DATA = Path("/srv/cam/data")


def test_socket_in_the_data_directory_is_ours():
    assert own_socket("unix:///srv/cam/data/valkey.sock", DATA) == DATA / "valkey.sock"


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "rediss://host/srv/cam/data/valkey.sock",
        "unix:///run/redis/redis.sock",
        "unix:///srv/cam/data-of-another/valkey.sock",
    ],
)
def test_server_elsewhere_is_not(url):
    assert own_socket(url, DATA) is None


def test_server_has_no_tcp_port():
    arguments = server_arguments(DATA / "valkey.sock", DATA)
    assert arguments[arguments.index("--port") + 1] == "0"
    assert arguments[arguments.index("--unixsocketperm") + 1] == "700"


def test_path_too_long_for_a_socket_is_refused():
    folder = Path("/") / ("é" * 50)
    with pytest.raises(ValueError, match="CAM_DATA_DIR"):
        server_arguments(folder / "valkey.sock", folder)
