"""Usage and cost over HTTP. Each row is fetched through `visible_to`; staff see everyone's."""

import json
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.utils import timezone
from ninja import Query, Router
from ninja.errors import HttpError

from agents.api.agents import REFUSALS
from agents.api.auth import ApiRequest
from metrics_app.api.schemas import BudgetList, CallFilter, PriceList, ReportFilter, ReportOut
from metrics_app.budgets.standing import Standing, read_forecasts
from metrics_app.exports import describe_report, format_cost, read_rows
from metrics_app.ledger import Selection
from metrics_app.model_prices import read_prices
from metrics_app.models import Budget, UsageRecord
from metrics_app.price_list import PRICED_KINDS, Rates
from metrics_app.querysets import UsageRecordQuerySet
from metrics_app.ranges import start_of

router = Router()

NEXT_PAGE_HEADER = "X-Next-After"
CALLS_ANSWER = {
    "responses": {
        200: {
            "description": "JSON Lines, one call each.",
            "headers": {
                NEXT_PAGE_HEADER: {
                    "description": "`after` of the next page; missing where there is none yet.",
                    "schema": {"type": "integer"},
                }
            },
            "content": {"application/x-ndjson": {"schema": {"type": "object"}}},
        }
    }
}


def check_user(caller: User, username: str | None) -> str | None:
    """The name, if the caller may see that user's calls; raises Http404 otherwise."""
    if username is None or username == caller.get_username():
        return username
    if not caller.is_staff or not User.objects.filter(username=username).exists():
        raise Http404
    return username


def select_calls(caller: User, asked: CallFilter) -> UsageRecordQuerySet:
    calls = UsageRecord.objects.visible_to(caller).filter(pk__gt=asked.after)
    if username := check_user(caller, asked.user):
        calls = calls.filter(user__username=username)
    if asked.first is not None:
        calls = calls.filter(started_at__gte=start_of(asked.first))
    if asked.end is not None:
        calls = calls.filter(started_at__lt=start_of(asked.end))
    return calls.order_by("pk")


@router.get(
    "",
    response=REFUSALS,
    openapi_extra=CALLS_ANSWER,
    summary="Read single calls as JSON Lines in the order in which they were stored.",
)
def list_calls(request: ApiRequest, asked: Query[CallFilter]) -> HttpResponse:
    rows = read_rows(select_calls(request.auth, asked)[: asked.limit + 1])
    page = rows[: asked.limit]
    response = HttpResponse(
        "".join(json.dumps(row) + "\n" for row in page), content_type="application/x-ndjson"
    )
    if len(rows) > asked.limit:
        response[NEXT_PAGE_HEADER] = str(page[-1]["id"])
    return response


@router.get(
    "/summary",
    response={200: ReportOut, **REFUSALS},
    by_alias=True,
    summary="Sum up a range by user, workspace, agent, model or day.",
)
def summarise(request: ApiRequest, asked: Query[ReportFilter]) -> dict[str, Any]:
    username = check_user(request.auth, asked.user)
    if (asked.first is None) != (asked.end is None):
        raise HttpError(422, "from and to go together.")
    days = asked.days(timezone.now())
    report = Selection(days, asked.by, username).report(request.auth)
    return describe_report(report)


@router.get(
    "/pricing",
    response={200: PriceList, **REFUSALS},
    summary="Show what a million tokens of each model cost today.",
)
def show_pricing(request: ApiRequest) -> dict[str, Any]:
    now = timezone.now()
    prices = read_prices(request.auth, now)
    return {"at": now, "prices": [describe_rates(price.model, price.rates) for price in prices]}


def describe_rates(model: str, rates: Rates | None) -> dict[str, Any]:
    known = asdict(rates) if rates else {}
    return {
        "model": model,
        **{f"{kind}_usd": format_cost(known.get(kind)) for kind in PRICED_KINDS},
        "source": known.get("source"),
        "version": known.get("version"),
    }


@router.get(
    "/budgets",
    response={200: BudgetList, **REFUSALS},
    by_alias=True,
    summary="Show the budgets that concern you, and how they stand.",
)
def list_budgets(request: ApiRequest) -> dict[str, Any]:
    budgets = Budget.objects.visible_to(request.auth).select_related("user")
    standings = read_forecasts(list(budgets), timezone.now())
    return {"budgets": [describe_budget(standing) for standing in standings]}


def describe_budget(standing: Standing) -> dict[str, Any]:
    budget, forecast = standing.budget, standing.forecast
    return {
        "id": budget.pk,
        "scope": budget.scope,
        "user": budget.user and budget.user.get_username(),
        "workspace": budget.workspace or None,
        "period": budget.period,
        "is_active": budget.is_active,
        "note": budget.note,
        "from": standing.days.first,
        "resets_at": standing.days.end_at,
        "limit_usd": format_cost(standing.limit_usd),
        "topped_up_usd": format_cost(standing.topped_up_usd),
        "spent_usd": format_cost(standing.spent.cost_usd),
        "left_usd": format_cost(standing.left_usd),
        "unpriced": standing.spent.unpriced,
        "forecast_usd": format_cost(forecast.total_usd if forecast else None),
        "crosses_at": forecast.crosses_at if forecast else None,
    }
