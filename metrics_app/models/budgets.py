import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Self, TypeVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from agents.models import Agent
from agents.rendering import make_visible
from metrics_app.ranges import DayRange

LEAST_USD = Decimal("0.0001")

M = TypeVar("M", bound=models.Model, covariant=True)


def _amount_field() -> "models.DecimalField[Decimal, Decimal]":
    return models.DecimalField(
        max_digits=12, decimal_places=4, validators=[MinValueValidator(LEAST_USD)]
    )


class Scope(models.TextChoices):
    EVERYONE = "everyone", "everyone"
    USER = "user", "a user"
    WORKSPACE = "workspace", "a folder"


class BudgetPeriod(models.TextChoices):
    """Days and months of UTC."""

    DAY = "day", "a day"
    MONTH = "month", "a month"

    def days_at(self, now: datetime) -> DayRange:
        """The days of the period that `now` lies in."""
        today = now.astimezone(UTC).date()
        is_month = self == BudgetPeriod.MONTH
        return DayRange.of_month(today) if is_month else DayRange.of_day(today)

    def describe(self, start: date) -> str:
        """The period that starts then, in words: `November 2026`, `24 November 2026`."""
        return f"{start:%B %Y}" if self == BudgetPeriod.MONTH else f"{start:%-d %B %Y}"


class BudgetQuerySet(models.QuerySet["Budget"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Staff see all, others those that concern them."""
        return self.all() if user.is_authenticated and user.is_staff else self.concerning(user)

    def concerning(self, user: User | AnonymousUser) -> Self:
        """The site's, the user's own, and those of the folders of the user's agents."""
        if not user.is_authenticated:
            return self.none()
        folders = Agent.objects.owned_by(user).values("workspace")
        return self.filter(Q(scope=Scope.EVERYONE) | Q(user=user) | Q(workspace__in=folders))

    def active(self) -> Self:
        return self.filter(is_active=True)


class Budget(models.Model):
    """What may be spent in each day or month. The gateway refuses calls beyond it.

    A folder's budget is for the agents of that very folder, not of those below. It is kept by path:
    it outlives the root that the folder was found by.
    """

    scope = models.CharField(max_length=10, choices=Scope)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
    )
    # PostgreSQL indexes no text of more than 2,704 bytes.
    workspace = models.CharField(max_length=600, blank=True)
    period = models.CharField(max_length=5, choices=BudgetPeriod)
    limit_usd = _amount_field()
    note = models.CharField(max_length=500, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        ordering = ["scope", "user__username", "workspace", "period"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope=Scope.EVERYONE, user=None, workspace="")
                | Q(scope=Scope.USER, user__isnull=False, workspace="")
                | Q(scope=Scope.WORKSPACE, user=None) & ~Q(workspace=""),
                name="budget_target_fits_scope",
            ),
            models.CheckConstraint(condition=Q(limit_usd__gt=0), name="budget_limit_above_0"),
            models.UniqueConstraint(
                fields=["period"], condition=Q(scope=Scope.EVERYONE), name="budget_once_for_site"
            ),
            models.UniqueConstraint(
                fields=["user", "period"], condition=Q(scope=Scope.USER), name="budget_once_a_user"
            ),
            models.UniqueConstraint(
                fields=["workspace", "period"],
                condition=Q(scope=Scope.WORKSPACE),
                name="budget_once_a_folder",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.adjective} budget of {self.whose}"

    def get_absolute_url(self) -> str:
        return reverse("metrics_budget", args=[self.pk])

    @property
    def adjective(self) -> str:
        return "monthly" if self.period == BudgetPeriod.MONTH else "daily"

    @property
    def whose(self) -> str:
        """For people. Reads the user's row."""
        if self.user is not None:
            return self.user.get_username()
        return " ".join(make_visible(self.workspace).split()) or "all users together"

    def concerned_users(self) -> models.QuerySet[User]:
        """Those whom `concerning` finds it for."""
        users = User.objects.filter(is_active=True)
        match self.scope:
            case Scope.USER:
                return users.filter(budgets=self)
            case Scope.WORKSPACE:
                agents = Agent.objects.filter(workspace=self.workspace, deleted_at=None)
                return users.filter(pk__in=agents.values("owner"))
        return users

    @property
    def target(self) -> int | str:
        """What tells budgets of one scope and period apart, as `spending` groups calls."""
        return self.user_id or self.workspace

    def days_at(self, now: datetime) -> DayRange:
        return BudgetPeriod(self.period).days_at(now)


class OfBudgetQuerySet(models.QuerySet[M]):
    """Rows of a budget in one of its periods."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        return self.filter(budget__in=Budget.objects.visible_to(user))

    def current(self, now: datetime) -> Self:
        """Those of the periods that `now` lies in."""
        is_current = Q()
        for period in BudgetPeriod:
            is_current |= Q(budget__period=period, period_start=period.days_at(now).first)
        return self.filter(is_current)


class BudgetTopUp(models.Model):
    """More for one period, once."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="top_ups")
    period_start = models.DateField()
    amount_usd = _amount_field()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    form_id = models.UUIDField(
        unique=True, default=uuid.uuid4, help_text="A form that is sent twice counts once."
    )
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfBudgetQuerySet["BudgetTopUp"].as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.CheckConstraint(condition=Q(amount_usd__gt=0), name="top_up_above_0")]
        indexes = [models.Index(fields=["budget", "period_start"])]

    def __str__(self) -> str:
        return f"{self.amount_usd:f} USD for the period of {self.period_start}"


class BudgetAlert(models.Model):
    """That a share of the limit was reached, said once in a period."""

    class Threshold(models.IntegerChoices):
        """In percent of the limit."""

        HALF = 50, "50 %"
        MOST = 80, "80 %"
        ALL = 100, "100 %"

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="alerts")
    period_start = models.DateField()
    threshold = models.PositiveSmallIntegerField(choices=Threshold)
    spent_usd = models.DecimalField(max_digits=20, decimal_places=10)
    limit_usd = models.DecimalField(
        max_digits=14, decimal_places=4, help_text="As it was then, with what was added."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfBudgetQuerySet["BudgetAlert"].as_manager()

    class Meta:
        ordering = ["-created_at", "-threshold"]
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "period_start", "threshold"], name="alert_once_a_period"
            )
        ]

    def __str__(self) -> str:
        return f"{self.threshold} % in the period of {self.period_start}"
