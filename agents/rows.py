"""What one stored line of an agent's output shows on the page. Pure; tolerates any payload.

A line becomes a tuple of parts, each with a `shape` that the template `agents/_event.html` knows.
An empty tuple needs no row.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from agents.blocks import Block, blocks_in, message_blocks, result_text
from agents.diffs import Diff, diff_of_result
from agents.images import image_number
from agents.questions import Answer, Question, parse_answers, parse_questions
from agents.rendering import cut, plain

MAX_TEXT_CHARACTERS = 20_000
MAX_INPUT_CHARACTERS = 4_000
MAX_SUMMARY_CHARACTERS = 300
MAX_PARTS = 50
MAX_TODOS = 50
CALL_ID = re.compile(r"[\w-]{1,100}", re.ASCII)

Call = Literal["tool", "todos", "plan", "questions"]
Result = Literal["result", "answers", "image"]
Shape = Call | Result | Literal["prompt", "text", "thinking", "turn", "notice", "raw"]
Tone = Literal["", "good", "warn", "bad"]

# The input field that says most about what a tool is about to do.
TELLING_FIELDS = (
    *("command", "file_path", "notebook_path", "pattern", "query", "url", "subject"),
    *("description", "prompt", "path", "skill", "taskId"),
)


@dataclass(frozen=True)
class Todo:
    text: str
    state: Literal["pending", "in_progress", "completed"]


@dataclass(frozen=True)
class Part:
    """One thing to show. `detail` is folded away; `left_out` counts characters not shown.

    `tool_use_id` joins a call to its result.
    """

    shape: Shape
    text: str = ""
    title: str = ""
    tone: Tone = ""
    detail: str = ""
    left_out: int = 0
    diff: Diff | None = None
    tool_use_id: str = ""
    todos: tuple[Todo, ...] = ()
    questions: tuple[Question, ...] = ()
    answers: tuple[Answer, ...] = ()
    image: int | None = None

    @property
    def done_count(self) -> int:
        return sum(todo.state == "completed" for todo in self.todos)


def parts_of(kind: str, payload: object) -> tuple[Part, ...]:
    """What to show of a line; () for lines that need no row."""
    if not isinstance(payload, Mapping):
        return ()
    read = READERS.get(kind)
    return tuple(islice(read(payload), MAX_PARTS)) if read else ()


def summarise_input(tool_input: object) -> str:
    """The telling field of a tool's input, on one line."""
    if not isinstance(tool_input, Mapping):
        return ""
    for field in TELLING_FIELDS:
        value = tool_input.get(field)
        if isinstance(value, str) and value:
            return _one_line(value.removeprefix("/workspace/"))
    return ""


def call_id(value: object) -> str:
    """The id of a tool's call; "" for what is no id."""
    return value if isinstance(value, str) and CALL_ID.fullmatch(value) else ""


def show_input(tool_input: object) -> str:
    """A tool's whole input as indented JSON, bounded."""
    text = json.dumps(tool_input, indent=2, ensure_ascii=False, default=str)
    return _with_note(plain(text), MAX_INPUT_CHARACTERS)


def _one_line(text: str) -> str:
    line, left_out = cut(" ".join(plain(text).split()), MAX_SUMMARY_CHARACTERS)
    return f"{line}…" if left_out else line


def _with_note(text: str, limit: int) -> str:
    shown, left_out = cut(text, limit)
    return f"{shown}\n… {left_out:,} more characters" if left_out else shown


def _text_part(shape: Shape, text: object, *, tone: Tone = "", title: str = "") -> Iterator[Part]:
    if isinstance(text, str) and text.strip():
        shown, left_out = cut(text, MAX_TEXT_CHARACTERS)
        yield Part(shape, shown, title=title, tone=tone, left_out=left_out)


def _read_assistant(payload: Mapping[str, Any]) -> Iterator[Part]:
    tone: Tone = "bad" if payload.get("is_api_error_message") is True else ""
    for block in message_blocks(payload):
        match block.get("type"):
            case "text":
                yield from _text_part("text", block.get("text"), tone=tone)
            case "thinking":
                yield from _text_part("thinking", block.get("thinking"))
            case "tool_use" | "server_tool_use":
                yield _tool_part(block)


def _tool_part(block: Block) -> Part:
    name, given = _one_line(str(block.get("name", "tool")))[:100], block.get("input")
    tool_use_id = call_id(block.get("id"))
    if todos := _parse_todos(name, given):
        return Part("todos", title=name, todos=todos, tool_use_id=tool_use_id)
    if questions := parse_questions(name, given):
        return Part("questions", title=name, questions=questions, tool_use_id=tool_use_id)
    if name == "ExitPlanMode" and isinstance(given, Mapping) and isinstance(given.get("plan"), str):
        shown, left_out = cut(given["plan"], MAX_TEXT_CHARACTERS)
        return Part("plan", shown, title=name, left_out=left_out, tool_use_id=tool_use_id)
    summary, detail = summarise_input(given), _show_call(name, given)
    return Part("tool", summary, title=name, detail=detail, tool_use_id=tool_use_id)


