"""The Docker verbs. Knows no Django: who calls brings the options and keeps the rows.

Every verb blocks for at most TIMEOUT_SECONDS, but for `stop` and `run`, which add their own, and the
frames of `follow_log`, which come when they come. What is already so counts as done.
"""

import functools
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import docker
import docker.errors
import requests.exceptions
import urllib3.exceptions

TIMEOUT_SECONDS = 30
LABEL_AGENT = "cam.agent"
LABEL_SESSION = "cam.session"
LABEL_NODE = "cam.node"
LABEL_COMMAND = "cam.command"
BUILD_COMMAND = "agent_image/build"
_FRAME_HEADER_BYTES = 8
_STREAMS = {1: "stdout", 2: "stderr"}


class ContainerError(Exception):
    """Base of all. `detail` is the engine's own message."""

    advice = "The Docker engine refused."

    def __init__(self, detail: str) -> None:
        self.detail = detail[:1000]
        super().__init__(f"{self.advice} ({self.detail})" if detail else self.advice)


class EngineUnavailable(ContainerError):
    """No answer; the same call may succeed later."""

    advice = "The Docker engine does not answer; start it, and see that this user may use it."


class ImageMissing(ContainerError):
    """The agents' image was never built here, or was removed."""

    advice = f"The agents' image is missing; build it with {BUILD_COMMAND}."


class ContainerGone(ContainerError):
    """The container does not exist any more."""

    advice = "The container is gone."


class ContainerRefused(ContainerError):
    """The engine could not create or start it: a missing folder, an invalid option, no room."""

    advice = "The Docker engine could not do it."


class TookTooLong(ContainerError):
    """A command did not end in its time, and was killed."""

    advice = "It took too long, and was given up."


@dataclass(frozen=True)
class ContainerState:
    """What the engine says. Times are its RFC 3339 texts, None for never.

    `oom_killed` may be false although memory ended the CLI (engines on cgroup v1 miss it), and true
    although only a command of the agent was killed; the entrypoint's `cam_error` line is surer.
    """

    status: str
    exit_code: int | None
    oom_killed: bool
    error: str
    started_at: str | None
    finished_at: str | None

    @property
    def is_running(self) -> bool:
        return self.status in ("running", "paused", "restarting")


@dataclass(frozen=True)
class ContainerSummary:
    container_id: str
    name: str
    agent_id: str
    session_number: int
    status: str


@dataclass(frozen=True)
class CommandResult:
    exit_code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class LogFrame:
    """A piece of output, at most 16 KiB: longer lines come in several, the last ends in a newline.

    `timestamp` is RFC 3339 with nine digits, so that texts compare as times do. The pieces of one
    line share it: only the timestamp of a line that is complete is a cursor to go on from.
    """

    timestamp: str
    stream: str
    data: bytes


@functools.cache
def _client() -> Any:
    """Connect once a process, on first use; DOCKER_HOST and its like are honoured."""
    return docker.from_env(timeout=TIMEOUT_SECONDS)


@contextmanager
def _errors() -> Iterator[None]:
    """Turn docker-py's errors into this module's."""
    try:
        yield
    except docker.errors.ImageNotFound as exc:
        raise ImageMissing(_explanation(exc)) from exc
    except docker.errors.NotFound as exc:
        explanation = _explanation(exc)
        missing = ImageMissing if "no such image" in explanation.lower() else ContainerGone
        raise missing(explanation) from exc
    except docker.errors.APIError as exc:
        raise ContainerRefused(_explanation(exc)) from exc
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as exc:
        raise EngineUnavailable(str(exc)) from exc


def _explanation(exc: Any) -> str:
    return str(exc.explanation or exc)


def engine_info() -> dict[str, Any]:
    """The engine's own account of itself, as of `docker info`."""
    with _errors():
        return dict(_client().info())


def image_created(name: str) -> str:
    """When it was built, RFC 3339."""
    with _errors():
        return str(_client().images.get(name).attrs["Created"])


