"""What the API of usage and cost takes and gives."""

from datetime import UTC, date, datetime
from typing import Annotated

from ninja import Field, Schema
from pydantic import BeforeValidator, ValidationInfo, field_validator

from agents.api.schemas import MAX_ID, Text
from metrics_app.ledger import Grouping
from metrics_app.models import BudgetPeriod, Scope
from metrics_app.ranges import DayRange, parse_day

Day = Annotated[date, BeforeValidator(parse_day)]


class RangeFilter(Schema):
    """UTC days, half-open."""

    first: Day | None = Field(
        None, alias="from", description="The first day, UTC.", examples=["2026-11-01"]
    )
    end: Day | None = Field(
        None,
        alias="to",
        description="The day that no longer counts, UTC.",
        examples=["2026-12-01"],
    )
    user: Text | None = Field(
        None, max_length=150, description="For staff: only this user's.", examples=["alice"]
    )

    @field_validator("end")
    @classmethod
    def check_end(cls, end: date | None, info: ValidationInfo) -> date | None:
        first = info.data.get("first")
        if first is not None and end is not None and end <= first:
            raise ValueError("must come after from")
        return end


class CallFilter(RangeFilter):
    after: int = Field(
        0, ge=0, le=MAX_ID, description="The last `X-Next-After`, or the `id` of any call."
    )
    limit: int = Field(100, ge=1, le=1000)


class ReportFilter(RangeFilter):
    by: Grouping = Field(Grouping.MODEL, examples=["model"])

    def days(self, now: datetime) -> DayRange:
        """The range asked for; without one, this month."""
        if self.first is None or self.end is None:
            return DayRange.of_month(now.astimezone(UTC).date())
        return DayRange(self.first, self.end)


class TotalsOut(Schema):
    calls: int
    input_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    cache_read_tokens: int
    output_tokens: int
    thinking_tokens: int = Field(description="Part of the output tokens.")
    web_searches: int
    unpriced: int = Field(description="Calls that the cost lacks, as their price is not known.")
    estimated: int
    cost_usd: str | None = Field(
        examples=["0.00914"], description="Exact. Null where all that costs is unpriced."
    )


class GroupOut(TotalsOut):
    key: str = Field(examples=["claude-opus-5-5"])
    label: str = Field(examples=["claude-opus-5-5"], description="The name, for an agent.")


class ReportOut(Schema):
    first: date = Field(alias="from")
    end: date = Field(alias="to")
    by: Grouping
    user: str | None = Field(description="Null for all that you may see.")
    total: TotalsOut
    groups: list[GroupOut] = Field(description="The most expensive first; days in their order.")


class PriceOut(Schema):
    """USD for a million tokens; null where nobody knows."""

    model: str = Field(examples=["claude-opus-5-5"])
    input_usd: str | None = Field(examples=["4"])
    cache_write_5m_usd: str | None = Field(examples=["5"])
    cache_write_1h_usd: str | None = Field(examples=["8"])
    cache_read_usd: str | None = Field(examples=["0.2"])
    output_usd: str | None = Field(examples=["20"])
    source: str | None = Field(examples=["genai-prices"])
    version: str | None = Field(examples=["0.2.3"])


class PriceList(Schema):
    at: datetime = Field(description="When these prices hold.")
    prices: list[PriceOut]


class BudgetOut(Schema):
    id: int
    scope: Scope
    user: str | None = Field(description="For the scope user.", examples=["alice"])
    workspace: str | None = Field(description="For the scope workspace.", examples=[None])
    period: BudgetPeriod
    is_active: bool = Field(description="A budget that is switched off refuses nothing.")
    note: str
    first: date = Field(alias="from", description="The first day of the present period, UTC.")
    resets_at: datetime
    limit_usd: str = Field(examples=["12.5"], description="With top-ups of this period.")
    topped_up_usd: str = Field(examples=["2.5"])
    spent_usd: str = Field(
        examples=["0.00914"], description="Unpriced calls count at the dearest known price."
    )
    left_usd: str = Field(examples=["12.49086"], description="Never below 0.")
    unpriced: int = Field(description="Calls without a known price.")
    forecast_usd: str | None = Field(
        examples=["9.8"],
        description="At the end of the period. Null until there are 3 days of data.",
    )
    crosses_at: datetime | None = Field(
        description="When the limit is reached, if before the end of the period."
    )


class BudgetList(Schema):
    budgets: list[BudgetOut]
