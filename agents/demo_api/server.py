"""The HTTP side of the stand-in: a thread a connection, which may sleep as it streams."""

import json
import secrets
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agents.demo_api.conversation import Conversation, read_conversation
from agents.demo_api.messages import (
    Json,
    count_tokens,
    encode_event,
    make_events,
    make_message,
    make_usage,
)
from agents.demo_api.replies import ERROR_TYPES, ErrorReply, Reply, Text
from agents.demo_api.script import Answer, answer

DEFAULT_PACE = 40.0
MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_COUNTED_PROMPTS = 1000
MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5")


class DemoServer(ThreadingHTTPServer):
    """`pace` is in words a second, 0 as fast as can be.

    With a `record`, the file gets a JSON line before each message and one after its last byte.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        port: int,
        pace: float = DEFAULT_PACE,
        *,
        host: str = "127.0.0.1",
        record: Path | None = None,
    ) -> None:
        super().__init__((host, port), DemoHandler)
        self.pace = pace
        self._record = record
        self._tries: OrderedDict[tuple[str, int, str], int] = OrderedDict()
        self._lock = threading.Lock()

    def count_try(self, key: tuple[str, int, str]) -> int:
        """The number of this request among equal ones; the oldest kinds are forgotten."""
        with self._lock:
            number = self._tries.pop(key, 0) + 1
            self._tries[key] = number
            if len(self._tries) > MAX_COUNTED_PROMPTS:
                self._tries.popitem(last=False)
            return number

    def note(self, message: Json, *, is_whole: bool) -> None:
        if self._record is not None:
            line = {"id": message["id"], "usage": message["usage"], "is_whole": is_whole}
            with self._lock, self._record.open("a") as record:
                record.write(json.dumps(line) + "\n")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle of a stream is nothing to report."""


class DemoHandler(BaseHTTPRequestHandler):
    server: DemoServer
    protocol_version = "HTTP/1.1"
    server_version = "CAM-demo"
    timeout = 600

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Silent: prompts and paths are nobody's business."""

    def do_GET(self) -> None:
        if self._path == "/v1/models":
            models = [{"type": "model", "id": name, "display_name": name} for name in MODELS]
            self._send_json(200, {"data": models, "has_more": False})
        else:
            self._send_error(404, f"no such path: {self._path[:100]}")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        body = self._read_body()
        if body is None:
            return
        if self._path == "/v1/messages":
            self._answer(body)
        elif self._path == "/v1/messages/count_tokens":
            total = count_tokens([body.get(key) for key in ("system", "tools", "messages")])
            self._send_json(200, {"input_tokens": total})
        else:
            self._send_error(404, f"no such path: {self._path[:100]}")

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    def _read_body(self) -> Json | None:
        """The request's JSON object; None after an error was answered."""
        length = self.headers.get("content-length", "")
        if not length.isdecimal() and "chunked" in self.headers.get("transfer-encoding", ""):
            raw = b"".join(self._read_chunks())
        elif length.isdecimal() and int(length) <= MAX_BODY_BYTES:
            raw = self.rfile.read(int(length))
        else:
            self.close_connection = True
            self._send_error(413, "the body's length is missing or too large")
            return None
        try:
            body = json.loads(raw or b"{}")
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            self._send_error(400, "the body is no JSON object")
            return None
        return body

    def _read_chunks(self) -> Iterator[bytes]:
        total = 0
        while (size := int(self.rfile.readline(100).split(b";")[0] or b"0", 16)) > 0:
            total += size
            if total > MAX_BODY_BYTES:
                raise ValueError("too large a body")
            yield self.rfile.read(size)
            self.rfile.readline(10)
        self.rfile.readline(10)

    def _answer(self, body: Json) -> None:
        conversation = read_conversation(body)
        reply = answer(conversation)
        if goes_wrong(reply) and not self._is_to_fail(conversation, reply.fails):
            reply = answer_after_trouble(conversation)
        if isinstance(reply, ErrorReply):
            self._send_error(reply.status, reply.message, reply.headers)
            return
        time.sleep(reply.stall_seconds)
        model = str(body.get("model") or MODELS[0])
        message = make_message(model, reply, make_usage(body, conversation, reply))
        self.server.note(message, is_whole=False)
        if body.get("stream"):
            self._stream(message, reply)
        else:
            self._send_json(200, message)
        if reply.fault is None:
            self.server.note(message, is_whole=True)

    def _is_to_fail(self, conversation: Conversation, fails: int | None) -> bool:
        """Whether this try is still among the first `fails` of its prompt."""
        session = self.headers.get("x-claude-code-session-id", "")
        key = (session, conversation.turn, conversation.prompt)
        return fails is None or self.server.count_try(key) <= fails

    def _stream(self, message: Json, reply: Reply) -> None:
        self._send_head(200, "text/event-stream; charset=utf-8", {"transfer-encoding": "chunked"})
        events = list(make_events(message, reply))
        middle = len(events) // 2
        for number, event in enumerate(events):
            if reply.fault is not None and number == middle:
                self._break_stream(reply.fault)
                return
            self._send_chunk(encode_event(event))
            if event["type"] == "content_block_delta" and self.server.pace:
                time.sleep(1 / self.server.pace)
        self._send_chunk(b"")

    def _break_stream(self, fault: str) -> None:
        if fault == "malformed":
            self._send_chunk(
                b'event: message_delta\ndata: {"type": "message_delta", "usage": {\n\n'
            )
            self._send_chunk(b"")
        elif fault == "overload":
            error = {"type": "overloaded_error", "message": "Overloaded"}
            self._send_chunk(encode_event({"type": "error", "error": error}))
            self._send_chunk(b"")
        self.close_connection = True

    def _send_chunk(self, data: bytes) -> None:
        """One chunk of the body; the empty one ends it."""
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _send_error(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        error = {"type": ERROR_TYPES[status], "message": text}
        self._send_json(status, {"type": "error", "error": error}, headers)

    def _send_json(self, status: int, data: Json, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(data).encode()
        length = {"content-length": str(len(content))}
        self._send_head(status, "application/json", length | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(content)

    def _send_head(self, status: int, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status, "Overloaded" if status == 529 else None)
        self.send_header("content-type", content_type)
        self.send_header("request-id", f"req_{secrets.token_hex(12)}")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def goes_wrong(reply: Answer) -> bool:
    return isinstance(reply, ErrorReply) or reply.fault is not None


def answer_after_trouble(conversation: Conversation) -> Reply:
    """What follows failures that were asked for a number of times."""
    return Reply((Text(f"It works again, after what you asked for: {conversation.prompt}"),))
