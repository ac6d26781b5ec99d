from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args
from uuid import UUID

from django import forms
from django.contrib.auth.models import Group, User

from agents.git_tree import MAX_FILES
from agents.models import Agent, EditMode, Effort, GitAction, Level
from agents.questions import Question
from agents.services.approvals import Scope
from agents.services.checks import MAX_PROMPT_CHARACTERS
from agents.site_settings import current
from agents.workspaces import MAX_PATH_CHARACTERS, Order, is_plain_name

MAX_MESSAGE_CHARACTERS = 5_000
MAX_ANSWER_CHARACTERS = 2_000
MAX_CHOSEN = 300


class LaunchForm(forms.Form):
    """A new agent. The folder is checked again where the agent is made."""

    workspace = forms.CharField(
        max_length=4096,
        strip=False,
        widget=forms.HiddenInput,
        error_messages={"required": "Choose a folder first."},
    )
    prompt = forms.CharField(
        required=False,
        max_length=MAX_PROMPT_CHARACTERS,
        label="What should it do?",
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="You can also say it later.",
    )
    model = forms.ChoiceField()
    edit_mode = forms.ChoiceField(
        choices=[choice for choice in EditMode.choices if choice[0] != EditMode.TURN],
        label="File edits",
        initial=EditMode.ASK,
    )
    name = forms.CharField(
        required=False, max_length=100, help_text="Left empty: the folder's name."
    )
    own_branch = forms.BooleanField(
        required=False,
        label="On a branch of its own",
        help_text="For a git repository: the agent works in a work tree of its own, so that several "
        "agents share the repository without treading on each other. You merge or discard it later.",
    )

    def __init__(self, data: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        field = self.fields["model"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (for the type checker)
        field.choices = [(model, model) for model in current("CAM_MODELS")]


class ManyIds(forms.Field):
    """UUIDs, each once, from a field that comes as often as there are any."""

    widget = forms.MultipleHiddenInput
    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "That is no id.",
        "many": f"Choose at most {MAX_CHOSEN}.",
    }

    def to_python(self, value: Any) -> list[UUID]:
        try:
            found = list(dict.fromkeys(UUID(text) for text in value or ()))
        except ValueError as exc:
            raise forms.ValidationError(self.error_messages["invalid"]) from exc
        if len(found) > MAX_CHOSEN:
            raise forms.ValidationError(self.error_messages["many"])
        return found


class PromptForm(forms.Form):
    text = forms.CharField(required=False, max_length=MAX_PROMPT_CHARACTERS, strip=False)
    screenshots = ManyIds(required=False)


class ScreenshotForm(forms.Form):
    file = forms.FileField(
        label="Picture", max_length=255, error_messages={"empty": "The file is empty."}
    )


class OfAnAgentForm(forms.Form):
    """What is asked of all agents that the user sees, or of one."""

    agent = forms.ModelChoiceField(Agent.objects.none(), required=False, empty_label="all")

    def __init__(self, data: Mapping[str, Any], *, user: User) -> None:
        super().__init__(data)
        field = self.fields["agent"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 (for the type checker)
        field.queryset = Agent.objects.visible_to(user).order_by("name", "-created_at")


class AuditForm(OfAnAgentForm):
    person = forms.CharField(
        required=False, max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    kind = forms.ChoiceField(
        required=False,
        choices=[
            ("", "all"),
            ("allowed", "allowed"),
            ("denied", "denied"),
            ("prompt", "prompts"),
            ("act", "other actions"),
        ],
    )


class SearchForm(OfAnAgentForm):
    q = forms.CharField(
        required=False,
        max_length=200,
        label="Words",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )


@dataclass(frozen=True)
class ChosenFolder:
    path: str = ""
    hidden: bool = False
    order: Order = "name"


class FolderForm(forms.Form):
    """Of a URL's query, where a value that makes no sense is none."""

    path = forms.CharField(required=False, max_length=4096, strip=False)
    hidden = forms.BooleanField(required=False, label="Hidden files")
    order = forms.ChoiceField(choices=[(word, word) for word in get_args(Order)], required=False)

    @property
    def chosen(self) -> ChosenFolder:
        self.is_valid()
        data = self.cleaned_data
        path = self.data.get("path", "")
        return ChosenFolder(path, bool(data.get("hidden")), data.get("order") or "name")


class ManyPaths(forms.Field):
    """Paths in a work tree, from a field that comes as often as there are any."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[str]:
        found = [text for text in dict.fromkeys(value or ()) if text]
        if len(found) > MAX_FILES:
            raise forms.ValidationError(f"Choose at most {MAX_FILES} files.")
        if any(len(path) > MAX_PATH_CHARACTERS or not is_plain_name(path) for path in found):
            raise forms.ValidationError("A file has a name that cannot be chosen here.")
        return found


class GitForm(forms.Form):
    """What git is to do in a folder."""

    path = forms.CharField(max_length=MAX_PATH_CHARACTERS, strip=False)
    action = forms.ChoiceField(choices=GitAction.choices)
    chosen = ManyPaths(required=False)
    message = forms.CharField(required=False, max_length=MAX_MESSAGE_CHARACTERS)


class EffortForm(forms.Form):
    effort = forms.ChoiceField(choices=Effort.choices, required=False)


class PlanModeForm(forms.Form):
    """A box that is ticked or not."""

    plans_first = forms.BooleanField(required=False)


class EditModeForm(forms.Form):
    edit_mode = forms.ChoiceField(choices=EditMode.choices)


class ModelForm(forms.Form):
    model = forms.CharField(max_length=100)


class StopForm(forms.Form):
    agent = ManyIds(error_messages={"required": "Choose the agents first."})
    confirmed = forms.BooleanField(required=False)

    @property
    def ids(self) -> list[UUID]:
        return list(self.cleaned_data["agent"])


class PaletteForm(forms.Form):
    """`here` is the path of the page that the palette was opened on."""

    q = forms.CharField(required=False, max_length=100)
    here = forms.CharField(required=False, max_length=300)


class ShareForm(forms.Form):
    """Another user by name, or one of the owner's groups. Who is disabled is not told from nobody."""

    username = forms.CharField(
        required=False, max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    group = forms.ModelChoiceField(Group.objects.none(), required=False, empty_label="—")
    level = forms.ChoiceField(choices=Level.choices, label="They", initial=Level.VIEW)

    def __init__(self, data: Mapping[str, Any] | None = None, *, owner: User) -> None:
        super().__init__(data)
        field = self.fields["group"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 (for the type checker)
        field.queryset = owner.groups.order_by("name")
        if not field.queryset.exists():
            del self.fields["group"]

    def clean_username(self) -> User | None:
        name = self.cleaned_data["username"]
        found = User.objects.filter(username=name, is_active=True).first()
        if name and found is None:
            raise forms.ValidationError("There is no active user of this name.")
        return found

    def clean(self) -> dict[str, Any]:
        chosen = [self.cleaned_data.get(name) for name in ("username", "group")]
        if not self.errors and sum(map(bool, chosen)) != 1:
            raise forms.ValidationError("Name a user or choose a group.")
        return self.cleaned_data

    @property
    def person(self) -> User | Group:
        chosen: User | Group = self.cleaned_data["username"] or self.cleaned_data["group"]
        return chosen


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100, label="What is it for?")


class DecisionForm(forms.Form):
    """A person's answer to an approval: how far it reaches, or a refusal with its reason."""

    decision = forms.ChoiceField(
        choices=[(word, word) for word in ("once", "turn", "session", "deny")]
    )
    message = forms.CharField(required=False, max_length=MAX_MESSAGE_CHARACTERS)

    @property
    def is_denial(self) -> bool:
        return bool(self.cleaned_data["decision"] == "deny")

    @property
    def scope(self) -> Scope:
        chosen: Literal["once", "turn", "session"] = self.cleaned_data["decision"]
        return chosen


class AnswersForm(forms.Form):
    """Answers to the questions of an AskUserQuestion: options by number, or words of one's own."""

    def __init__(self, data: Mapping[str, Any], questions: Sequence[Question]) -> None:
        super().__init__(data)
        self.questions = questions
        for number, question in enumerate(questions):
            choices = [(str(place), option.label) for place, option in enumerate(question.options)]
            kind = forms.MultipleChoiceField if question.takes_many else forms.ChoiceField
            self.fields[f"answer-{number}"] = kind(choices=choices, required=False)
            self.fields[f"other-{number}"] = forms.CharField(
                required=False, max_length=MAX_ANSWER_CHARACTERS
            )

    def clean(self) -> dict[str, Any]:
        if not self.errors and not all(self.answers.values()):
            raise forms.ValidationError("Answer every question, or decline.")
        return self.cleaned_data

    @property
    def answers(self) -> dict[str, str]:
        """Each question's answer, by the question as it was received."""
        return {
            question.key: ", ".join(self._words(number, question))
            for number, question in enumerate(self.questions)
        }

    def _words(self, number: int, question: Question) -> list[str]:
        chosen = self.cleaned_data.get(f"answer-{number}") or []
        places = [chosen] if isinstance(chosen, str) else chosen
        other = self.cleaned_data.get(f"other-{number}", "").strip()
        labels = [question.options[int(place)].label for place in places]
        return [*labels, other] if other else labels


def first_error(form: forms.BaseForm) -> str:
    """The first thing that is wrong, for a line near the form."""
    for name, errors in form.errors.items():
        label = form.fields[name].label or name if name in form.fields else ""
        plain_name = str(label).replace("_", " ")
        text = str(errors[0])
        return f"{plain_name}: {text}" if plain_name and len(form.fields) > 1 else text
    return ""
