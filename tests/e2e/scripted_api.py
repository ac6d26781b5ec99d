"""A model API on a unix socket that makes the CLI use given tools: scripted_api.py SOCKET TOOLS_JSON.

TOOLS_JSON is a list of {"name", "input"}; each request is answered with the next one, then with
the text "done". Stands where an agent's gateway would.
"""

import http.server
import json
import os
import socketserver
import sys
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tool_uses: list[dict[str, Any]] = []

    def log_message(self, *_: object) -> None:
        """A unix socket's client has no address to log."""

    def do_GET(self) -> None:
        self.answer(404, "application/json", "{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.path.startswith("/v1/messages?"):
            self.answer(404, "application/json", "{}")
            return
        request = json.loads(body)
        block = {"type": "text", "text": "CLAUDE.md" if b"PINEAPPLE" in body else "done"}
        if request.get("tools") and self.tool_uses:
            block = {"type": "tool_use", "id": f"toolu_{len(self.tool_uses)}"}
            block |= self.tool_uses.pop(0)
        events = "".join(
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            for event in stream_of(block, request["model"])
        )
        self.answer(200, "text/event-stream", events)

    def answer(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def stream_of(block: dict[str, Any], model: str) -> list[dict[str, Any]]:
    """Return the events of one message that holds one block."""
    if block["type"] == "text":
        start, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
    else:
        start = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    reason = "end_turn" if block["type"] == "text" else "tool_use"
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    Handler.tool_uses = json.loads(sys.argv[2])
    with Server(sys.argv[1], Handler) as server:
        os.chmod(sys.argv[1], 0o666)
        print("ready", flush=True)
        server.serve_forever()
