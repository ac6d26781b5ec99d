"""The CLI's slash commands, from its answer to `initialize`. Pure; tolerates any answer."""

from collections.abc import Mapping

from agents.rendering import plain

MAX_COMMANDS = 200


def read_commands(response: Mapping[str, object]) -> list[dict[str, str]]:
    """Name without slash, description and argument hint of each; hidden ones are left out."""
    commands = response.get("commands")
    return [
        {
            "name": _line(command["name"], 100),
            "description": _line(command.get("description"), 300),
            "hint": _line(command.get("argumentHint"), 100),
        }
        for command in (commands if isinstance(commands, list) else [])[:MAX_COMMANDS]
        if isinstance(command, Mapping) and _is_name(command.get("name"))
    ]


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip()) and not name.startswith("_")


def _line(value: object, limit: int) -> str:
    text = value[: 4 * limit] if isinstance(value, str) else ""
    return " ".join(plain(text).split())[:limit]
