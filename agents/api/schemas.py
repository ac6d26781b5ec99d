"""What the API takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from ninja import Field, Schema
from pydantic import AfterValidator, ConfigDict, model_validator

from agents.models import ApprovalRequest
from agents.search import Found
from agents.services.checks import MAX_PROMPT_CHARACTERS
from agents.session_export import Format
from agents.workspaces import EntryKind, Order

MAX_ID = 2**63 - 1
EditModeName = Literal["ask", "off", "turn", "session"]


def check_storable(text: str) -> str:
    """Refuse what a database column cannot hold: NUL and halves of surrogate pairs."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the text has characters that cannot be stored")
    return text


Text = Annotated[str, AfterValidator(check_storable)]


class Body(Schema):
    """A request body; a name that is not known is refused, so that a typing error shows."""

    model_config = ConfigDict(extra="forbid")


class LaunchBody(Body):
    workspace: Text = Field(
        max_length=4096,
        description="A folder beneath one of your workspace roots.",
        examples=["/srv/workspaces/shop"],
    )
    model: Text = Field(
        "",
        max_length=100,
        description="Without one, the site's first.",
        examples=["claude-sonnet-5-5"],
    )
    name: Text = Field("", max_length=100, examples=["Fix the cart"])
    edit_mode: EditModeName = Field("ask", examples=["ask"])
    prompt: Text = Field(
        "", max_length=MAX_PROMPT_CHARACTERS, examples=["Make the failing test pass."]
    )
    own_branch: bool = Field(
        False,
        description="Work in a work tree of its own, on a branch of its own of the repository.",
    )


class SendBody(Body):
    text: Text = Field(max_length=MAX_PROMPT_CHARACTERS, examples=["Now run the tests."])


class ScreenshotBody(Body):
    text: Text = Field("", max_length=MAX_PROMPT_CHARACTERS, examples=["The button is cut off."])


class ChangeBody(Body):
    model: Text | None = Field(None, max_length=100, examples=["claude-opus-5-5"])
    effort: Literal["", "low", "medium", "high", "xhigh"] | None = Field(
        None, description="Empty: as the model has it.", examples=["high"]
    )
    plans_first: bool | None = Field(
        None, description="Plan mode: a plan is proposed before anything is done.", examples=[True]
    )


class EditModeBody(Body):
    mode: EditModeName = Field(examples=["turn"])


class DecisionBody(Body):
    decision: Literal["allow", "deny"] = Field(examples=["allow"])
    scope: Literal["once", "turn", "session"] = Field(
        "once", description="With `allow`, for edits: how far it reaches."
    )
    message: Text = Field(
        "", max_length=10_000, description="With `deny`: what the model is told.", examples=[""]
    )
    answers: dict[Text, Text] = Field(
        default_factory=dict,
        max_length=100,
        description="With `allow` on a question: each question and its answer.",
        examples=[{"Which database?": "PostgreSQL"}],
    )

    @model_validator(mode="after")
    def check_fields_fit(self) -> Self:
        if self.decision == "deny" and (self.scope != "once" or self.answers):
            raise ValueError("scope and answers go with allow only")
        if self.decision == "allow" and self.message:
            raise ValueError("message goes with deny only")
        return self


class AgentSlice(Schema):
    offset: int = Field(0, ge=0, le=MAX_ID)
    limit: int = Field(100, ge=1, le=500)


class Page(Schema):
    """A page of what comes after a cursor: the last `next_after`, or any seq or id."""

    after: int = Field(0, ge=0, le=MAX_ID)
    limit: int = Field(100, ge=1, le=500)


class ApprovalFilter(Page):
    state: Literal["pending", "all"] = "pending"


class ExportFormat(Schema):
    format: Format = Field("md", description="`md` to read, `jsonl` for a program: every event.")


class ErrorOut(Schema):
    reason: str = Field(examples=["The agent is not running."])


class AgentOut(Schema):
    id: UUID
    name: str = Field(examples=["Fix the cart"])
    workspace: str = Field(examples=["/srv/workspaces/shop"])
    model: str = Field(examples=["claude-sonnet-5-5"])
    edit_mode: str = Field(examples=["ask"])
    effort: str = Field(examples=["high"], description="Empty: as the model has it.")
    plans_first: bool = Field(description="In plan mode.")
    context_percent: int | None = Field(
        examples=[34], description="How much of the model's context is in use, where it is known."
    )
    status: str = Field(examples=["working"])
    status_reason: str = Field(examples=[""])
    activity: str = Field(
        examples=["Running pytest -q"], description="What it does, by its latest line."
    )
    created_at: datetime
    last_event_at: datetime | None
    last_seq: int = Field(examples=[42], description="The number of the newest event.")


class AgentList(Schema):
    agents: list[AgentOut]


class PromptOut(Schema):
    id: UUID
    delivery: str = Field(examples=["queued"])
    created_at: datetime


class EventOut(Schema):
    seq: int = Field(examples=[42])
    kind: str = Field(examples=["assistant"])
    created_at: datetime
    payload: Any = Field(description="One line of the agent's output, as it was written.")


class EventPage(Schema):
    events: list[EventOut]
    next_after: int | None = Field(
        examples=[42], description="`after` of the next page; null where there is none yet."
    )


class SearchQuery(Schema):
    q: Text = Field(max_length=200, examples=["sqlite timeout"])
    agent: UUID | None = None


class FoundOut(Schema):
    agent_id: UUID
    seq: int = Field(examples=[42])
    created_at: datetime
    text: str = Field(examples=["… the sqlite timeout was …"])

    @staticmethod
    def resolve_text(found: Found) -> str:
        return f"{found.snippet.before}{found.snippet.hit}{found.snippet.after}"


class FoundList(Schema):
    found: list[FoundOut] = Field(description="Newest first, at most 50.")
    has_more: bool


class RootOut(Schema):
    path: str = Field(examples=["/srv/workspaces"])


class RootList(Schema):
    roots: list[RootOut]


class FolderQuery(Schema):
    path: str = Field("", max_length=4096, description="Empty: the roots.")
    hidden: bool = Field(False, description="Names that begin with a dot, too.")
    order: Order = "name"


class EntryOut(Schema):
    name: str = Field(examples=["cart.py"])
    path: str = Field(description="Empty where it cannot be opened: links, devices, odd names.")
    kind: EntryKind
    size_bytes: int = Field(examples=[2048])
    modified_at: datetime | None


class ListingOut(Schema):
    path: str
    parent: str | None = Field(description="Empty: the list of roots; null there.")
    is_git: bool
    entries: list[EntryOut]
    left_out: int = Field(description="Names beyond the first 1000.")


class ApprovalOut(Schema):
    id: int = Field(examples=[7])
    tool_name: str = Field(examples=["Edit"])
    tool_input: Any = Field(examples=[{"file_path": "cart.py", "new_string": "total += price"}])
    decision: str = Field(examples=["pending"])
    message: str = Field(examples=[""])
    answers: dict[str, Any]
    decided_by: str | None = Field(
        examples=["alice"], description="Null where the agent's edit mode answered."
    )
    created_at: datetime
    decided_at: datetime | None

    @staticmethod
    def resolve_decided_by(approval: ApprovalRequest) -> str | None:
        return approval.decided_by.username if approval.decided_by else None


class ApprovalPage(Schema):
    approvals: list[ApprovalOut]
    next_after: int | None = Field(
        examples=[None], description="`after` of the next page; null where there is none."
    )
