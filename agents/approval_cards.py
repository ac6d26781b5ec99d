"""What a person is shown of a request that waits for an answer. Tolerates any tool input."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings

from agents.diffs import Diff, diff_of_request
from agents.models import ApprovalRequest
from agents.questions import Question, parse_questions
from agents.rendering import plain
from agents.rows import show_input, summarise_input
from agents.workspaces import read_text_beneath

CONTAINER_WORKSPACE = "/workspace/"
MAX_COMPARED_BYTES = 256 * 1024
MAX_COMMAND_CHARACTERS = 20_000

Shape = Literal["edit", "command", "question", "plan", "other"]


@dataclass(frozen=True)
class ApprovalCard:
    approval: ApprovalRequest
    shape: Shape
    summary: str
    text: str = ""
    diff: Diff | None = None
    questions: tuple[Question, ...] = ()


def make_card(approval: ApprovalRequest) -> ApprovalCard:
    """Reads the workspace's file for the diff of a Write; no queries but for `approval.agent`."""
    tool, given = approval.tool_name, approval.tool_input
    given = given if isinstance(given, Mapping) else {}
    summary = summarise_input(given)
    if questions := parse_questions(tool, given):
        return ApprovalCard(approval, "question", summary, questions=questions)
    if tool in settings.CAM_EDIT_TOOLS:
        diff = diff_of_request(tool, given, _current_content(approval, given))
        text = "" if diff else show_input(given)
        return ApprovalCard(approval, "edit", summary, text=text, diff=diff)
    if tool == "Bash" and isinstance(given.get("command"), str):
        summary = plain(str(given.get("description") or ""))[:300]
        return ApprovalCard(approval, "command", summary, text=_bounded(given["command"]))
    if tool == "ExitPlanMode":
        plan = given.get("plan")
        return ApprovalCard(approval, "plan", "", text=plan if isinstance(plan, str) else "")
    return ApprovalCard(approval, "other", summary, text=show_input(given))


def whole_input(approval: ApprovalRequest) -> str:
    """Everything that was asked for, nothing left out; hidden characters are spelled out.

    Short values come first: PostgreSQL keeps no order of an object's keys.
    """
    given = approval.tool_input
    fields = given.items() if isinstance(given, Mapping) else [("input", given)]
    texts = sorted(
        (
            f"{key}:\n{value if isinstance(value, str) else json.dumps(value, indent=2)}"
            for key, value in fields
        ),
        key=len,
    )
    return plain("\n\n".join([approval.tool_name, *texts])) + "\n"


def _bounded(text: str) -> str:
    """A command that does not fit says by how much, so that nobody takes the part for the whole."""
    shown = plain(text[:MAX_COMMAND_CHARACTERS])
    left_out = len(text) - MAX_COMMAND_CHARACTERS
    return f"{shown}\n… {left_out:,} more characters" if left_out > 0 else shown


def _current_content(approval: ApprovalRequest, given: Mapping[str, Any]) -> str | None:
    path = given.get("file_path")
    if approval.tool_name != "Write" or not isinstance(path, str):
        return None
    relative = path.removeprefix(CONTAINER_WORKSPACE)
    if relative.startswith("/"):
        return None
    return read_text_beneath(approval.agent.workspace, relative, MAX_COMPARED_BYTES)
