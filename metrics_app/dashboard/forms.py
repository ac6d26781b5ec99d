"""The filters of the dashboard."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode

from agents.models import Agent
from agents.rendering import make_visible
from metrics_app.dashboard.selection import (
    DashboardSelection,
    SeriesBy,
    agents_in_ledger,
    name_agent,
)
from metrics_app.forms import day_field
from metrics_app.models import DailyTotal
from metrics_app.presets import MAX_DAYS_BY_HOUR, Preset, Unit
from metrics_app.ranges import DayRange

MAX_CHOICES = 200
DEFAULT_PRESET = Preset.DAYS_30
NARROWING = ("user", "workspace", "agent", "model")


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, and where it is off."""

    name: str
    value: str
    clear_url: str


class DashboardForm(forms.Form):
    """What the dashboard is about; all of it stands in the URL.

    A wrong value is told next to its field, and its default holds. Only staff may choose a user; what
    others send as `user` is ignored. One query for each of user, workspace, agent and model that is set,
    and four in `offer_choices`.
    """

    range = forms.ChoiceField(
        choices=[(preset.value, preset.label) for preset in Preset],
        required=False,
        widget=forms.HiddenInput,
    )
    workspace = forms.CharField(required=False, widget=forms.Select, strip=False)
    agent = forms.UUIDField(
        required=False,
        widget=forms.Select,
        error_messages={"invalid": "There is no such agent."},
    )
    model = forms.CharField(required=False, widget=forms.Select, strip=False)
    unit = forms.ChoiceField(
        choices=[(unit.value, unit.value) for unit in (Unit.HOUR, Unit.DAY)],
        required=False,
        widget=forms.HiddenInput,
    )
    field_order = ("from", "to", *NARROWING)

    def __init__(self, query: QueryDict, viewer: User, today: date) -> None:
        super().__init__(query.dict())
        self.viewer = viewer
        self.today = today
        self.chosen_user: User | None = None
        self.chosen_agent: Agent | None = None
        self.fields["from"] = day_field("From (UTC)", required=False)
        self.fields["to"] = day_field("Until, not included", required=False)
        if viewer.is_staff:
            self.fields["user"] = forms.CharField(required=False, widget=forms.Select, strip=False)
        self.series = [by for by in SeriesBy if viewer.is_staff or by != SeriesBy.USER]
        self.fields["by"] = forms.ChoiceField(
            choices=[(by.value, by.label) for by in self.series],
            required=False,
            widget=forms.HiddenInput,
        )
        self.order_fields(self.field_order)
        self.full_clean()

    def clean_user(self) -> str:
        name = str(self.cleaned_data["user"])
        if name:
            self.chosen_user = User.objects.filter(username=name).first()
            if self.chosen_user is None:
                raise forms.ValidationError("There is no such user.")
        return name

    def clean_workspace(self) -> str:
        path = str(self.cleaned_data["workspace"])
        if path and not agents_in_ledger(self.viewer).filter(workspace=path).exists():
            raise forms.ValidationError("No agent works there.")
        return path

    def clean_agent(self) -> UUID | None:
        agent_id: UUID | None = self.cleaned_data["agent"]
        if agent_id is not None:
            agents = agents_in_ledger(self.viewer).select_related("owner")
            self.chosen_agent = agents.filter(pk=agent_id).first()
            if self.chosen_agent is None:
                raise forms.ValidationError("There is no such agent.")
        return agent_id

    def clean_model(self) -> str:
        model = str(self.cleaned_data["model"])
        calls = DailyTotal.objects.visible_to(self.viewer)
        if model and not calls.filter(model=model).exists():
            raise forms.ValidationError("No call went to this model.")
        return model

    def clean(self) -> None:
        chosen = self.cleaned_data
        first, end = chosen.get("from"), chosen.get("to")
        if first and end and end <= first:
            self.add_error("to", "The end must come after the first day.")
        if {"from", "to"} & self.errors.keys():
            chosen |= {"from": None, "to": None}
        length = (self.days.end - self.days.first).days if self.days else None
        if chosen.get("unit") == Unit.HOUR and (length is None or length > MAX_DAYS_BY_HOUR):
            self.add_error("unit", f"By the hour: at most {MAX_DAYS_BY_HOUR} days.")

    @property
    def preset(self) -> Preset | None:
        """None where days are chosen."""
        chosen = self.cleaned_data
        if chosen.get("from") or chosen.get("to"):
            return None
        return Preset(chosen.get("range") or DEFAULT_PRESET)

    @property
    def days(self) -> DayRange | None:
        """From the first day chosen until today, or the 30 days before the end, if that is chosen alone."""
        if self.preset:
            return self.preset.days(self.today)
        first: date | None = self.cleaned_data.get("from")
        end: date | None = self.cleaned_data.get("to")
        first = first or (end or self.today) - timedelta(days=30)
        return DayRange(first, end or max(first, self.today) + timedelta(days=1))

    @property
    def selection(self) -> DashboardSelection:
        chosen = self.cleaned_data
        return DashboardSelection(
            days=self.days,
            user_id=self.chosen_user.pk if self.chosen_user else None,
            workspace=chosen.get("workspace", ""),
            agent_id=chosen.get("agent"),
            model=chosen.get("model", ""),
            by=SeriesBy(chosen.get("by") or SeriesBy.MODEL),
            unit=Unit(chosen["unit"]) if chosen.get("unit") else None,
        )

    @property
    def query(self) -> dict[str, str]:
        """What of the URL holds, without defaults."""
        chosen = {name: str(value) for name, value in self.cleaned_data.items() if value}
        if self.preset in (None, DEFAULT_PRESET):
            chosen.pop("range", None)
        if chosen.get("by") == SeriesBy.MODEL:
            del chosen["by"]
        return {name: chosen[name] for name in self.fields if name in chosen}

    def link(self, **changes: str) -> str:
        """The URL of the same selection, but for `changes`; empty ones are left out."""
        query = {name: value for name, value in (self.query | changes).items() if value}
        return reverse("metrics_home") + (f"?{urlencode(query)}" if query else "")

    @property
    def url(self) -> str:
        return self.link()

    @property
    def kept(self) -> dict[str, str]:
        """What of the URL is no field to fill in; days that are filled in go before a preset."""
        return {name: self.query[name] for name in ("range", "by", "unit") if name in self.query}

    @property
    def is_narrowed(self) -> bool:
        """Whether there may be calls that are not shown for the filters alone."""
        return bool(self.chips) or self.preset != DEFAULT_PRESET

    def report_link(self, days: DayRange) -> str:
        """The URL of the report of the same days, of the same user."""
        query = {
            "by": "agent",
            "user": self.cleaned_data.get("user", ""),
            "from": days.first.isoformat(),
            "to": days.end.isoformat(),
        }
        return f"{reverse('metrics_reports')}?{urlencode(query)}"

    @property
    def preset_links(self) -> list[Link]:
        return [
            Link(
                preset.label,
                self.link(**{"range": preset, "from": "", "to": "", "unit": ""}),
                preset == self.preset,
            )
            for preset in Preset
        ]

    @property
    def series_links(self) -> list[Link]:
        current = self.selection.by
        return [
            Link(str(by.label), self.link(by="" if by == SeriesBy.MODEL else by), by == current)
            for by in self.series
        ]

    def unit_links(self, days: DayRange, current: Unit) -> list[Link]:
        """None where there is nothing to choose, nor for all time, which grows."""
        units = (Unit.HOUR, Unit.DAY)
        if self.days is None or any(Unit.fitting(days, unit) != unit for unit in units):
            return []
        return [
            Link(unit.value.capitalize(), self.link(unit=unit), unit == current) for unit in units
        ]

    @property
    def chips(self) -> list[Chip]:
        names = {name: str(self.cleaned_data.get(name) or "") for name in NARROWING}
        if self.chosen_agent:
            names["agent"] = name_agent(self.chosen_agent, self.viewer)
        chips = [
            Chip(name.capitalize(), make_visible(text), self.link(**{name: ""}))
            for name, text in names.items()
            if text
        ]
        if self.preset is None:
            without = self.link(**{"from": "", "to": "", "unit": ""})
            chips.insert(0, Chip("Days", str(self.days), without))
        return chips

    def offer_choices(self) -> None:
        """What the viewer may see, less what the chosen user has not; of agents the newest."""
        agents = agents_in_ledger(self.viewer)
        if self.chosen_user:
            agents = agents.filter(owner=self.chosen_user)
        if self.viewer.is_staff:
            names = User.objects.order_by("username").values_list("username", flat=True)
            self._offer("user", "Everyone", _as_choices(names))
        places = agents.values_list("workspace", flat=True).distinct().order_by("workspace")
        newest = list(agents.select_related("owner").order_by("-created_at")[:MAX_CHOICES])
        if self.chosen_agent and self.chosen_agent not in newest:
            newest.append(self.chosen_agent)
        named = [(str(agent.pk), name_agent(agent, self.viewer)) for agent in newest]
        self._offer("workspace", "All workspaces", _as_choices(places[:MAX_CHOICES]))
        self._offer("agent", "All agents", named)
        self._offer("model", "All models", _as_choices(_first_models(self.viewer)))

    def _offer(self, name: str, everything: str, choices: list[tuple[str, str]]) -> None:
        """A value that is chosen and is not among the first choices stays one."""
        chosen = str(self.cleaned_data.get(name) or "")
        if chosen and chosen not in dict(choices):
            choices += _as_choices([chosen])
        widget: Any = self.fields[name].widget
        widget.choices = [("", everything), *choices]


def _first_models(viewer: User) -> list[str]:
    """Models that the viewer's calls went to. The calls without any are not for choosing."""
    calls = DailyTotal.objects.visible_to(viewer).exclude(model="")
    return list(calls.values_list("model", flat=True).distinct().order_by("model")[:MAX_CHOICES])


def _as_choices(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(value, make_visible(value)) for value in values]
