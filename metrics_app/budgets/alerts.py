"""Tell people that half, most or all of a budget is used, once a period each."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.utils import timezone

from metrics_app import mail_contents
from metrics_app.budgets.publishing import publish_budgets
from metrics_app.budgets.standing import Standing, read_standings
from metrics_app.mails import mail_budget_alert
from metrics_app.models import Budget, BudgetAlert


def keep_budgets() -> None:
    """The bridge's job: tell the gateway how budgets stand, and people what they should know."""
    give_alerts(publish_budgets(), timezone.now())


def give_alerts(standings: Sequence[Standing], now: datetime) -> list[BudgetAlert]:
    """Record what is reached and was not said before in the period; returns what is new.

    One query while nothing is. Of two that come at the same time, one records.
    """
    given = set(
        BudgetAlert.objects.current(now).values_list("budget_id", "period_start", "threshold")
    )
    new = []
    for standing in standings:
        due = [
            threshold
            for threshold in standing.reached
            if (standing.budget.pk, standing.days.first, threshold) not in given
        ]
        if due:
            new += _give(standing, due)
    return new


def read_notices(user: User | AnonymousUser, now: datetime) -> list[Standing]:
    """The budgets that concern the user, had an alert in this period, and still stand so high.

    One query while there is none.
    """
    alerts = BudgetAlert.objects.current(now).order_by().values("budget")
    budgets = Budget.objects.concerning(user).active().filter(pk__in=alerts)
    standings = read_standings(list(budgets.select_related("user")), now)
    return [standing for standing in standings if standing.reached]


def _give(standing: Standing, due: Sequence[BudgetAlert.Threshold]) -> list[BudgetAlert]:
    """Record all that is due, and mail the highest: of a leap from 0 to 90 % people hear once."""
    with transaction.atomic():
        recorded = [_record(standing, threshold) for threshold in due]
        new = [alert for alert, is_new in recorded if is_new]
        if new:
            mail_budget_alert(standing.budget.concerned_users(), _describe(standing, new[-1]))
    return new


def _record(standing: Standing, threshold: BudgetAlert.Threshold) -> tuple[BudgetAlert, bool]:
    return BudgetAlert.objects.get_or_create(
        budget=standing.budget,
        period_start=standing.days.first,
        threshold=threshold,
        defaults={"spent_usd": standing.spent.cost_usd, "limit_usd": standing.limit_usd},
    )


def _describe(standing: Standing, alert: BudgetAlert) -> mail_contents.BudgetAlert:
    return mail_contents.BudgetAlert(
        budget_id=standing.budget.pk,
        whose=standing.budget.whose,
        period=standing.period,
        threshold_percent=alert.threshold,
        spent_usd=alert.spent_usd,
        limit_usd=alert.limit_usd,
        resets_at=standing.days.end_at,
        path=standing.budget.get_absolute_url(),
    )