def create(options: dict[str, Any]) -> str:
    """Create a container and return its id; one of that name that is already there is returned.

    Raises ImageMissing, ContainerRefused or EngineUnavailable.
    """
    with _errors():
        try:
            return str(_client().containers.create(**options).id)
        except docker.errors.APIError as exc:
            if exc.status_code != 409:
                raise
            return str(_client().api.inspect_container(options["name"])["Id"])


def start(container_id: str) -> None:
    with _errors():
        _client().api.start(container_id)


def run(options: dict[str, Any], *, timeout_seconds: int) -> CommandResult:
    """Create a container, start it, wait for its end and remove it, whatever happens.

    Its log is read whole: the options bound it. Raises TookTooLong as well as what `create` raises.
    """
    container_id = create(options)
    try:
        start(container_id)
        exit_code = _wait(container_id, timeout_seconds)
        with _errors():
            stdout, stderr = (
                _client().api.logs(container_id, stdout=is_out, stderr=not is_out)
                for is_out in (True, False)
            )
        return CommandResult(exit_code, stdout, stderr)
    finally:
        remove(container_id)


def _wait(container_id: str, timeout_seconds: int) -> int:
    with _errors():
        try:
            return int(_client().api.wait(container_id, timeout=timeout_seconds)["StatusCode"])
        except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError) as exc:
            raise TookTooLong("") from exc


def remove_commands(node: str, *, older_than_seconds: int) -> None:
    """Remove what `run` left behind where its process was killed."""
    with _errors():
        found = _client().api.containers(all=True, filters={"label": f"{LABEL_COMMAND}={node}"})
    for item in found:
        if item["Created"] < time.time() - older_than_seconds:
            remove(item["Id"])


def stop(container_id: str, *, timeout_seconds: int = 10) -> None:
    """Send SIGTERM, and SIGKILL after the timeout. A container that is gone has stopped."""
    with _errors(), _gone_is_fine():
        _client().api.stop(container_id, timeout=timeout_seconds)


def remove(container_id: str) -> None:
    """Remove a container, running or not. Its home stays."""
    with _errors(), _gone_is_fine():
        _client().api.remove_container(container_id, force=True)


def remove_home(volume_name: str) -> None:
    """Remove an agent's home. Raises ContainerRefused while a container still uses it."""
    with _errors():
        try:
            _client().api.remove_volume(volume_name)
        except docker.errors.NotFound:
            return


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    """404: gone. 409: not running, or somebody is removing it right now."""
    try:
        yield
    except docker.errors.APIError as exc:
        if exc.status_code not in (404, 409):
            raise


def poll(container_id: str) -> ContainerState | None:
    """Return the container's state, None when there is no such container."""
    with _errors():
        try:
            state = _client().api.inspect_container(container_id)["State"]
        except docker.errors.NotFound:
            return None
    has_ended = state["Status"] in ("exited", "dead")
    return ContainerState(
        status=state["Status"],
        exit_code=state["ExitCode"] if has_ended else None,
        oom_killed=state["OOMKilled"],
        error=state["Error"],
        started_at=_time_or_none(state["StartedAt"]),
        finished_at=_time_or_none(state["FinishedAt"]) if has_ended else None,
    )


def _time_or_none(text: str) -> str | None:
    return None if text.startswith("0001-") else text


def inspect(container_id: str) -> dict[str, Any]:
    """Return all that the engine says of a container. Raises ContainerGone."""
    with _errors():
        inspected: dict[str, Any] = _client().api.inspect_container(container_id)
    return inspected


def list_ours(node: str) -> list[ContainerSummary]:
    """Return this node's containers of agents, whatever their state."""
    with _errors():
        found = _client().api.containers(all=True, filters={"label": f"{LABEL_NODE}={node}"})
    return [
        ContainerSummary(
            container_id=item["Id"],
            name=item["Names"][0].removeprefix("/"),
            agent_id=item["Labels"].get(LABEL_AGENT, ""),
            session_number=int(item["Labels"].get(LABEL_SESSION, "0")),
            status=item["State"],
        )
        for item in found
    ]


