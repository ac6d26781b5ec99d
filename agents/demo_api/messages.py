"""Replies in the forms of the Messages API: a whole message, or a stream of events."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

from agents.demo_api.conversation import Conversation
from agents.demo_api.replies import Block, Reply, Text, Thinking, ToolUse
from agents.demo_api.script import read_chosen_usage

CHARACTERS_A_TOKEN = 4

Json = dict[str, Any]


def count_tokens(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False)) // CHARACTERS_A_TOKEN


def make_usage(body: Json, conversation: Conversation, reply: Reply) -> Json:
    """As chosen in the prompt, or else by sizes: the last message is new, the rest was cached."""
    chosen = read_chosen_usage(conversation.prompt)
    if chosen is None:
        messages = body.get("messages") or []
        prefix = count_tokens([body.get("system"), body.get("tools"), messages[:-1]])
        is_first = not any(
            isinstance(one, dict) and one.get("role") == "assistant" for one in messages
        )
        new = count_tokens(messages[-1:])
        output = sum(count_tokens(_content(block)) for block in reply.blocks)
        chosen = {
            "in": 4,
            "5m": new + (prefix if is_first else 0),
            "1h": 0,
            "read": 0 if is_first else prefix,
            "out": output,
        }
    return {
        "input_tokens": chosen["in"],
        "cache_creation_input_tokens": chosen["5m"] + chosen["1h"],
        "cache_read_input_tokens": chosen["read"],
        "cache_creation": {
            "ephemeral_5m_input_tokens": chosen["5m"],
            "ephemeral_1h_input_tokens": chosen["1h"],
        },
        "output_tokens": chosen["out"],
        "service_tier": "standard",
    }


def make_message(model: str, reply: Reply, usage: Json) -> Json:
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [_content(block) for block in reply.blocks],
        "stop_reason": reply.stop_reason,
        "stop_sequence": None,
        "usage": usage,
    }


def make_events(message: Json, reply: Reply) -> Iterator[Json]:
    """The stream of `message`; its first usage only has a placeholder for the output."""
    start_usage = message["usage"] | {"output_tokens": 1}
    start = message | {"content": [], "stop_reason": None, "usage": start_usage}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, (block, content) in enumerate(zip(reply.blocks, message["content"], strict=True)):
        yield {"type": "content_block_start", "index": index, "content_block": _empty(content)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    counts = {key: value for key, value in message["usage"].items() if key.endswith("_tokens")}
    delta = {"stop_reason": reply.stop_reason, "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": counts}
    yield {"type": "message_stop"}


def encode_event(event: Json) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _content(block: Block) -> Json:
    match block:
        case Text(text):
            return {"type": "text", "text": text}
        case Thinking(text):
            return {"type": "thinking", "thinking": text, "signature": "ZGVtbw=="}
        case ToolUse(name, given):
            identifier = f"toolu_{secrets.token_hex(12)}"
            return {"type": "tool_use", "id": identifier, "name": name, "input": given}


def _empty(content: Json) -> Json:
    """How a block begins: what follows in deltas is not in it yet."""
    blank: Json = {"text": "", "thinking": "", "signature": "", "input": {}}
    return content | {key: value for key, value in blank.items() if key in content}


def _deltas(block: Block) -> Iterator[Json]:
    match block:
        case Text(text):
            for word in _words(text):
                yield {"type": "text_delta", "text": word}
        case Thinking(text):
            for word in _words(text):
                yield {"type": "thinking_delta", "thinking": word}
            yield {"type": "signature_delta", "signature": "ZGVtbw=="}
        case ToolUse(_, given):
            for piece in _words(json.dumps(given)):
                yield {"type": "input_json_delta", "partial_json": piece}


def _words(text: str) -> Iterator[str]:
    """The text in words, each with the space before it."""
    first, *others = text.split(" ")
    yield first
    for word in others:
        yield f" {word}"
