"""The only code that changes budgets. For staff; each change is logged, and in force at once."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from metrics_app.budgets.amounts import format_usd
from metrics_app.budgets.errors import BudgetExists, LimitChanged, PeriodOver
from metrics_app.budgets.publishing import publish_budgets
from metrics_app.models import Budget, BudgetPeriod, BudgetTopUp, Scope


def create_budget(
    *,
    by: User,
    scope: Scope,
    period: BudgetPeriod,
    limit_usd: Decimal,
    user: User | None = None,
    workspace: str = "",
    note: str = "",
) -> Budget:
    """Raises BudgetExists where the target has one for such periods."""
    _check_staff(by)
    target = {"scope": scope, "user": user, "workspace": workspace, "period": period}
    try:
        with transaction.atomic():
            budget = Budget.objects.create(**target, limit_usd=limit_usd, note=note)
            _log(budget, by, ADDITION, f"Created with a limit of {format_usd(limit_usd)}.")
    except IntegrityError as exc:
        found = Budget.objects.filter(**target).first()
        if found is None:
            raise
        raise BudgetExists(found) from exc
    return budget


def set_limit(budget: Budget, limit_usd: Decimal, *, shown_usd: Decimal, by: User) -> bool:
    """Raise or lower the limit from the one that the person saw; False where it was that already.

    Raises LimitChanged where it is neither.
    """
    _check_staff(by)
    with transaction.atomic():
        changed = (
            Budget.objects.filter(pk=budget.pk, limit_usd=shown_usd)
            .exclude(limit_usd=limit_usd)
            .update(limit_usd=limit_usd)
        )
        if changed:
            verb = "raised" if limit_usd > shown_usd else "lowered"
            change = f"from {format_usd(shown_usd)} to {format_usd(limit_usd)}"
            _log(budget, by, CHANGE, f"Limit {verb} {change}.")
    budget.refresh_from_db()
    if budget.limit_usd != limit_usd:
        raise LimitChanged(budget.limit_usd)
    return bool(changed)


def top_up(
    budget: Budget,
    amount_usd: Decimal,
    *,
    period_start: date,
    form_id: UUID,
    by: User,
    note: str = "",
) -> bool:
    """Add to the limit of the present period; False where this form was sent before.

    Raises PeriodOver where the present one does not start at `period_start`.
    """
    _check_staff(by)
    if period_start != budget.days_at(timezone.now()).first:
        raise PeriodOver
    with transaction.atomic():
        _, is_new = BudgetTopUp.objects.get_or_create(
            form_id=form_id,
            defaults={
                "budget": budget,
                "period_start": period_start,
                "amount_usd": amount_usd,
                "by": by,
                "note": note,
            },
        )
        if is_new:
            period = BudgetPeriod(budget.period).describe(period_start)
            _log(budget, by, CHANGE, f"Topped up by {format_usd(amount_usd)} for {period}.")
    return is_new


def switch_budget(budget: Budget, *, is_active: bool, by: User) -> bool:
    """Have it hold or not; False where somebody was first."""
    _check_staff(by)
    with transaction.atomic():
        changed = Budget.objects.filter(pk=budget.pk, is_active=not is_active).update(
            is_active=is_active
        )
        if changed:
            _log(budget, by, CHANGE, "Switched on." if is_active else "Switched off.")
    budget.is_active = is_active
    return bool(changed)


def _check_staff(user: User) -> None:
    if not (user.is_active and user.is_staff):
        raise PermissionDenied


def _log(budget: Budget, by: User, flag: int, text: str) -> None:
    """Keep who did what, and have the gateway told when it is committed.

    A file that cannot be written now is written by the bridge: the change stays.
    """
    LogEntry.objects.log_actions(by.pk, [budget], flag, text, single_object=True)
    transaction.on_commit(publish_budgets, robust=True)
