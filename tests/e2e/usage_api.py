"""A model API whose answer to the prompt "call 17" uses what the 17th call says."""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from tests.e2e.random_usage import Call, Usage

PROMPT = re.compile(r"call (\d+)")


class UsageHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "UsageApi"

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self.send(404, "application/json", b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.partition("?")[0] != "/v1/messages":
            self.send(404, "application/json", b"{}")
            return
        request = json.loads(body)
        is_stream = bool(request.get("stream"))
        call = self.server.find_call(request)
        if call is None:
            self.send_json(200, make_aside(request["model"]))
        elif is_stream and not call.is_streamed:
            # The CLI asks again for the same without a stream.
            self.send_json(404, {"type": "error", "error": {"type": "not_found_error"}})
        elif is_stream:
            events = b"".join(map(encode, make_events(call)))
            self.send(200, "text/event-stream", events)
        else:
            self.send_json(200, make_message(call, call.usage, is_whole=True))

    def send_json(self, status: int, data: Any) -> None:
        self.send(status, "application/json", json.dumps(data).encode())

    def send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class UsageApi(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, get_call: Callable[[int], Call]) -> None:
        super().__init__(("127.0.0.1", 0), UsageHandler)
        self.get_call = get_call
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def find_call(self, request: dict[str, Any]) -> Call | None:
        """That of the last prompt; None for what the CLI asks for itself."""
        asked = PROMPT.findall(json.dumps(request["messages"]))
        return self.get_call(int(asked[-1])) if asked and request.get("tools") else None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The CLI drops connections as it ends."""


def message_id(number: int) -> str:
    return f"msg_call_{number}"


def make_aside(model: str) -> dict[str, Any]:
    return {
        "id": f"msg_aside_{uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "ok"}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 1000, "output_tokens": 1},
    }


def make_message(call: Call, usage: Usage, *, is_whole: bool) -> dict[str, Any]:
    return {
        "id": message_id(call.number),
        "type": "message",
        "role": "assistant",
        "model": call.answered_by,
        "content": [{"type": "text", "text": "done"}] if is_whole else [],
        "stop_reason": "end_turn" if is_whole else None,
        "stop_sequence": None,
        "usage": usage,
    }


def make_events(call: Call) -> list[dict[str, Any]]:
    block = {"type": "text", "text": ""}
    text = {"type": "text_delta", "text": "done"}
    *first, last = call.deltas
    return [
        {"type": "message_start", "message": make_message(call, call.start, is_whole=False)},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        *({"type": "message_delta", "delta": {}, "usage": usage} for usage in first),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last},
        {"type": "message_stop"},
    ]


def encode(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
