from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.views.answers import Request, signed_in
from metrics_app.budgets import services
from metrics_app.budgets.amounts import format_usd
from metrics_app.budgets.burn_down import chart_burn_down
from metrics_app.budgets.errors import BudgetError
from metrics_app.budgets.forms import LimitForm, NewBudgetForm, TopUpForm
from metrics_app.budgets.history import read_changes
from metrics_app.budgets.standing import read_forecasts
from metrics_app.models import Budget

SHOWN_ROWS = 50


@require_safe
@signed_in
def metrics_budgets(request: Request) -> HttpResponse:
    """The budgets that concern the reader; staff see all and make new ones."""
    return _render_list(request, NewBudgetForm() if request.user.is_staff else None)


@require_POST
@signed_in
def metrics_budget_create(request: Request) -> HttpResponse:
    _check_staff(request)
    form = NewBudgetForm(request.POST)
    if form.is_valid():
        try:
            return redirect(services.create_budget(by=request.user, **form.values))
        except BudgetError as exc:
            form.add_error("target", str(exc))
    return _render_list(request, form, status=422)


@require_safe
@signed_in
def metrics_budget(request: Request, budget_id: int) -> HttpResponse:
    return _render_budget(request, _get_budget(request, budget_id))


@require_POST
@signed_in
def metrics_budget_limit(request: Request, budget_id: int) -> HttpResponse:
    budget = _get_budget(request, budget_id)
    _check_staff(request)
    form = LimitForm(request.POST, budget)
    if form.is_valid():
        try:
            services.set_limit(budget, **form.cleaned_data, by=request.user)
        except BudgetError as exc:
            form = LimitForm({**request.POST.dict(), "shown_usd": f"{budget.limit_usd:f}"}, budget)
            form.add_error("limit_usd", str(exc))
        else:
            limit = format_usd(budget.limit_usd)
            messages.success(request, f"The limit is {limit}. It holds from the next call on.")
            return redirect(budget)
    return _render_budget(request, budget, limit_form=form, status=422)


@require_POST
@signed_in
def metrics_budget_top_up(request: Request, budget_id: int) -> HttpResponse:
    budget = _get_budget(request, budget_id)
    _check_staff(request)
    form = TopUpForm(request.POST, budget)
    if form.is_valid():
        amount = form.cleaned_data.pop("amount_usd")
        try:
            services.top_up(budget, amount, **form.cleaned_data, by=request.user)
        except BudgetError as exc:
            messages.error(request, str(exc))
        else:
            text = f"{format_usd(amount)} more for this period, from the next call on."
            messages.success(request, text)
        return redirect(budget)
    return _render_budget(request, budget, top_up_form=form, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def metrics_budget_switch_off(request: Request, budget_id: int) -> HttpResponse:
    """Ask first, then switch off."""
    budget = _get_budget(request, budget_id)
    _check_staff(request)
    if request.method != "POST":
        return render(request, "metrics_app/metrics_budget_switch_off.html", {"budget": budget})
    services.switch_budget(budget, is_active=False, by=request.user)
    messages.success(request, f"The {budget} is switched off: it refuses nothing.")
    return redirect(budget)


@require_POST
@signed_in
def metrics_budget_switch_on(request: Request, budget_id: int) -> HttpResponse:
    budget = _get_budget(request, budget_id)
    _check_staff(request)
    services.switch_budget(budget, is_active=True, by=request.user)
    messages.success(request, f"The {budget} holds again.")
    return redirect(budget)


def _get_budget(request: Request, budget_id: int) -> Budget:
    """The budget, or 404 where the user may not see it."""
    seen = Budget.objects.visible_to(request.user).select_related("user")
    return get_object_or_404(seen, pk=budget_id)


def _check_staff(request: Request) -> None:
    if not request.user.is_staff:
        raise PermissionDenied


def _render_list(
    request: Request, form: NewBudgetForm | None, *, status: int = 200
) -> HttpResponse:
    budgets = list(Budget.objects.visible_to(request.user).select_related("user"))
    standings = read_forecasts(budgets, timezone.now())
    standings.sort(key=lambda standing: not standing.budget.is_active)
    context = {"standings": standings, "form": form}
    return render(request, "metrics_app/metrics_budgets.html", context, status=status)


def _render_budget(
    request: Request, budget: Budget, *, status: int = 200, **forms: BaseForm
) -> HttpResponse:
    now = timezone.now()
    (standing,) = read_forecasts([budget], now)
    context = {
        "budget": budget,
        "standing": standing,
        "burn_down": chart_burn_down(standing, now),
        "top_ups": budget.top_ups.select_related("by")[:SHOWN_ROWS],
        "alerts": budget.alerts.all()[:SHOWN_ROWS],
        "changes": read_changes(budget)[:SHOWN_ROWS],
        "limit_form": LimitForm(None, budget),
        "top_up_form": TopUpForm(None, budget),
    }
    return render(request, "metrics_app/metrics_budget.html", context | forms, status=status)