class Stdin:
    """The writing end of a container's stdin. Closing only detaches; another may attach later."""

    def __init__(self, response_socket: Any) -> None:
        self._owner = response_socket
        self._socket: socket.socket = getattr(response_socket, "_sock", response_socket)
        self._socket.settimeout(TIMEOUT_SECONDS)

    def write(self, data: bytes) -> None:
        """Send all of it. Raises ContainerGone when the container ended, EngineUnavailable when
        it does not read for TIMEOUT_SECONDS; part of the data may have arrived."""
        try:
            self._socket.sendall(data)
        except TimeoutError as exc:
            raise EngineUnavailable("the container does not read its stdin") from exc
        except OSError as exc:
            raise ContainerGone(str(exc)) from exc

    def close(self) -> None:
        self._owner.close()


def attach_stdin(container_id: str) -> Stdin:
    """Attach to stdin alone: an attached stdout that nobody reads would freeze the agent."""
    with _errors():
        params = {"stdin": 1, "stream": 1}
        return Stdin(_client().api.attach_socket(container_id, params=params))


class LogFollower:
    """Iterates over a container's output from its log, until the container ends or `close`."""

    def __init__(self, response: Any, since: str) -> None:
        self._response = response
        self._since = since
        self._last: dict[str, LogFrame] = {}
        self._is_closed = False
        # The client's read timeout would end a follow whenever an agent is silent for a while.
        self._socket: socket.socket = response.raw._fp.fp.raw._sock
        self._socket.settimeout(None)

    def __iter__(self) -> Iterator[LogFrame]:
        """Yield frames. Raises EngineUnavailable when the connection breaks inside of a frame."""
        try:
            while header := self._read(_FRAME_HEADER_BYTES):
                stream_number, length = struct.unpack(">BxxxL", header)
                timestamp, _, data = self._read(length).partition(b" ")
                frame = LogFrame(timestamp.decode(), _STREAMS.get(stream_number, "stdout"), data)
                if not self._is_repeated(frame):
                    self._last[frame.stream] = frame
                    yield frame
        except (OSError, ValueError, urllib3.exceptions.HTTPError, AttributeError) as exc:
            if not self._is_closed:
                raise EngineUnavailable(str(exc)) from exc
        finally:
            self._response.close()

    def _is_repeated(self, frame: LogFrame) -> bool:
        """Is it of the second before `since`, or did the engine tell it before?

        Engines before version 23 repeat what they told when they rotate a log that is followed.
        Within a stream time goes on with each line; only the pieces of one line share theirs.
        """
        last = self._last.get(frame.stream)
        if last is None:
            return frame.timestamp <= self._since
        is_next_piece = frame.timestamp == last.timestamp and not last.data.endswith(b"\n")
        return frame.timestamp <= last.timestamp and not is_next_piece

    def _read(self, length: int) -> bytes:
        """Return exactly `length` bytes, or none at the end of the log."""
        data = bytearray()
        while len(data) < length:
            chunk = self._response.raw.read(length - len(data))
            if not chunk:
                if data:
                    raise ValueError("the log ended inside of a frame")
                break
            data += chunk
        return bytes(data)

    def close(self) -> None:
        """End the iteration, from whichever thread."""
        self._is_closed = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def follow_log(container_id: str, since: str | None) -> LogFollower:
    """Follow the output that came after the timestamp `since` (None: from the beginning).

    The engine's own `since` counts whole seconds; what it repeats of that second is dropped here.
    Raises ContainerGone when there is no such container.
    """
    params = {"stdout": 1, "stderr": 1, "follow": 1, "timestamps": 1}
    if since is not None:
        params["since"] = _unix_seconds(since)
    with _errors():
        api = _client().api
        response = api._get(
            api._url("/containers/{0}/logs", container_id), params=params, stream=True
        )
        api._raise_for_status(response)
    return LogFollower(response, since or "")


def _unix_seconds(timestamp: str) -> int:
    """Nine digits are more than datetime reads, and the fraction is not wanted."""
    return int(datetime.fromisoformat(timestamp[:19]).replace(tzinfo=UTC).timestamp())
