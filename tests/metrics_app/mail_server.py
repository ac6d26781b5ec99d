"""A mail server of a few lines: real SMTP on a free port, with failures on demand."""

import asyncio
import threading
from contextlib import closing, contextmanager


class MailServer:
    """Keeps what it takes; `answers` replaces its answer to a command, as `{"RCPT": "550 no"}`."""

    def __init__(self):
        self.messages: list[bytes] = []
        self.commands: list[str] = []
        self.answers: dict[str, str] = {}
        self.port = 0

    async def serve(self, reader, writer):
        with closing(writer):
            await self.say(writer, "220 ready")
            while line := await reader.readline():
                await self.answer(line.decode().strip(), reader, writer)

    async def answer(self, command, reader, writer):
        self.commands.append(command)
        verb = command.split(":")[0].split()[0].upper()
        if verb == "EHLO":
            await self.say(writer, "250-here", "250 AUTH PLAIN")
        elif verb in self.answers:
            await self.say(writer, self.answers[verb])
        elif verb == "DATA":
            await self.say(writer, "354 go on")
            body = await reader.readuntil(b"\r\n.\r\n")
            self.messages.append(body.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."))
            await self.say(writer, self.answers.get("BODY", "250 taken"))
        else:
            await self.say(writer, "221 bye" if verb == "QUIT" else "250 fine")

    async def say(self, writer, *lines):
        writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await writer.drain()


@contextmanager
def running_server():
    """Run a MailServer in a thread of its own."""
    with asyncio.Runner() as runner:  # ends what still reads from a client that stays
        server, loop = MailServer(), runner.get_loop()
        listener = runner.run(asyncio.start_server(server.serve, "127.0.0.1", 0, limit=1 << 22))
        server.port = listener.sockets[0].getsockname()[1]
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield server
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            listener.close()
