"""What models cost now, the site's own and those that were used: for the page and the API."""

import shlex
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Max, Min, Q, Sum

from agents.site_settings import current
from metrics_app.models import DailyTotal, PriceOverride
from metrics_app.overrides import load_overrides
from metrics_app.price_list import Rates, find_rates
from metrics_app.pricing import Override, find_override

IS_UNPRICED = Q(unpriced__gt=0)


@dataclass(frozen=True, slots=True)
class UnpricedCalls:
    """Calls of a model that were stored without a price, from the first day to the last."""

    model: str
    count: int
    first: date
    last: date

    @property
    def reprice_command(self) -> str:
        """What prices them, once there is a price."""
        model = shlex.quote(self.model)
        return f"manage.py reprice --from {self.first} --to {self.last} --model={model}"

    @property
    def override_query(self) -> str:
        """Fills in the administration's form for a new override."""
        return urlencode({"pattern": self.model.strip().lower()})


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """`rates` None where nobody knows them; `override` where they are the site's own."""

    model: str
    rates: Rates | None
    override: Override | None
    unpriced: UnpricedCalls | None


@dataclass(frozen=True, slots=True)
class ListedOverride:
    """`models` are those of the list that it holds for now."""

    row: PriceOverride
    is_in_force: bool
    models: tuple[str, ...]


def read_prices(viewer: User, now: datetime) -> list[ModelPrice]:
    """Of the site's models and of those that the viewer's calls used, by name. Two queries."""
    unpriced = _read_used_models(viewer)
    overrides = load_overrides()
    return [
        ModelPrice(
            model,
            find_rates(model, now, overrides),
            find_override(overrides, model, now),
            unpriced.get(model),
        )
        for model in sorted({*current("CAM_MODELS"), *unpriced})
    ]


def _read_used_models(viewer: User) -> dict[str, UnpricedCalls | None]:
    """Those that answered or are owed for, with what is unpriced of them."""
    is_unpriced = Q(unpriced__gt=0)
    rows = (
        DailyTotal.objects.visible_to(viewer)
        .filter(Q(is_answered=True) | is_unpriced)
        .exclude(model="")
        .values("model")
        .annotate(
            count=Sum("unpriced"),
            first=Min("day", filter=is_unpriced),
            last=Max("day", filter=is_unpriced),
        )
    )
    return {row["model"]: UnpricedCalls(**row) if row["count"] else None for row in rows}


def list_overrides(prices: list[ModelPrice], now: datetime) -> list[ListedOverride]:
    """Those in force and to come, by pattern; not those that a later one of the pattern replaced."""
    models: dict[int, list[str]] = {}
    for price in prices:
        if price.override:
            models.setdefault(price.override.id, []).append(price.model)
    listed: dict[str | int, ListedOverride] = {}
    for row in PriceOverride.objects.order_by("pattern", "starts_at"):
        is_in_force = row.starts_at <= now
        listed[row.pattern if is_in_force else row.pk] = ListedOverride(
            row, is_in_force, tuple(models.get(row.pk, ()))
        )
    return list(listed.values())
