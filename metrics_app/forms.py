from django import forms
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.http import QueryDict


class Period(models.TextChoices):
    TODAY = "today", "Today"
    WEEK = "7d", "7 days"
    MONTH = "month", "This month"
    ALL = "all", "All time"


class Whose(models.TextChoices):
    MINE = "mine", "My agents"
    EVERYONE = "everyone", "Everyone's agents"


class UsageFilterForm(forms.Form):
    """Filters of the usage page, kept in its URL. Only staff may look at everyone's."""

    period = forms.ChoiceField(choices=Period.choices)
    whose = forms.ChoiceField(choices=Whose.choices)

    def __init__(self, query: QueryDict, user: User | AnonymousUser) -> None:
        defaults = {"period": Period.MONTH.value, "whose": Whose.MINE.value}
        super().__init__(defaults | query.dict())
        if not user.is_staff:
            del self.fields["whose"]

    @property
    def chosen_period(self) -> Period:
        """The period asked for; this month where the URL asks for nonsense."""
        return Period(self._cleaned("period", Period.MONTH))

    @property
    def is_everyone(self) -> bool:
        return self._cleaned("whose", Whose.MINE) == Whose.EVERYONE

    def _cleaned(self, name: str, default: str) -> str:
        self.full_clean()
        return str(self.cleaned_data.get(name, default))