def _show_call(name: str, given: object) -> str:
    """A command as at a prompt, any other input as JSON."""
    match given:
        case {"command": str(command)} if name == "Bash":
            return _with_note(f"$ {plain(command)}", MAX_INPUT_CHARACTERS)
    return show_input(given)


def _parse_todos(name: str, given: object) -> tuple[Todo, ...]:
    """The list of a TodoWrite; () for anything else."""
    todos = given.get("todos") if name == "TodoWrite" and isinstance(given, Mapping) else None
    return tuple(
        Todo(_one_line(item["content"]), _todo_state(item.get("status")))
        for item in (todos if isinstance(todos, list) else [])[:MAX_TODOS]
        if isinstance(item, Mapping) and isinstance(item.get("content"), str)
    )


def _todo_state(status: object) -> Literal["pending", "in_progress", "completed"]:
    match status:
        case "in_progress" | "completed":
            return status
    return "pending"


def _read_user(payload: Mapping[str, Any]) -> Iterator[Part]:
    is_prompt = payload.get("isReplay") is True
    for block in message_blocks(payload):
        match block.get("type"):
            case "tool_result":
                yield from _read_tool_result(block, payload.get("tool_use_result"))
            case "text":
                yield from _text_part("prompt" if is_prompt else "notice", block.get("text"))
            case "image":
                yield _image_part(block)


def _image_part(block: Block, tool_use_id: str = "") -> Part:
    number = image_number(block)
    if number is None:
        return Part("notice", "An image that cannot be shown.", tool_use_id=tool_use_id)
    return Part("image", image=number, tool_use_id=tool_use_id)


def _read_tool_result(block: Block, result: object) -> Iterator[Part]:
    is_error = block.get("is_error") is True
    tool_use_id = call_id(block.get("tool_use_id"))
    if not is_error and (answers := parse_answers(result)):
        yield Part("answers", answers=answers, tool_use_id=tool_use_id)
        return
    diff = None if is_error else diff_of_result(result)
    text = "" if diff else result_text(block.get("content"), leave_out="image")
    images = _images_in(block)
    if text or diff or not images:
        shown, left_out = cut(text, MAX_TEXT_CHARACTERS)
        tone: Tone = "bad" if is_error else ""
        yield Part(
            "result", shown, tone=tone, left_out=left_out, diff=diff, tool_use_id=tool_use_id
        )
    yield from (_image_part(image, tool_use_id) for image in images)


def _images_in(block: Block) -> list[Block]:
    return [item for item in blocks_in(block.get("content")) if item.get("type") == "image"]


def _read_result(payload: Mapping[str, Any]) -> Iterator[Part]:
    duration = payload.get("duration_ms")
    facts = [_duration(duration)] if isinstance(duration, int | float) else []
    turns = payload.get("num_turns")
    if isinstance(turns, int) and turns > 1:
        facts.append(f"{turns} steps")
    was_interrupted = str(payload.get("terminal_reason", "")).startswith("aborted")
    if was_interrupted:
        yield Part("turn", " · ".join(facts), title="Interrupted", tone="warn")
    elif payload.get("is_error") is True:
        detail = payload.get("result") or payload.get("errors") or payload.get("subtype") or ""
        message = detail if isinstance(detail, str) else json.dumps(detail, default=str)
        title = "Turn failed"
        yield Part("turn", " · ".join(facts), title=title, tone="bad", detail=_one_line(message))
    else:
        yield Part("turn", " · ".join(facts), title="Turn finished", tone="good")


def _duration(milliseconds: float) -> str:
    # Compared first: an integer of 400 digits is valid JSON and no float.
    if not milliseconds < 1e12:
        return ""
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def _read_system(payload: Mapping[str, Any]) -> Iterator[Part]:
    match payload.get("subtype"):
        case "api_retry":
            attempt = _one_line(str(payload.get("attempt", "?")))
            status = _one_line(str(payload.get("error_status") or "no answer"))
            text = f"The model API did not answer: retrying (attempt {attempt}, status {status})"
            yield Part("notice", text, tone="warn")
        case "compact_boundary":
            yield Part("notice", "The conversation so far was summarised to make room.")


def _read_raw(payload: Mapping[str, Any]) -> Iterator[Part]:
    is_error = payload.get("stream") == "stderr"
    yield from _text_part("raw", payload.get("text"), title="stderr" if is_error else "output")


def _read_oversized(payload: Mapping[str, Any]) -> Iterator[Part]:
    size = payload.get("bytes")
    words = f"{size:,} bytes" if isinstance(size, int) else "more than the portal keeps"
    yield Part(
        "notice",
        f"A line of {words} was not kept.",
        tone="warn",
        detail=_with_note(plain(str(payload.get("text", ""))), MAX_INPUT_CHARACTERS),
    )


def _read_cam(payload: Mapping[str, Any]) -> Iterator[Part]:
    yield from _text_part("notice", payload.get("text"))


READERS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Part]]] = {
    "assistant": _read_assistant,
    "user": _read_user,
    "result": _read_result,
    "system": _read_system,
    "raw": _read_raw,
    "oversized": _read_oversized,
    "cam": _read_cam,
}
