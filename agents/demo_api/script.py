"""The script: from a conversation to the next reply. Each request tells the whole story."""

import re
from collections.abc import Callable
from typing import cast

from agents.demo_api import texts
from agents.demo_api.conversation import Conversation, ToolResult
from agents.demo_api.replies import ErrorReply, Fault, Reply, Text, Thinking, ToolUse

DEFAULT_FILE = "hello.txt"
MAX_WORDS = 50_000
MAX_STALL_SECONDS = 600

_USAGE = re.compile(r"\busage((?:\s+(?:in|5m|1h|read|out)=\d{1,9})+)")
_COUNTS = {"once": 1, "twice": 2}
_ERROR_MESSAGES = {
    401: "invalid x-api-key",
    403: "Your account may not use this model.",
    429: "This request would exceed your rate limit.",
    500: "Internal server error",
    529: "Overloaded",
}

Answer = Reply | ErrorReply
Match = re.Match[str]


def answer(conversation: Conversation) -> Answer:
    if conversation.side is not None:
        return Reply((Text(_SIDE_ANSWERS[conversation.side]),))
    said = _USAGE.sub("", conversation.prompt).strip()
    for pattern, reply in _COMMANDS:
        if found := pattern.search(said):
            return reply(found, conversation)
    return Reply((Text(texts.EXPLANATION),))


def read_chosen_usage(prompt: str) -> dict[str, int] | None:
    """The counts of a `usage in=... out=...` phrase by their short names; None without one."""
    found = _USAGE.search(prompt)
    if found is None:
        return None
    pairs = (part.split("=") for part in found[1].split())
    return dict.fromkeys(("in", "5m", "1h", "read", "out"), 0) | {
        name: int(count) for name, count in pairs
    }


_SIDE_ANSWERS = {
    "quota": "ok",
    "title": '{"title": "A talk with the demo"}',
    "topic": '{"isNewTopic": false, "title": null}',
}


def _say(text: str) -> Callable[[Match, Conversation], Answer]:
    return lambda _found, _conversation: Reply((Text(text),))


def _fail(found: Match, _conversation: Conversation) -> Answer:
    status = int(found[1])
    headers = {"x-should-retry": "false"} if found[3] else {}
    if status == 429:
        headers["retry-after"] = "1"
    return ErrorReply(status, _ERROR_MESSAGES[status], fails=_read_times(found[2]), headers=headers)


def _break_off(found: Match, _conversation: Conversation) -> Answer:
    fault = cast(Fault, found[1].lower())
    return Reply((Text(_HALF),), fault=fault, fails=_read_times(found[2]))


def _read_times(said: str | None) -> int | None:
    return None if said is None else _COUNTS.get(said.lower()) or int(said.split()[0])


def _ask(_found: Match, conversation: Conversation) -> Answer:
    if conversation.results:
        return _close(conversation)
    options = [
        {"label": "Green", "description": "Like grass in April"},
        {"label": "Blue", "description": "Like the sea on a map"},
    ]
    question = {
        "question": "Which colour should the demo paint the shed?",
        "header": "Colour",
        "options": options,
        "multiSelect": False,
    }
    return Reply(
        (
            Text("I need to know one thing first."),
            ToolUse("AskUserQuestion", {"questions": [question]}),
        )
    )


def _plan(_found: Match, conversation: Conversation) -> Answer:
    if conversation.results:
        return _close(conversation)
    return Reply(
        (Text("I have looked around."), ToolUse("ExitPlanMode", {"plan": texts.PLAN})),
    )


def _run(command: str, conversation: Conversation) -> Answer:
    if conversation.results:
        return _close(conversation)
    call = ToolUse("Bash", {"command": command, "description": "Run the command asked for"})
    return Reply((Text(f"I run `{command}`."), call))


def _delegate(found: Match, conversation: Conversation) -> Answer:
    if conversation.results:
        return _close(conversation)
    task = {
        "description": "Do a part of it",
        "prompt": found[1] or "Say hello.",
        "subagent_type": "general-purpose",
    }
    return Reply((Text("I give that to a subagent."), ToolUse("Agent", task)))


def _read(found: Match, conversation: Conversation) -> Answer:
    if conversation.results:
        return _close(conversation)
    path = _locate(found[1], conversation)
    return Reply((Text("I read the file."), ToolUse("Read", {"file_path": path})))


def _write(found: Match, conversation: Conversation) -> Answer:
    if conversation.results:
        return _close(conversation)
    names = [name for name in (found[1] or "notes.md").replace(",", " ").split() if name != "and"]
    paths = [_locate(name, conversation) for name in names]
    calls = [ToolUse("Write", {"file_path": path, "content": _make_note(path)}) for path in paths]
    return Reply((Text("I write it down."), *calls))


