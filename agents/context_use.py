"""How full the model's context is, from an agent's lines. Pure; tolerates any payload."""

from collections.abc import Mapping
from typing import Any

PARTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
MAX_TOKENS = 10**12


def context_tokens(payload: Mapping[str, Any]) -> int | None:
    """What the model was sent for this block of its answer; None for a subagent's."""
    message = payload.get("message")
    usage = message.get("usage") if isinstance(message, Mapping) else None
    if payload.get("parent_tool_use_id") or not isinstance(usage, Mapping):
        return None
    total = sum(_count(usage.get(name)) for name in PARTS)
    return min(total, MAX_TOKENS) or None


def context_window(payload: Mapping[str, Any], model: str) -> int | None:
    """The size that the `result` line gives for the model, or for the roomiest that answered."""
    usage = payload.get("modelUsage")
    sizes = {
        name: _count(facts.get("contextWindow"))
        for name, facts in (usage.items() if isinstance(usage, Mapping) else ())
        if isinstance(facts, Mapping)
    }
    return min(sizes.get(model) or max(sizes.values(), default=0), MAX_TOKENS) or None


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return max(0, value)
    return 0
