import uuid
from collections.abc import Mapping
from itertools import chain
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Agent, WorkspaceRoot
from agents.rendering import make_visible
from metrics_app.budgets.amounts import parse_usd
from metrics_app.models import Budget, BudgetPeriod, Scope

MAX_FOLDER_CHARACTERS = Budget._meta.get_field("workspace").max_length
MAX_NOTE_CHARACTERS = 500


class UsdField(forms.CharField):
    """An amount above 0. No number field: browsers send nothing where they read no number."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return text
        try:
            return parse_usd(text)
        except ValueError as exc:
            raise forms.ValidationError(str(exc)) from exc


class NewBudgetForm(forms.Form):
    """`target` is `everyone`, `user:<id>` or `workspace:<path>`: a choice cannot contradict itself."""

    target = forms.ChoiceField(
        label="For",
        help_text="A folder's budget is for the agents of this very folder, not of those below.",
    )
    period = forms.ChoiceField(
        label="Each",
        choices=[(BudgetPeriod.MONTH, "month"), (BudgetPeriod.DAY, "day")],
        help_text="Of UTC.",
    )
    limit_usd = UsdField(label="Limit in USD")
    note = forms.CharField(required=False, max_length=MAX_NOTE_CHARACTERS)

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, auto_id="new-%s")
        target = self.fields["target"]
        assert isinstance(target, forms.ChoiceField)  # noqa: S101 (for the type checker)
        target.choices = _targets()

    @property
    def values(self) -> dict[str, Any]:
        """What `create_budget` takes, once the form is valid."""
        chosen = self.cleaned_data
        scope, _, key = chosen["target"].partition(":")
        return {
            "scope": Scope(scope),
            "user": User.objects.get(pk=key) if scope == Scope.USER else None,
            "workspace": key if scope == Scope.WORKSPACE else "",
            "period": BudgetPeriod(chosen["period"]),
            "limit_usd": chosen["limit_usd"],
            "note": chosen["note"],
        }


class LimitForm(forms.Form):
    """`shown_usd` is the limit that the person saw."""

    limit_usd = UsdField(label="New limit in USD")
    shown_usd = UsdField(widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None, budget: Budget) -> None:
        shown = f"{budget.limit_usd:f}"
        super().__init__(data, auto_id="limit-%s", initial={"shown_usd": shown})


class TopUpForm(forms.Form):
    amount_usd = UsdField(label="Extra in USD")
    note = forms.CharField(required=False, max_length=MAX_NOTE_CHARACTERS)
    period_start = forms.DateField(widget=forms.HiddenInput, input_formats=["%Y-%m-%d"])
    form_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None, budget: Budget) -> None:
        days = budget.days_at(timezone.now())
        initial = {"period_start": days.first, "form_id": uuid.uuid4()}
        super().__init__(data, auto_id="top-up-%s", initial=initial)


def _targets() -> list[tuple[str, Any]]:
    """Everyone, each active user, and each folder that has or had agents, or is a root."""
    users = User.objects.filter(is_active=True).order_by("username").values_list("pk", "username")
    folders = set(
        chain(
            Agent.objects.order_by().values_list("workspace", flat=True).distinct(),
            WorkspaceRoot.objects.order_by().values_list("path", flat=True),
        )
    )
    return [
        (Scope.EVERYONE.value, "all users together"),
        ("A user", [(f"{Scope.USER}:{key}", name) for key, name in users]),
        (
            "A folder",
            [
                (f"{Scope.WORKSPACE}:{path}", " ".join(make_visible(path).split()))
                for path in sorted(folders)
                if len(path) <= (MAX_FOLDER_CHARACTERS or 0)
            ],
        ),
    ]
