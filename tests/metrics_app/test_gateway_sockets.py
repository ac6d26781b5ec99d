import asyncio
import socket
import uuid

from metrics_app.gateway.sockets import AgentSockets


async def test_the_same_port_of_another_loopback_address_is_no_agent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an address holds no more than 107 bytes
    peers, seen, done = [], asyncio.Semaphore(0), asyncio.Event()

    async def proxy(reader, writer):
        peers.append(writer.get_extra_info("peername"))
        seen.release()
        await done.wait()
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    sockets, agent_id = AgentSockets(tmp_path, address[1]), str(uuid.uuid4())
    await sockets.sync({agent_id})
    _, writer = await asyncio.open_unix_connection(f"{agent_id}/gateway.sock")
    await asyncio.wait_for(seen.acquire(), 5)
    with socket.socket() as intruder:
        intruder.bind(("127.0.0.2", peers[0][1]))
        intruder.setblocking(False)
        await asyncio.get_running_loop().sock_connect(intruder, address)
        await asyncio.wait_for(seen.acquire(), 5)
        assert [sockets.find_agent(peer) for peer in peers] == [agent_id, None]
    done.set()
    writer.close()
    await sockets.close()
    server.close()