def _edit(found: Match, conversation: Conversation) -> Answer:
    """Read, then Edit by what was read; a file that cannot be read is written anew."""
    path = _locate(found[1], conversation)
    results = conversation.results
    if not results:
        return Reply((Text("I read the file first."), ToolUse("Read", {"file_path": path})))
    if len(results) > 1:
        return _close(conversation)
    line = find_first_line(results[0])
    if line is None:
        call = ToolUse("Write", {"file_path": path, "content": _make_note(path)})
        return Reply((Text("There is nothing to edit, so I write the file."), call))
    change = {"file_path": path, "old_string": line, "new_string": f"{line} (edited by the demo)"}
    return Reply((Text("I propose this edit."), ToolUse("Edit", change)))


def find_first_line(result: ToolResult) -> str | None:
    """The first line with text in it of what Read returned, which numbers its lines."""
    if result.is_error:
        return None
    for line in result.text.splitlines():
        if (found := re.match(r"\s*\d+(?:\t|→)(.*)", line)) and found[1].strip():
            return found[1]
    return None


def _close(conversation: Conversation) -> Answer:
    """The end of a turn with tools. A refusal reaches the model as an error with its reason."""
    last = conversation.results[-1]
    quote = "\n".join(f"> {line}" for line in last.text.strip()[:600].splitlines())
    if last.is_error:
        text = f"{last.tool_name} was refused or failed, so nothing was changed. I was told:"
    else:
        text = f"Done: {last.tool_name} succeeded. It returned:"
    return Reply((Text(f"{text}\n\n{quote}\n"),))


def _locate(name: str | None, conversation: Conversation) -> str:
    chosen = name or DEFAULT_FILE
    return chosen if chosen.startswith("/") else f"{conversation.workspace.rstrip('/')}/{chosen}"


def _make_note(path: str) -> str:
    return f"# {path.rpartition('/')[2]}\n\nWritten by the demo.\n"


def _stall(found: Match, _conversation: Conversation) -> Answer:
    seconds = min(float(found[1] or 20), MAX_STALL_SECONDS)
    return Reply((Text(f"Sorry for the wait of {seconds:g} s."),), stall_seconds=seconds)


def _write_long(found: Match, _conversation: Conversation) -> Answer:
    return Reply((Text(texts.make_long_text(min(int(found[1] or 1000), MAX_WORDS))),))


_FILE = r"((?:[^\s`'\"]*[./][^\s`'\"]*[^\s`'\".,!?]))"
_FILES = r"((?:(?:\s|and|,)*[^\s`'\"]*[./][^\s`'\"]*[^\s`'\".,!?])+)"

_TIMES = r"(?: (once|twice|\d{1,3} times))?"

_HALF = (
    "This answer breaks off in the middle of a sentence that would have gone on for quite a while."
)

# Tried in this order; what begins a prompt counts more than what is in it.
_COMMANDS: tuple[tuple[re.Pattern[str], Callable[[Match, Conversation], Answer]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reply)
    for pattern, reply in (
        (r"^subagent\b[ :]*([^\n]+)?", _delegate),
        (rf"\berror (401|403|429|500|529)\b{_TIMES}( noretry)?", _fail),
        (r"\bbash safe\b", lambda _found, talk: _run("git status", talk)),
        (r"\bbash ask(?:ed)?\b", lambda _found, talk: _run("touch demo.txt", talk)),
        (r"\b(?:run |bash )+`?([^`\n]+)", lambda found, talk: _run(found[1].strip(), talk)),
        (rf"\bedit\b(?: (?:the )?(?:file )?[`'\"]?{_FILE})?", _edit),
        (rf"\bwrite\b(?: (?:the )?(?:files? )?[`'\"]?{_FILES})?", _write),
        (rf"\bread\b(?: (?:the )?(?:file )?[`'\"]?{_FILE})?", _read),
        (r"\bquestion\b", _ask),
        (r"\bplan\b", _plan),
        (r"\bmarkdown\b", _say(texts.MARKDOWN)),
        (r"\bhostile\b", _say(texts.HOSTILE)),
        (
            r"\bthink(?:ing)?\b",
            lambda _found, _talk: Reply(
                (Thinking(texts.THOUGHT), Text("I have thought about it."))
            ),
        ),
        (r"\blong\b(?: (?:answer )?(\d{1,6}))?", _write_long),
        (rf"^(cut|malformed|overload)\b{_TIMES}", _break_off),
        (r"\bstall\b(?: (\d{1,3}))?", _stall),
    )
)
