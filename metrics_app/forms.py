from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.models import AnonymousUser, User
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict

from metrics_app.ledger import Grouping, Selection
from metrics_app.models import CostMailPreference
from metrics_app.ranges import EARLIEST_DAY, LATEST_DAY, DayRange

if TYPE_CHECKING:  # generic in the stubs only
    PreferenceForm = forms.ModelForm[CostMailPreference]
else:
    PreferenceForm = forms.ModelForm


class ReportForm(forms.Form):
    """Which part of the ledger a report is about; all of it stands in the URL.

    A month may be asked for as `month=2026-11`, which fills the days. Only staff may choose a user;
    what others send as `user` is ignored.
    """

    by = forms.ChoiceField(choices=Grouping.choices, widget=forms.HiddenInput)

    def __init__(self, query: QueryDict, viewer: User | AnonymousUser, today: date) -> None:
        data = {"by": Grouping.USER.value} | query.dict()
        month = str(data.pop("month", ""))
        self.viewer = viewer
        self.month_problem = ""
        if not (data.get("from") or data.get("to")):
            days = DayRange.of_month(today)
            if month:
                try:
                    days = DayRange.parse_month(month)
                except ValueError as exc:
                    self.month_problem = f"Month: {exc}."
            data |= {"from": days.first.isoformat(), "to": days.end.isoformat()}
        elif month:
            self.month_problem = "Choose a month or days, not both."
        super().__init__(data)
        self.fields["from"] = day_field("From (UTC)")
        self.fields["to"] = day_field("Until, not included")
        if viewer.is_staff:
            self.fields["user"] = user_field()

    def clean(self) -> None:
        if self.month_problem:
            raise forms.ValidationError(self.month_problem)
        if not self.errors and self.cleaned_data["to"] <= self.cleaned_data["from"]:
            self.add_error("to", "The end must come after the first day.")

    @property
    def selection(self) -> Selection:
        """What is asked for, once the form is valid."""
        chosen = self.cleaned_data
        return Selection(
            DayRange(chosen["from"], chosen["to"]),
            Grouping(chosen["by"]),
            chosen.get("user") or None,
        )

    @property
    def query(self) -> str:
        """The whole selection as a query string, without defaults that change with the day."""
        return urlencode({name: self[name].value() or "" for name in self.fields})

    @property
    def whose(self) -> str:
        """For names of files."""
        return name_owner(self.viewer, self.selection.username)


class CostMailForm(PreferenceForm):
    class Meta:
        model = CostMailPreference
        fields = ["monthly_report", "budget_alerts"]


def day_field(label: str, *, required: bool = True) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=required,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d"],
        validators=[MinValueValidator(EARLIEST_DAY), MaxValueValidator(LATEST_DAY)],
    )


def user_field() -> forms.ChoiceField:
    """For staff. One query."""
    names = User.objects.order_by("username").values_list("username", flat=True)
    return forms.ChoiceField(
        choices=[("", "Everyone"), *((name, name) for name in names)], required=False
    )


def name_owner(viewer: User | AnonymousUser, username: str | None) -> str:
    """Whose a file is that the viewer asks for."""
    return (username or "everyone") if viewer.is_staff else viewer.get_username()
