from urllib.parse import urlencode

from django import forms
from django.contrib.auth.models import User
from django.db.models import TextChoices
from django.http import QueryDict

from agents.models import Agent
from metrics_app.dashboard.selection import agents_in_ledger, name_agent
from metrics_app.forms import name_owner, user_field
from metrics_app.reconciliation.selection import TurnSelection
from metrics_app.turn_costs import DEFAULT_DAYS, MAX_DAYS

MAX_AGENT_CHOICES = 200


class Show(TextChoices):
    FLAGGED = "flagged", "What does not agree"
    ALL = "all", "All turns"


class TurnsForm(forms.Form):
    """Which turns the page of reconciliation is about; all of it stands in the URL.

    Only staff may choose a user; what others send as `user` is ignored. Agents are offered the newest
    first, and not all: an older one may stand in the URL.
    """

    show = forms.ChoiceField(choices=Show)
    days = forms.IntegerField(label="Days back", min_value=1, max_value=MAX_DAYS)

    def __init__(self, query: QueryDict, viewer: User) -> None:
        defaults = {"show": Show.FLAGGED.value, "days": str(DEFAULT_DAYS)}
        super().__init__(defaults | query.dict())
        self.viewer = viewer
        if viewer.is_staff:
            self.fields["user"] = user_field()
        agents = agents_in_ledger(viewer).select_related("owner").order_by("-created_at")
        self.agent_field = forms.ModelChoiceField(
            agents,
            required=False,
            error_messages={"invalid_choice": "There is no such agent."},
        )
        self.fields["agent"] = self.agent_field

    def offer_agents(self) -> None:
        """Instead of all. One query."""
        queryset = self.agent_field.queryset
        offered: list[Agent] = list(queryset[:MAX_AGENT_CHOICES]) if queryset is not None else []
        chosen = self.selection.agent if self.is_valid() else None
        if chosen and chosen not in offered:
            offered.append(chosen)
        named = [(str(agent.pk), name_agent(agent, self.viewer)) for agent in offered]
        self.agent_field.choices = [("", "All agents"), *named]

    @property
    def selection(self) -> TurnSelection:
        """What is asked for, once the form is valid."""
        chosen = self.cleaned_data
        return TurnSelection(
            days=chosen["days"],
            is_flagged_only=chosen["show"] == Show.FLAGGED,
            username=chosen.get("user") or None,
            agent=chosen["agent"],
        )

    @property
    def query(self) -> str:
        return urlencode({name: self[name].value() or "" for name in self.fields})

    @property
    def file_name(self) -> str:
        selection = self.selection
        owner = name_owner(self.viewer, selection.username)
        return f"cam-turns-{owner}-last-{selection.days}-days.csv"
