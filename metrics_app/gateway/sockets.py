"""One unix socket an agent, each connection carried on to the proxy's loopback port.

The local port of that second leg, bound before it connects, tells the proxy which agent is calling.
"""

import asyncio
import logging
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from metrics_app.gateway.policy import is_agent_id

logger = logging.getLogger("cam.gateway")

SOCKET_NAME = "gateway.sock"
LOOPBACK = "127.0.0.1"
BACKLOG = 128
MAX_CONNECTIONS = 128
CHUNK_BYTES = 64 * 1024


class AgentSocket:
    """The listening socket of one agent, with the connections made through it."""

    def __init__(self, agent_id: str, folder: Path, relay: "AgentSockets") -> None:
        self._agent_id = agent_id
        self._folder = folder
        self._relay = relay
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Replaces a stale socket; keeps the folder, for a container may have it mounted."""
        self._folder.mkdir(mode=0o755, exist_ok=True)
        self._folder.chmod(0o755)
        self._server = await asyncio.start_unix_server(
            self._accept, sock=bind_socket(self._folder), backlog=BACKLOG
        )

    async def close(self) -> None:
        """Also ends the connections that are open."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(task)
        try:
            await self._relay.carry(self._agent_id, reader, writer)
        except (OSError, asyncio.CancelledError):
            # Either side went away, or the agent's policy did.
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()


class AgentSockets:
    """Keeps one open socket for each agent that has a policy file."""

    def __init__(self, folder: Path, proxy_port: int) -> None:
        self._folder = folder
        self._proxy_port = proxy_port
        self._sockets: dict[str, AgentSocket] = {}
        self._agents_by_leg: dict[tuple[str, int], str] = {}

    def find_agent(self, peer: tuple[str, int]) -> str | None:
        """The agent that calls from the address `peer`; None: another program of this machine.

        The port alone would not do: 127.0.0.2 has a port of the same number, free for anybody.
        """
        return self._agents_by_leg.get(peer)

    async def sync(self, agent_ids: set[str]) -> None:
        for agent_id in agent_ids - self._sockets.keys():
            await self._open(agent_id)
        for agent_id in self._sockets.keys() - agent_ids:
            await self._sockets.pop(agent_id).close()
        self._remove_folders(keep=agent_ids)

    async def close(self) -> None:
        """Stop listening. Files stay: the next start replaces them."""
        for opened in self._sockets.values():
            await opened.close()

    async def _open(self, agent_id: str) -> None:
        opened = AgentSocket(agent_id, self._folder / agent_id, self)
        try:
            await opened.open()
        except OSError as exc:
            logger.warning("cannot open the socket of agent %s, trying again: %s", agent_id, exc)
        else:
            self._sockets[agent_id] = opened

    def _remove_folders(self, *, keep: set[str]) -> None:
        for folder in self._folder.iterdir():
            if folder.name not in keep and is_agent_id(folder.name):
                with suppress(OSError):
                    (folder / SOCKET_NAME).unlink(missing_ok=True)
                    folder.rmdir()

    async def carry(
        self, agent_id: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Copy bytes both ways until the proxy closes its side."""
        with socket.socket() as leg:
            leg.setblocking(False)
            # asyncio sets it only on sockets of its own making; 40 ms a call without it.
            leg.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            leg.bind((LOOPBACK, 0))
            name: tuple[str, int] = leg.getsockname()
            self._agents_by_leg[name] = agent_id
            try:
                await asyncio.get_running_loop().sock_connect(leg, (LOOPBACK, self._proxy_port))
                proxy_reader, proxy_writer = await asyncio.open_connection(sock=leg.dup())
                await self._copy_both(reader, writer, proxy_reader, proxy_writer)
            finally:
                # `leg` still holds the port here, so no other connection can have taken it over.
                del self._agents_by_leg[name]

    @staticmethod
    async def _copy_both(
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        proxy_reader: asyncio.StreamReader,
        proxy_writer: asyncio.StreamWriter,
    ) -> None:
        upwards = asyncio.create_task(_copy_or_close(reader, proxy_writer))
        try:
            await _copy(proxy_reader, writer)
            writer.close()
            await writer.wait_closed()
        finally:
            upwards.cancel()
            await asyncio.gather(upwards, return_exceptions=True)
            proxy_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def _copy_or_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As `_copy`; a reader that breaks off closes the other side, which ends the proxy's call."""
    try:
        await _copy(reader, writer)
    except OSError:
        writer.close()


def bind_socket(folder: Path) -> socket.socket:
    """A socket bound in `folder`, by its descriptor: an address holds no more than 107 bytes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path = f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                os.unlink(path)
        bound.bind(path)
        os.chmod(path, 0o666)  # noqa: S103 - the container's user is another; the mount is the guard
    except OSError:
        bound.close()
        raise
    finally:
        os.close(descriptor)
    return bound
